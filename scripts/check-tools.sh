#!/usr/bin/env bash
# check-tools.sh [test]: says which of the programs that this checkout needs are missing or too old: all of them at once, before
# any long work. With `test` also those that only `make test` needs.
# check-tools.sh --postgresql: prints the folder of the PostgreSQL that the tests use, or says that there is none (exit code 1).
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

postgresql_wanted=14
# Where Debian and Ubuntu have it, by version; off PATH. Another folder is for the test of this script.
postgresql_root=${KEYTURN_POSTGRESQL_ROOT:-/usr/lib/postgresql}
no_postgresql="PostgreSQL $postgresql_wanted or later with postgres and initdb: neither on PATH nor in $postgresql_root (on Debian and Ubuntu: the package postgresql)"

# postgresql_folder: the first on PATH, else the newest of Debian's, that has both programs and is new enough.
postgresql_folder() {
  local folder folders=()
  IFS=: read -r -a folders <<<"${PATH:-}"
  while IFS= read -r folder; do folders+=("$postgresql_root/$folder/bin"); done < <(ls "$postgresql_root" 2>/dev/null | sort -Vr)
  for folder in "${folders[@]}"; do
    [ -n "$folder" ] && [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] || continue
    at_least "$postgresql_wanted" "$(version "$folder/postgres" --version)" && printf '%s\n' "$folder" && return
  done
  return 1
}

if [ "${1:-}" = --postgresql ]; then
  postgresql_folder && exit
  echo "error: $no_postgresql" >&2
  exit 1
fi

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

if [ "${1:-}" = test ]; then
  # Passwords of database users are rotated on a real server (e2e/stack/postgres.ts).
  postgresql_folder >/dev/null || missing+=("$no_postgresql")
  need git 2 "$(version git --version)" "https://git-scm.com"
fi

if [ "${#missing[@]}" -gt 0 ]; then
  echo "error: missing on this machine:" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  exit 1
fi
