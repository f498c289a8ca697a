"""Memory that is shared with forked processes, in pages of 2 MB instead of 4 KB: a fork copies an entry for each page.

A process that has imported torch has some 350 MB that is nobody else's, so 90 000 entries, which every fork copies and
every child's end takes down again.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

MADV_COLLAPSE, LARGE = 25, 2 << 20


def collapse() -> None:
    """Let this process's own memory lie in large pages, as far as the system can do so now (Linux 6.1 and newer).

    Nothing else changes: a child that writes gets a small page of its own, as before.
    """
    if sys.platform != "linux":
        return
    advise = ctypes.CDLL(None).madvise
    for first, end in _regions():
        start, stop = -(-first // LARGE) * LARGE, end // LARGE * LARGE
        if start < stop:
            advise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), MADV_COLLAPSE)


def _regions() -> Iterator[tuple[int, int]]:
    """Where memory lies that belongs to no file and can be written."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, inode, *name = line.split(maxsplit=5)
        if rights == "rw-p" and inode == "0" and (not name or name[0] == "[heap]"):
            first, end = place.split("-")
            yield int(first, 16), int(end, 16)
