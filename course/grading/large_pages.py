"""Memory that is shared with forked processes, in pages of 2 MB instead of 4 KB: a fork copies an entry for each page.

A process that has imported torch has some 350 MB that is nobody else's, so 90 000 entries, which every fork copies and
every child's end takes down again.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from pathlib import Path

MADV_COLLAPSE, LARGE, AT_ONCE = 25, 2 << 20, 16 << 20


def collapse(seconds: float = 3.0) -> None:
    """Let this process's own memory lie in large pages, as far as the system can do so now (Linux 6.1 and newer).

    Nothing else changes: a child that writes gets a small page of its own, as before.

    Args:
        seconds: begin nothing after these; a machine whose memory is in pieces has to move much to make room.
    """
    if sys.platform != "linux":
        return
    advise, deadline = ctypes.CDLL(None).madvise, time.monotonic() + seconds
    for first, end in _regions():
        stop = end // LARGE * LARGE
        for start in range(-(-first // LARGE) * LARGE, stop, AT_ONCE):
            if time.monotonic() > deadline:
                return
            advise(ctypes.c_void_p(start), ctypes.c_size_t(min(AT_ONCE, stop - start)), MADV_COLLAPSE)


def _regions() -> Iterator[tuple[int, int]]:
    """Where memory lies that belongs to no file and can be written."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, inode, *name = line.split(maxsplit=5)
        if rights == "rw-p" and inode == "0" and (not name or name[0] == "[heap]"):
            first, end = place.split("-")
            yield int(first, 16), int(end, 16)
