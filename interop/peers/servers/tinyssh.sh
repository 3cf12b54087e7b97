#!/bin/sh
# tinysshd, one process a connection. It makes its own Ed25519 host key, and has one algorithm of nearly every kind.
[ -d "$PEER_KEYS/tinyssh" ] || tinysshd-makekey "$PEER_KEYS/tinyssh" >/dev/null || exit 1
exec "$(dirname "$0")/as_peer.sh" tcpserver -HRDl0 127.0.0.1 "$1" \
    /usr/sbin/tinysshd -v -x echo=/bin/cat "$PEER_KEYS/tinyssh"
