#!/bin/sh
# OpenSSH's client of 2017, which Debian keeps under the name ssh1; it speaks SSH 2 as well.
host=$1 port=$2 user=$3 key=$4
shift 4
all() { ssh1 -Q "$1" | paste -sd, -; }
exec ssh1 -2 -F none -i "$key" -p "$port" -l "$user" -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PreferredAuthentications=publickey \
    -o KexAlgorithms="$(all kex)" -o Ciphers="$(all cipher)" -o MACs="$(all mac)" \
    ${REKEY:+-o RekeyLimit="$REKEY"} ${SUBSYSTEM:+-s} "$host" "$@"
