#!/usr/bin/env bash
# Installs every peer of the interop suite, on Debian 12 as root: packages of the system, and the rest below target/interop.
# Run it again after a change; what is there already costs little. What comes from PyPI, npm and crates.io has fixed versions
# here; what comes from Debian has those of its release, and docs/interop.md names them.
set -Eeuo pipefail
trap 'echo "interop/setup.sh: line $LINENO failed: $BASH_COMMAND" >&2' ERR
cd "$(dirname "$0")"
# shellcheck disable=SC1091 # it is there on every Debian
release=$(. /etc/os-release && echo "$ID $VERSION_ID")
[ "$release" = "debian 12" ] || echo "interop/setup.sh: this is $release: its peers have other versions than docs/interop.md" >&2
home=$(mkdir -p ../target/interop && cd ../target/interop && pwd)

# The servers among them are started by the tests alone.
packages=( openssh-client openssh-server openssh-client-ssh1 dropbear-bin putty-tools tinysshd ucspi-tcp libnss-wrapper libssh-dev \
    golang-go golang-golang-x-crypto-dev erlang-base erlang-ssh erlang-eunit erlang-dialyzer libjsch-java libganymed-ssh2-java libtrilead-ssh2-java \
    default-jdk-headless ruby-net-ssh php-cli php-ssh2 php-phpseclib nodejs npm python3-venv libnettle8 gcc libc6-dev make )
missing=()
for package in "${packages[@]}"; do
    # Some machines have their programs from elsewhere.
    case $package in
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
        python3-venv) python3 -c 'import ensurepip' 2>/dev/null && continue ;;
        gcc) command -v gcc >/dev/null && continue ;;
        make) command -v make >/dev/null && continue ;;
        default-jdk-headless) command -v javac >/dev/null && continue ;;
    esac
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        echo "interop/setup.sh: these packages are missing, and only root on Debian can install them: ${missing[*]}" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

[ -x "$home/venv/bin/pip" ] || python3 -m venv "$home/venv"
# The list is complete: nothing comes along in whatever version there is.
"$home/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement peers/requirements.txt
"$home/venv/bin/pip" check --disable-pip-version-check >/dev/null

# ssh2 does without what its scripts would build.
mkdir -p "$home/node"
cp peers/node/package.json peers/node/package-lock.json "$home/node"
(cd "$home/node" && npm ci --loglevel=error --ignore-scripts --no-audit --no-fund)

jars=/usr/share/java
mkdir -p "$home/java"
# Trilead's library is Ganymed's under another name, and so is its client.
sed 's/ch\.ethz\.ssh2/com.trilead.ssh2/; s/ganymed-ssh2/trilead-ssh2/; s/Ganymed/Trilead/' peers/src/GanymedPeer.java \
    >"$home/java/TrileadPeer.java"
javac -d "$home/java" -cp "$jars/jsch.jar:$jars/ganymed-ssh2.jar:$jars/trilead-ssh2.jar" peers/src/*.java "$home/java/TrileadPeer.java"
GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$home/gopeer" peers/src/gopeer.go
gcc -O1 -Wall -Wextra -Werror -o "$home/libssh_server" peers/src/libssh_server.c -lssh

CARGO_TARGET_DIR="$home/cargo" cargo build --quiet --release --locked --manifest-path peers/russhpeer/Cargo.toml
cp "$home/cargo/release/russhpeer" "$home/russhpeer"
