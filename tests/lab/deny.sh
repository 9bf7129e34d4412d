#!/usr/bin/env bash
# The dependency gate: bans, licences, sources and advisories of the shipped program (deny.toml) and of everything the
# tests bring (.config/deny-dev.toml). Then it proves that the bans bite, on a copy with one wrong dependency each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

deny() { cargo deny --locked --workspace "$@"; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

echo "deny: the shipped program"
deny check bans licenses sources
echo "deny: the whole graph, tests included"
deny --config .config/deny-dev.toml check bans licenses sources

echo "deny: advisories"
if deny fetch db >"$scratch/fetch" 2>&1; then
  deny check advisories
  deny --offline --config .config/deny-dev.toml check advisories
elif grep -qE 'Could not resolve host|Failed to connect|Could not connect|Connection refused|timed out|Network is unreachable|returned error: 40[37]' "$scratch/fetch"; then
  sed 's/^/deny:   /' "$scratch/fetch"
  cat <<'LOUD'
deny: ##############################################################################################
deny: ## ADVISORIES WERE NOT CHECKED: the RustSec database is out of this machine's reach.        ##
deny: ## Nothing is known here about vulnerable crates. Run `make deny` where the network is open. ##
deny: ##############################################################################################
LOUD
  [ "${REQUIRE_ADVISORIES:-no}" = no ] || exit 1
else
  cat "$scratch/fetch"
  echo "deny: the advisory database could not be fetched, and not for want of a network: that is a fault" >&2
  exit 1
fi

# bites CRATE MEMBER LINE: with LINE among MEMBER's dependencies the gate must refuse, and name CRATE
bites() {
  local banned=$1 member=$2 line=$3 tree=$scratch/$1
  mkdir "$tree"
  # Manifests as they are, sources by name only: cargo wants to see the targets, nothing compiles them.
  git ls-files -co --exclude-standard '*.rs' '*Cargo.toml' Cargo.lock deny.toml | while read -r file; do
    [ -e "$file" ] || continue
    mkdir -p "$tree/$(dirname "$file")"
    case $file in
      *.rs) : >"$tree/$file" ;;
      *) cp "$file" "$tree/$file" ;;
    esac
  done
  awk -v line="$line" '{ print } $0 == "[dependencies]" { print line }' "$member/Cargo.toml" |
    awk -v name="$banned" '/^\[dev-dependencies\]/ { dev = 1 } /^\[/ && !/dev-/ { dev = 0 } !(dev && $0 ~ "^" name "[ .]")' \
      >"$tree/$member/Cargo.toml"
  if cargo deny --manifest-path "$tree/Cargo.toml" --workspace check bans >"$scratch/out" 2>&1; then
    echo "deny: the ban on $banned does not bite: $member took it" >&2
    exit 1
  fi
  if ! grep -q "error\[banned\]: crate '$banned" "$scratch/out"; then
    cat "$scratch/out"
    echo "deny: the copy with $banned in $member was refused for another reason" >&2
    exit 1
  fi
  echo "deny: $banned in $member is refused, as it should be"
}
bites rsip sip-core 'rsip.workspace = true'
bites webrtc-srtp media-engine 'webrtc-srtp.workspace = true'
bites rtp media-engine 'rtp.workspace = true'
bites ring ai-bridge 'ring = { version = "0.17" }'
