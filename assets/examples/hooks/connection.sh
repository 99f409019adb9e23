#!/bin/bash
# Runs for each new connection that connection.toml names.
#
# What it prints goes to the journal. Put what you like in its place; it runs as the user wallwatch-hook, without any further right.
printf 'connection from %s, port %s, to %s, port %s/%s\n' \
    "$WALLWATCH_SRC" "$WALLWATCH_SPORT" "$WALLWATCH_DST" "$WALLWATCH_DPORT" "$WALLWATCH_PROTO"

# Everything else is on standard input, as one line of JSON. With jq, for example, who began it:
#     direction=$(jq --raw-output .event.flow.direction)
