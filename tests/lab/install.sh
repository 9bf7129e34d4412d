#!/usr/bin/env bash
# Installs what the build, the tests and the demo need on a bare Debian 12, and nothing that is there already.
#
#   tests/lab/install.sh GROUP...      groups: build nextest deny peers fuzz
#   tests/lab/install.sh --check ...   only say what is missing (exit status 1 when anything is)
#
#   build     a C compiler for aws-lc-sys: all that `make demo` needs besides the Rust toolchain
#   nextest   cargo-nextest, the test runner
#   deny      cargo-deny, the dependency gate
#   peers     the foreign SIP peers, tshark, and the pinned Python and Node packages of tests/peers and tests/clients
#   fuzz      clang and cargo-fuzz (needs a nightly toolchain as well)
#
# Debian packages need root. Python packages go to target/venv, Node packages to target/node, from pinned lists beside
# this file; a stamp with the list's hash makes the second run take no time.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

readonly NEXTEST_VERSION=0.9.143
readonly DENY_VERSION=0.20.2
readonly FUZZ_VERSION=0.13.2

check_only=no
missing_packages=()
missing_other=()

say() { printf 'install: %s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}

# want PACKAGE TEST...: notes PACKAGE as missing unless the command TEST succeeds
want() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing_packages+=("$package")
}

have() { command -v "$1"; }

want_build() {
  want gcc have cc
  want libc6-dev test -e /usr/include/stdio.h
}

want_peers() {
  want_build
  want iproute2 have ip
  want openssl have openssl
  want procps have ps
  want systemd have systemd-analyze
  want sip-tester have sipp
  want baresip-core have baresip
  want kamailio have kamailio
  want kamailio-tls-modules kamailio_module tls
  want tshark have tshark
  want sipsak have sipsak
  want sipvicious have svmap
  want python3-venv /usr/bin/python3 -c 'import ensurepip, venv'
  want python3-dev python_headers
  if ! have node >/dev/null; then missing_packages+=(nodejs); fi
  if ! have npm >/dev/null; then missing_packages+=(npm); fi
}

want_fuzz() {
  want_build
  want clang have clang
  want_cargo_tool cargo-fuzz
}

kamailio_module() { compgen -G "/usr/lib/*/kamailio/modules/$1.so"; }

# pesq is published as source only, so its build needs Python.h
python_headers() { /usr/bin/python3 -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")'; }

want_cargo_tool() { have "$1" >/dev/null || missing_other+=("$1"); }

stamp_of() { cat "$@" | sha256sum | cut -c1-16; }

python_stamp() { stamp_of "$here/requirements.txt" "$here/requirements-old.txt"; }
node_stamp() { stamp_of "$here/package-lock.json"; }

install_packages() {
  [ ${#missing_packages[@]} -gt 0 ] || return 0
  local list
  list=$(printf '%s\n' "${missing_packages[@]}" | sort -u | tr '\n' ' ')
  if ! have apt-get >/dev/null; then
    die "missing: $list- and there is no apt-get. This script knows Debian 12; install the like of these by hand."
  fi
  if [ "$(id -u)" -ne 0 ]; then
    die "missing Debian packages, and only root may install them. Run:  sudo apt-get install $list"
  fi
  say "apt-get install $list"
  # RUNLEVEL=1 keeps Debian's maintainer scripts from starting the services they bring.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get update -qq </dev/null >&2 || die "apt-get update failed; is the network there?"
  # shellcheck disable=SC2086 # a list of names
  apt-get install -y -qq --no-install-recommends $list </dev/null >&2 || die "apt-get install failed for: $list"
}

# cargo_tool NAME VERSION: an exact version, and only when no version is there: whoever has a newer one keeps it
cargo_tool() {
  have "$1" >/dev/null && return 0
  say "cargo install $1 $2 (takes some minutes)"
  CARGO_TARGET_DIR="$root/target/tools-build" cargo install --locked --quiet "$1" --version "=$2" </dev/null >&2 ||
    die "cargo install $1 failed"
  rm -rf "$root/target/tools-build"
}

python_packages() {
  local venv=$root/target/venv want
  want=$(python_stamp)
  [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$want" ] && return 0
  say "python packages into target/venv"
  rm -rf "$venv"
  mkdir -p "$root/target"
  /usr/bin/python3 -m venv "$venv" || die "cannot make $venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input -r "$here/requirements.txt" </dev/null >&2 ||
    die "pip install failed"
  # A second version of a client cannot live beside the first: it has a folder of its own, and finds the rest in the venv.
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps --target "$venv/teler-0.2.2" \
    -r "$here/requirements-old.txt" </dev/null >&2 || die "pip install failed"
  printf '%s' "$want" >"$venv/.stamp"
}

node_packages() {
  local node=$root/target/node want
  want=$(node_stamp)
  [ "$(cat "$node/.stamp" 2>/dev/null)" = "$want" ] && return 0
  say "node packages into target/node"
  mkdir -p "$node"
  cp "$here/package.json" "$here/package-lock.json" "$node/"
  npm ci --prefix "$node" --no-audit --no-fund --ignore-scripts --loglevel=error </dev/null >&2 || die "npm ci failed"
  printf '%s' "$want" >"$node/.stamp"
}

groups=()
for argument in "$@"; do
  case $argument in
    --check) check_only=yes ;;
    build | nextest | deny | peers | fuzz) groups+=("$argument") ;;
    *) die "unknown group '$argument'; groups: build nextest deny peers fuzz" ;;
  esac
done
[ ${#groups[@]} -gt 0 ] || die "name at least one group: build nextest deny peers fuzz"

# Everything but `build` compiles Rust, and the demo does so next.
have cargo >/dev/null || die "no Rust toolchain: install rustup from https://rustup.rs (Rust 1.95 or later), then run this again"

for group in "${groups[@]}"; do
  case $group in
    build) want_build ;;
    nextest) want_build && want_cargo_tool cargo-nextest ;;
    deny) want_build && want_cargo_tool cargo-deny ;;
    peers)
      want_peers
      [ "$(cat "$root/target/venv/.stamp" 2>/dev/null)" = "$(python_stamp)" ] || missing_other+=(target/venv)
      [ "$(cat "$root/target/node/.stamp" 2>/dev/null)" = "$(node_stamp)" ] || missing_other+=(target/node)
      ;;
    fuzz) want_fuzz ;;
  esac
done

if [ $check_only = yes ]; then
  [ $((${#missing_packages[@]} + ${#missing_other[@]})) -eq 0 ] && exit 0
  say "missing: ${missing_packages[*]} ${missing_other[*]}"
  exit 1
fi

install_packages
for group in "${groups[@]}"; do
  case $group in
    build) ;;
    nextest) cargo_tool cargo-nextest $NEXTEST_VERSION ;;
    deny) cargo_tool cargo-deny $DENY_VERSION ;;
    peers)
      python_packages
      node_packages
      ;;
    fuzz) cargo_tool cargo-fuzz $FUZZ_VERSION ;;
  esac
done
