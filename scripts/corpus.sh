#!/bin/bash
# Records the labelled cases in tests/data/corpus anew: real tools attack, and real programs live, in network namespaces.
#
#   corpus.sh [--seed N] [--into FOLDER] [--list] [CASE...]      all cases, into target/corpus
#
# Each run takes fresh addresses, prefixes, ports, interface names, orders and pauses; the seed, which it prints, gives
# them again (but not what a tool chooses itself, nor the time). The packages come with `packages.sh corpus`; root is
# needed. Nothing leaves the namespaces, floods are bounded, and all of it ends with this script, however it ends.
# Without CASE it takes some seven minutes.
set -euo pipefail
root=$(dirname "$(dirname "$(readlink -f "$0")")")
seed=${EPOCHSECONDS} into=$root/target/corpus cases=() list=
while [ $# -gt 0 ]; do
    case $1 in
    --seed) seed=${2:?a number}; shift ;;
    --into) into=${2:?a folder}; shift ;;
    --list) list=1 ;;
    -*) sed -n '2,9p' "$0"; exit 2 ;;
    *) cases+=("$1") ;;
    esac
    shift
done
source "$root/scripts/corpus/net.sh"
source "$root/scripts/corpus/record.sh"
source "$root/scripts/corpus/attacks.sh"
source "$root/scripts/corpus/benign.sh"
mapfile -t known < <(declare -F | sed -n 's/^declare -f case_//p')
[ -z "$list" ] || { printf '%s\n' "${known[@]}"; exit 0; }
[ ${#cases[@]} -gt 0 ] || cases=("${known[@]}")

# The first call sets the one thing that namespaces do not have for themselves, and puts it back.
if [ -z "${CORPUS_INSIDE-}" ]; then
    for name in "${cases[@]}"; do declare -F "case_$name" >/dev/null || { echo "corpus.sh: no case '$name'" >&2; exit 2; }; done
    mkdir -p "$into"
    exec 7</proc/self/ns/net
    sysctl=/proc/sys/net/netfilter/nf_log_all_netns
    old=$(<$sysctl)
    scratch=$(mktemp -d)
    chmod 711 "$scratch"
    inside=
    # KILL: unshare waits for its child whatever else it is told, and takes it along.
    trap '[ -z "$inside" ] || kill -KILL "$inside" 2>/dev/null; echo "$old" >$sysctl; rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM
    # Where the namespace of processes goes, all in it goes; where the mounts go, the names of network namespaces go.
    CORPUS_INSIDE=$scratch unshare --mount --pid --net --fork --kill-child --mount-proc -- \
        "$0" --seed "$seed" --into "$(readlink -f "$into")" "${cases[@]}" &
    inside=$!
    code=0
    wait "$inside" || code=$?
    inside=
    exit $code
fi

echo "corpus.sh: seed $seed"
# Servers write below /run; what they find there is not the machine's.
mount -t tmpfs none /run
mkdir /run/netns
failed=()
for name in "${cases[@]}"; do
    # A second try is for a machine that was too busy, and for another program that took nf_log_all_netns away.
    take "$name" || take "$name" || failed+=("$name")
done
[ ${#failed[@]} = 0 ] || { echo "corpus.sh: no record of: ${failed[*]}" >&2; exit 1; }
