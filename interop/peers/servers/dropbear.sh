#!/bin/sh
# dropbear's server. What it offers was chosen when it was built. It knows no subsystem but sftp.
for type in rsa ecdsa ed25519; do
    dropbearconvert openssh dropbear "$PEER_KEYS/host_$type" "$PEER_KEYS/dropbear_$type" >/dev/null 2>&1 || exit 1
done
exec "$(dirname "$0")/as_peer.sh" /usr/sbin/dropbear -F -E -s -p "127.0.0.1:$1" -P "$PEER_KEYS/dropbear.pid" \
    -r "$PEER_KEYS/dropbear_ed25519" -r "$PEER_KEYS/dropbear_ecdsa" -r "$PEER_KEYS/dropbear_rsa"
