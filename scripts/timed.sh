#!/usr/bin/env bash
# timed.sh NAME COMMAND…: runs a command as a step, says how long it took, and keeps that for `timed.sh --table`.
set -uo pipefail
table=node_modules/.keyturn-steps

case "$1" in
  --start) : >"$table"; exit 0 ;;
  --table) printf '\n%-28s %s\n' step seconds; cat "$table"; exit 0 ;;
esac

name=$1
shift
began=$(date +%s)
printf '\n== %s\n' "$name"
"$@"
code=$?
seconds=$(($(date +%s) - began))
printf '%-28s %s\n' "$name" "$seconds" >>"$table"
printf '== %s: %s after %s s\n' "$name" "$([ "$code" -eq 0 ] && echo done || echo "FAILED ($code)")" "$seconds"
exit "$code"
