#!/usr/bin/env bash
# Says which of the programs that this checkout needs are missing or too old: all of them at once, before any long work.
set -uo pipefail

missing=()

# at_least WANTED ACTUAL: whether version ACTUAL is WANTED or later.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# need NAME WANTED ACTUAL WHERE: ACTUAL is empty when the program is not there.
need() {
  if [ -z "$3" ]; then
    missing+=("$1 $2 or later: not found ($4)")
  elif ! at_least "$2" "$3"; then
    missing+=("$1 $2 or later: this is $3 ($4)")
  fi
}

version() { "$@" 2>/dev/null | grep -Eo '[0-9]+(\.[0-9]+)+' | head -n 1; }

# On Linux the checkout brings its own, newer Node; elsewhere the installed one runs TypeScript itself.
node_wanted=22.18
[ "$(uname -s)" = Linux ] && node_wanted=20
need make 3.81 "$(version make --version)" "GNU make"
need node "$node_wanted" "$(version node --version)" "https://nodejs.org"
need npm 9 "$(version npm --version)" "comes with Node"
need python3 3.10 "$(version python3 --version)" "https://www.python.org"
if command -v python3 >/dev/null && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  missing+=("the venv module of python3 (on Debian and Ubuntu: the package python3-venv)")
fi
# Go is asked for later, and only when a program of the local stack must be built (e2e/stack/toolchain/build.ts).

if [ "${#missing[@]}" -gt 0 ]; then
  echo "error: missing on this machine:" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  exit 1
fi
