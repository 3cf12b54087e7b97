#!/bin/sh
# Writes the certificates and revocation lists beside it, by ssh-keygen, for keys of ../keys.
#
# A certificate holds a random number, so a second run gives other bytes that mean the same.
set -eu
export TZ=UTC
cd "$(dirname "$0")"

for type in ed25519 rsa ecdsa; do
    [ -f ca-$type ] || ssh-keygen -q -t $type -N '' -C ca-$type@vectors -f ca-$type
done
# A security key's public half: nobody needs the key itself to certify it.
python3 - <<'EOF'
import base64, hashlib
def string(data): return len(data).to_bytes(4, "big") + data
def key(path): return base64.b64decode(open(path).read().split()[1])
point, application = key("../keys/ed25519.pub")[-32:], string(b"ssh:")
name = b"sk-ssh-ed25519@openssh.com"
open("sk-ed25519.pub", "w").write(f"{name.decode()} {base64.b64encode(string(name) + string(point) + application).decode()} sk\n")
name, blob = b"sk-ecdsa-sha2-nistp256@openssh.com", key("../keys/ecdsa.pub")
open("sk-ecdsa.pub", "w").write(f"{name.decode()} {base64.b64encode(string(name) + blob[23:] + application).decode()} sk\n")
EOF

# certify NAME KEY CA OPTIONS...: NAME-cert.pub is KEY, certified by CA.
certify() {
    name=$1 key=$2 ca=$3
    shift 3
    cp "$key.pub" "$name.pub"
    ssh-keygen -q -s "ca-$ca" -V 20260101000000:20270101000000 "$@" "$name.pub"
    rm "$name.pub"
}
keys=../keys
certify user-ed25519 $keys/ed25519 ed25519 -I 'user ed25519' -z 1 -n alice,bob
certify user-rsa $keys/rsa2048 rsa -t rsa-sha2-512 -I 'user rsa' -z 2 -n alice
certify user-ecdsa $keys/ecdsa ecdsa -I 'user ecdsa' -z 3 -n alice
certify user-ecdsa384 $keys/ecdsa384 ed25519 -I 'user ecdsa384' -z 4 -n alice
certify user-ecdsa521 $keys/ecdsa521 rsa -t rsa-sha2-256 -I 'user ecdsa521' -z 5 -n alice
certify user-sk-ed25519 sk-ed25519 ed25519 -I 'user sk ed25519' -z 6 -n alice -O no-touch-required
certify user-sk-ecdsa sk-ecdsa ed25519 -I 'user sk ecdsa' -z 7 -n alice -O verify-required
certify user-sha1 $keys/ed25519 rsa -t ssh-rsa -I 'user sha1' -z 8 -n alice
certify user-restricted $keys/ed25519 ed25519 -I 'user restricted' -z 9 -n alice -O clear -O permit-pty \
    -O force-command='/bin/echo "only this"' -O source-address=192.0.2.0/24,2001:db8::/32 -O extension:login@example.com=alice
certify user-nobody $keys/ed25519 ed25519 -I 'user nobody' -z 10
certify user-critical $keys/ed25519 ed25519 -I 'user critical' -z 11 -n alice -O critical:unknown@example.com=x
certify user-unnumbered $keys/ed25519 ed25519 -I 'user unnumbered' -n alice
certify host-ed25519 $keys/ed25519 ed25519 -h -I 'host ed25519' -z 100 -n host.example.com,192.0.2.7
certify host-wildcard $keys/rsa2048 rsa -t rsa-sha2-512 -h -I 'host wildcard' -z 101 -n '*.example.com,node?'
certify host-anywhere $keys/ed25519 ed25519 -h -I 'host anywhere' -z 102

# revoke NAME CA FILES...: the list NAME is about CA's certificates (none: everybody's); what it says comes from the input.
revoke() {
    name=$1 ca=$2
    shift 2
    [ "$ca" = none ] || ca=ca-$ca.pub
    ssh-keygen -q -k -f "$name" -s "$ca" -z 7 "$@" -
}
echo 'serial: 1
serial: 9
serial: 1000000' | revoke krl-list ed25519
echo 'serial: 4-11' | revoke krl-range ed25519
for serial in $(seq 1 2 201) 300 301 303; do echo "serial: $serial"; done | revoke krl-bitmap ed25519
echo 'serial: 1
serial: 18446744073709551615' | revoke krl-any-authority none
echo 'id: user ed25519
id: somebody else' | revoke krl-key-id ed25519
revoke krl-certificate ed25519 user-ed25519-cert.pub user-unnumbered-cert.pub </dev/null
revoke krl-key ed25519 $keys/ed25519.pub $keys/rsa2048.pub </dev/null
echo "sha1: $(cat $keys/ed25519.pub)" | revoke krl-sha1 ed25519
echo "sha256: $(cat $keys/ed25519.pub)" | revoke krl-sha256 ed25519
revoke krl-authority ed25519 ca-ed25519.pub </dev/null
revoke krl-empty ed25519 </dev/null
