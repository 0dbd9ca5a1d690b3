# Copyright: (c) 2026, the netvirt.lab authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What writes a capture: tcpdump's command line, and the reader of a tap's cable. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

LISTENING = "listening on "  # tcpdump says so when the filter is in place and the file open
_COUNTS = re.compile(r"(\d+) packets? captured\W+(\d+) packets? received by filter\W+(\d+) packets? dropped by kernel")

# Reads frames from descriptor 0, a tap. Asked to end, it first writes what is waiting.
READER = r'''"""Writes what the kernel sends out of a tap to a file in the format pcap. Written by netvirt.lab."""
import os, select, signal, struct, sys, time

path, snaplen, header = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ended, end = os.pipe()
os.set_blocking(end, False)
signal.set_wakeup_fd(end)
signal.signal(signal.SIGTERM, lambda number, frame: None)
file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
os.write(file, struct.pack("IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, 1))
os.set_blocking(0, False)
while True:
    try:
        frame = os.read(0, 1 << 18)[header:]
    except BlockingIOError:
        if ended in select.select([0, ended], [], [])[0]:
            break
        continue
    seconds, rest = divmod(time.time_ns(), 10**9)
    kept = frame[:snaplen]
    os.write(file, struct.pack("IIII", seconds, rest, len(kept), len(frame)) + kept)
'''


def tcpdump(program: str, interface: str, path: str, condition: str, direction: str, snaplen: int, ring: Sequence[int]) -> list[str]:
    """Return the command line; ring is the number of files and the size of each in MB, () for one file without end."""
    return [
        program,
        f"--interface={interface}",
        "-w",
        path,
        # As root: the file is below a directory of root's, and with a ring new files are made later.
        *("-Z", "root"),
        # Not in immediate mode: then each packet, however small, takes as much of the buffer as the largest may (pcap-linux.c).
        "--packet-buffered",
        "--buffer-size=8192",  # KiB
        "--time-stamp-precision=nano",
        f"--direction={direction}",
        f"--snapshot-length={snaplen}",
        *(("-W", str(ring[0]), "-C", str(ring[1])) if ring else ()),
        *(("--", condition) if condition else ()),
    ]


def check(program: str, condition: str) -> list[str]:
    """Return the command that only translates a filter."""
    return [program, "-y", "EN10MB", "-d", "--", condition]


def counts(log: str) -> list[tuple[int, int, int]]:
    """Return all that tcpdump has said of how many packets it captured, the filter let through, and the kernel dropped."""
    return [(int(one[1]), int(one[2]), int(one[3])) for one in _COUNTS.finditer(log)]
