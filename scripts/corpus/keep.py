"""Makes a case of what was recorded: cuts it, draws its times out where that is asked for, and writes truth.json.

keep.py RECORDED CASE: folders. The rest comes by the environment, see `take` in record.sh.
"""

import collections
import datetime
import json
import os
import re
import shutil
import struct
import sys

recorded, case = sys.argv[1:]
told = os.environ
keep, stretch = int(told["KEEP"]), float(told["STRETCH"])
FORM = "%Y-%m-%dT%H:%M:%S.%f%z"


def packets():
    """The records of a pcap file with stamps in microseconds, as time and the whole record; and its header."""
    data = open(os.path.join(recorded, "all.pcap"), "rb").read()
    assert struct.unpack("<I", data[:4])[0] == 0xA1B2C3D4, "a pcap file of this machine"
    found, at = [], 24
    while at + 16 <= len(data):
        seconds, micros, captured, full = struct.unpack("<IIII", data[at : at + 16])
        found.append((seconds + micros / 1e6, captured, full, data[at + 16 : at + 16 + captured]))
        at += 16 + captured
    return data[:24], found


def lines(name):
    """The lines of a log, with their times."""
    with open(os.path.join(recorded, name)) as file:
        return [(datetime.datetime.strptime(line.split(" ", 1)[0], FORM).timestamp(), line) for line in file]


def commands():
    """What was run, without this machine's folders; of many alike (those that differ in numbers alone) the first two."""
    shown, seen = [], collections.Counter()
    for line in open(os.path.join(recorded, "commands")):
        line = line.strip().replace(recorded, "$WORK").replace(os.path.dirname(os.path.abspath(sys.argv[0])), "scripts/corpus")
        shape = re.sub(r"[0-9a-f]+", "0", line)
        seen[shape] += 1
        if seen[shape] <= 2:
            shown.append((line, shape))
    return "; ".join(line + (f" ({seen[shape]} alike)" if seen[shape] > 2 else "") for line, shape in dict.fromkeys(shown))


head, all_packets = packets()
if not all_packets:
    sys.exit("no packet came in")
kept = all_packets[:keep]
first = kept[0][0]
# A line is written a moment after its packet is captured.
last = kept[-1][0] + (0.0005 if len(all_packets) > keep else 5)
logs = {name: [(at, line) for at, line in lines(name) if at <= last] for name in ("kernel.log", "accept.log", "other.log")}
if told["LABEL"] == "attack" and not logs["kernel.log"] and not logs["accept.log"]:
    sys.exit("nothing was logged")


def drawn(at):
    """The time that is written for one that was recorded."""
    return first + (at - first) * stretch


shutil.rmtree(case, ignore_errors=True)
os.makedirs(case)
with open(os.path.join(case, "packets.pcap"), "wb") as file:
    file.write(head)
    for at, captured, full, data in kept:
        micros = round(drawn(at) * 1e6)
        file.write(struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, captured, full) + data)
for name, found in logs.items():
    if not found:
        continue
    with open(os.path.join(case, name), "w") as file:
        for at, line in found:
            when = datetime.datetime.fromtimestamp(drawn(at), datetime.timezone.utc)
            file.write(f"{when:%Y-%m-%dT%H:%M:%S.%f}+0000 {line.split(' ', 1)[1]}")

span = drawn(kept[-1][0]) - first
truth = {
    "label": told["LABEL"],
    "type": told["TYPE"],
    "source": told["SOURCES"].split(),
    "tool": told["TOOL"],
    "command": commands(),
    "real": stretch == 1 and not told["CRAFTED"],
    "first_packet_ts": round(first, 6),
    "packets": len(kept),
    "cut_from": len(all_packets),
    "lines_dropped": len(logs["kernel.log"]),
    "lines_accepted": len(logs["accept.log"]),
    "span_s": round(span, 3),
    "borderline": bool(told["BORDER"]),
    "note": told["NOTE"],
}
if told["LABEL"] != "attack":
    truth["hours"] = round(max(span, 1) / 3600, 4)
if stretch != 1:
    truth["note"] = (truth["note"] + f" Recorded in {span / stretch:.1f} s; the times are drawn out {stretch:g} times.").strip()
with open(os.path.join(case, "truth.json"), "w") as file:
    json.dump(truth, file, indent=1)
    file.write("\n")
print(f"{os.path.basename(case):22} {len(kept):4} of {len(all_packets)} packets, {truth['lines_dropped']} dropped and "
      f"{truth['lines_accepted']} accepted lines, {span:.1f} s", flush=True)
