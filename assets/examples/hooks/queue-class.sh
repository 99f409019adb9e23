#!/bin/bash
# Runs for queued packets; queue-class.toml names its first argument, by the class of the packet.
#
# What it prints goes to the journal. Put what you like in its place; it runs as the user wallwatch-hook, without any further right.
case $1 in
    probe)
        printf 'probe (%s) of port %s/%s by %s\n' "$WALLWATCH_KIND" "$WALLWATCH_DPORT" "$WALLWATCH_PROTO" "$WALLWATCH_SRC"
        ;;
    discovery)
        printf '%s looks around on the network, and %d packets before it\n' "$WALLWATCH_SRC" "$WALLWATCH_FOLDED"
        ;;
esac
