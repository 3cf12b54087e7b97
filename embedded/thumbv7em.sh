#!/bin/sh
# Builds the check for a Cortex-M4 (thumbv7em-none-eabi) and says how much flash and RAM it takes.
#
# The standard library for that target comes from nowhere but its source: Debian's rustc-web brings a compiler and the
# source that belongs to it, and cargo builds `core` and `alloc` from that. Nothing is installed; some 900 MB stay in
# target/debian-rust. Wanted: Debian with current package lists (`apt-get update` makes them so), and a stable Rust of
# rustup, whose cargo and rust-lld are used.
#
# Where the packages cannot be had, the script says so and exits with 77. Where qemu-system-arm is installed, the firmware
# runs there too.
set -eu
cd "$(dirname "$0")"
target=thumbv7em-none-eabi
tools=${CARGO_TARGET_DIR:-target}/debian-rust
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)

skip() {
    echo "thumbv7em: skipped: $1" >&2
    exit 77
}

fetch() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || skip "this is not Debian: no apt-get, no dpkg"
    version=$(apt-cache policy rustc-web | awk '/Candidate:/ { print $2 }')
    case ${version:-(none)} in
    "(none)") skip "apt knows no rustc-web: run apt-get update, or use Debian 12 with its security updates" ;;
    esac
    std=libstd-rust-web-$(echo "$version" | cut -d. -f1,2)
    llvm=$(apt-cache show "$std=$version" | grep -o 'libllvm[0-9]*' | head -n 1)
    mkdir -p "$tools/packages" "$tools/root"
    (
        cd "$tools/packages"
        apt-get -o APT::Sandbox::User=root download \
            "rustc-web=$version" "$std=$version" "libstd-rust-web-dev=$version" "rust-web-src=$version" "$llvm" >/dev/null
    ) || skip "the packages of rustc-web $version could not be downloaded"
    for package in "$tools"/packages/*.deb; do
        dpkg -x "$package" "$tools/root"
    done
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
        "$tools/root/usr/lib/x86_64-linux-gnu" "$tools/root/usr/bin/rustc" >"$tools/rustc"
    chmod +x "$tools/rustc"
    "$tools/rustc" --version >/dev/null || skip "Debian's rustc does not run here: a library of its LLVM is missing"
    touch "$tools/complete"
}

# build NAME RUSTFLAGS FEATURES...
build() {
    name=$1
    RUSTFLAGS=$2
    shift 2
    export RUSTFLAGS
    CARGO_TARGET_DIR=$tools/build-$target RUSTC=$tools/rustc RUSTC_BOOTSTRAP=1 \
        CARGO_TARGET_THUMBV7EM_NONE_EABI_LINKER=$lld \
        cargo build --quiet --release --package embedded-firmware --target "$target" \
        -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem "$@"
    firmware=$tools/build-$target/$target/release/embedded-firmware
    # Sections that are loaded: flags A, with W in RAM too.
    sections=$(readelf --sections --wide "$firmware" | sed 's/^ *\[ *[0-9]*\] *//')
    bytes() { printf '%d' "0x$(echo "$sections" | awk -v name="$1" '$1 == name { print $5 }' | sed 's/^$/0/')"; }
    vectors=$(bytes .vector_table) text=$(bytes .text) rodata=$(bytes .rodata) data=$(bytes .data) bss=$(bytes .bss)
    printf '%-28s flash %7d bytes (code %d, constants %d)   static RAM %d, of which the heap has 32768\n' \
        "$name" $((vectors + text + rodata + data)) $((vectors + text)) "$rodata" $((data + bss))
    if command -v qemu-system-arm >/dev/null; then
        qemu-system-arm -M mps2-an386 -nographic -semihosting-config enable=on,target=native -kernel "$firmware"
    fi
}

[ -e "$tools/complete" ] || fetch
sysroot=$(env -u RUSTC rustc --print sysroot)
lld=$sysroot/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld
[ -x "$lld" ] || skip "$lld is missing: it comes with rustup's Rust for x86-64 Linux"
command -v readelf >/dev/null || skip "readelf is missing: it is in the package binutils"

compact='--cfg sha2_backend_soft="compact" --cfg aes_backend_soft="compact"'
build "small code" "$compact"
build "fast code" ""
build "small code, with RSA" "$compact" --features rsa
