#!/bin/sh
# Runs a server that looks into /etc/passwd for who logs in and where the keys are: it finds one user, `peer`, who is who
# runs this, and whose home is PEER_KEYS/home.
set -e
home=$PEER_KEYS/home
mkdir -p "$home/.ssh"
cp "$PEER_KEYS/authorized_keys" "$home/.ssh/authorized_keys"
chmod 700 "$home" "$home/.ssh"
chmod 600 "$home/.ssh/authorized_keys"
echo "peer:x:$(id -u):$(id -g):peer:$home:/bin/sh" >"$PEER_KEYS/passwd"
echo "peer:x:$(id -g):" >"$PEER_KEYS/group"
export NSS_WRAPPER_PASSWD="$PEER_KEYS/passwd" NSS_WRAPPER_GROUP="$PEER_KEYS/group"
LD_PRELOAD=libnss_wrapper.so exec "$@"
