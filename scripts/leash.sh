#!/bin/sh
# Runs a program that changes its user, and ends it when this shell is ended or its starter dies.
#
#   leash.sh PROGRAM [ARGUMENT...]
#
# The kernel forgets PR_SET_PDEATHSIG (prctl(2)) when a process changes its user, as dbus-daemon and polkitd do; this
# shell stays root's and keeps it for them.
set -u
[ "${1-}" != --held ] && exec setpriv --pdeathsig TERM -- "$0" --held "$@"
shift
"$@" &
trap 'kill "$!" 2>/dev/null' TERM
wait "$!"
code=$?
# A signal ends `wait` early; the program then takes its time to end.
while kill -0 "$!" 2>/dev/null; do wait "$!"; done
exit "$code"
