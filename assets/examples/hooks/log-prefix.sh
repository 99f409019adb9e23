#!/bin/bash
# Runs when the firewall logged a packet with the prefix that log-prefix.toml names.
#
# What it prints goes to the journal. Put what you like in its place; it runs as the user wallwatch-hook, without any further right.
# Whatever strangers sent is in variables: within quotes it stays text. Never hand it to eval, or to a command as a part of its text.
printf 'rule "%s": %s tried port %s/%s\n' "$WALLWATCH_PREFIX" "$WALLWATCH_SRC" "$WALLWATCH_DPORT" "$WALLWATCH_PROTO"

# Packets that came over the limit since the last run, for which this one stands.
if ((WALLWATCH_FOLDED > 0)); then
    printf 'and %d more before it\n' "$WALLWATCH_FOLDED"
fi
