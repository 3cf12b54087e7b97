#!/bin/sh
# OpenSSH's client with everything that it has. SSH names another binary.
host=$1 port=$2 user=$3 key=$4
shift 4
ssh=${SSH:-ssh}
all() { "$ssh" -Q "$1" | paste -sd, -; }
exec "$ssh" -F none -i "$key" -p "$port" -l "$user" -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PreferredAuthentications=publickey \
    -o KexAlgorithms="$(all kex)" -o Ciphers="$(all cipher)" -o MACs="$(all mac)" \
    -o HostKeyAlgorithms="$(all HostKeyAlgorithms)" -o PubkeyAcceptedAlgorithms="$(all PubkeyAcceptedAlgorithms)" \
    ${REKEY:+-o RekeyLimit="$REKEY"} ${SUBSYSTEM:+-s} "$host" "$@"
