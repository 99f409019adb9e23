#!/bin/bash
# Runs a program as root with the environment it has now: cargo's "runner" where tests need root and the user is not.
set -eu
[ "$(id -u)" != 0 ] || exec "$@"
variables=()
while IFS= read -r -d '' variable; do variables+=("$variable"); done < <(env -0)
# Not `sudo -E`: that needs a permission of its own (SETENV in sudoers(5)).
exec sudo env "${variables[@]}" "$@"
