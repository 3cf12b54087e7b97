#!/bin/sh
# dropbear's client. What it offers was chosen when it was built.
host=$1 port=$2 user=$3 key=$4
shift 4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
dropbearconvert openssh dropbear "$key" "$scratch/key" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 255; }
HOME=$scratch dbclient -y -y -T -i "$scratch/key" -p "$port" -l "$user" ${SUBSYSTEM:+-s} "$host" "$@"
