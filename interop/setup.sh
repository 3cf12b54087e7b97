#!/usr/bin/env bash
# Installs every peer of the interop suite, on Debian as root: packages of the system, and the rest below target/interop.
# Run it again after a change; what is there already costs little.
set -euo pipefail
cd "$(dirname "$0")"
home=$(mkdir -p ../target/interop && cd ../target/interop && pwd)

# The servers among them are started by the tests alone.
packages=( openssh-client openssh-server openssh-client-ssh1 dropbear-bin putty-tools tinysshd ucspi-tcp libnss-wrapper libssh-dev \
    golang-go golang-golang-x-crypto-dev erlang-base erlang-ssh libjsch-java libganymed-ssh2-java libtrilead-ssh2-java \
    default-jdk-headless ruby-net-ssh php-cli php-ssh2 php-phpseclib nodejs npm python3-venv libnettle8 gcc libc6-dev )
missing=()
for package in "${packages[@]}"; do
    # Some machines have their programs from elsewhere.
    case $package in
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
        python3-venv) python3 -c 'import ensurepip' 2>/dev/null && continue ;;
        gcc) command -v gcc >/dev/null && continue ;;
        default-jdk-headless) command -v javac >/dev/null && continue ;;
    esac
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

[ -x "$home/venv/bin/python" ] || python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check --requirement peers/requirements.txt

# ssh2 does without what its scripts would build.
mkdir -p "$home/node"
cp peers/node/package.json peers/node/package-lock.json "$home/node"
(cd "$home/node" && npm ci --silent --ignore-scripts --no-audit --no-fund)

jars=/usr/share/java
mkdir -p "$home/java"
javac -d "$home/java" -cp "$jars/jsch.jar:$jars/ganymed-ssh2.jar:$jars/trilead-ssh2.jar" peers/src/*.java
GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$home/gopeer" peers/src/gopeer.go
gcc -O1 -Wall -Wextra -Werror -o "$home/libssh_server" peers/src/libssh_server.c -lssh

CARGO_TARGET_DIR="$home/cargo" cargo build --quiet --release --locked --manifest-path peers/russhpeer/Cargo.toml
cp "$home/cargo/release/russhpeer" "$home/russhpeer"
