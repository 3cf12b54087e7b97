#!/bin/sh
# OpenSSH's server with everything that it has.
all() { ssh -Q "$1" | paste -sd, -; }
# It drops its privileges into this directory.
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
exec "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f /dev/null -p "$1" -o ListenAddress=127.0.0.1 \
    -h "$PEER_KEYS/host_ed25519" -h "$PEER_KEYS/host_ecdsa" -h "$PEER_KEYS/host_ecdsa384" -h "$PEER_KEYS/host_ecdsa521" \
    -h "$PEER_KEYS/host_rsa" -o PidFile=none -o AuthorizedKeysFile="$PEER_KEYS/authorized_keys" -o StrictModes=no \
    -o UsePAM=no -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no -o PermitRootLogin=yes \
    -o MaxStartups=100 -o Subsystem="echo /bin/cat" -o Compression=yes -o SetEnv="HOME=$PEER_KEYS" \
    -o KexAlgorithms="$(all kex)" -o Ciphers="$(all cipher)" -o MACs="$(all mac)" \
    -o HostKeyAlgorithms="$(all HostKeyAlgorithms)" -o PubkeyAcceptedAlgorithms="$(all PubkeyAcceptedAlgorithms)" \
    ${REKEY:+-o RekeyLimit="$REKEY"}
