#!/bin/sh
# PuTTY's plink. A session file in a home of its own lifts its warnings about old algorithms above the last one: in batch
# mode it would end at the first. It trusts the host keys of PEER_KEYS alone.
host=$1 port=$2 user=$3 key=$4
shift 4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
puttygen "$key" -o "$scratch/key.ppk" -O private || exit 255
mkdir -p "$scratch/.putty/sessions"
cat >"$scratch/.putty/sessions/peer" <<END
Protocol=ssh
HostName=$host
PortNumber=$port
KEX=ntru-curve25519,ecdh,dh-gex-sha1,dh-group18-sha512,dh-group17-sha512,dh-group16-sha512,dh-group15-sha512,dh-group14-sha1,dh-group1-sha1,rsa,WARN
Cipher=aes,chacha20,aesgcm,3des,blowfish,arcfour,des,WARN
HostKey=ed25519,ed448,ecdsa,rsa,dsa,WARN
PreferKnownHostKeys=0
${REKEY:+RekeyBytes=$REKEY}
END
pins=
for public in "$PEER_KEYS"/host_*.pub; do
    pins="$pins -hostkey $(ssh-keygen -l -f "$public" | cut -d' ' -f2)"
done
# shellcheck disable=SC2086 # one word each
HOME=$scratch plink -load peer -batch -noagent -no-antispoof -i "$scratch/key.ppk" $pins -l "$user" ${SUBSYSTEM:+-s} "$@"
