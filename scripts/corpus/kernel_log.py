"""Writes what the kernel logs of one firewall as journalctl -o short-iso-precise does, until it is told to end.

kernel_log.py FOLDER DROPPED ACCEPTED MARTIAN: the lines with the prefix DROPPED go to FOLDER/kernel.log, those with
ACCEPTED to accept.log, and martians whose line ends in MARTIAN, with the line behind them, to other.log.
"""

import datetime
import os
import signal
import sys
import time

folder, dropped, accepted, martian = sys.argv[1:]
records = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
os.lseek(records, 0, os.SEEK_END)
# By how much the wall clock is ahead of the log's own: the smallest distance that was seen, as reading is never early.
ahead = None
kept = {"kernel.log": [], "accept.log": [], "other.log": []}
lost = 0
ending = False


def end(_signal, _frame):
    """Ends after what is there by now."""
    global ending
    ending = True


signal.signal(signal.SIGTERM, end)
open(os.path.join(folder, "ready"), "w").close()
header_follows = False
while True:
    was_ending = ending
    try:
        record = os.read(records, 8192).decode(errors="replace")
    except BlockingIOError:
        if was_ending:
            break
        time.sleep(0.001)
        continue
    except BrokenPipeError:  # EPIPE: the ring was faster than we
        lost += 1
        continue
    # "priority,number,microseconds,flags;text" (Documentation/ABI/testing/dev-kmsg); facility 0 is the kernel itself.
    head, text = record.split(";", 1)
    priority, _, stamp = head.split(",")[:3]
    if int(priority) >> 3:
        continue
    text, at = text.split("\n", 1)[0], int(stamp) / 1e6
    distance = time.time() - at
    ahead = distance if ahead is None else min(ahead, distance)
    if text.startswith(dropped):
        kept["kernel.log"].append((at, text))
    elif text.startswith(accepted):
        kept["accept.log"].append((at, text))
    elif text.endswith(martian) or (header_follows and text.startswith("ll header:")):
        kept["other.log"].append((at, text))
    header_follows = text.endswith(martian)
for name, lines in kept.items():
    with open(os.path.join(folder, name), "w") as file:
        for at, text in lines:
            when = datetime.datetime.fromtimestamp(at + ahead, datetime.timezone.utc)
            file.write(f"{when:%Y-%m-%dT%H:%M:%S.%f}+0000 victim kernel: {text}\n")
if lost:
    sys.exit(f"the kernel's log lost records {lost} times")
