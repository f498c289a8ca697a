"""What the running cell has put out so far, in memory that the grader sees too: it outlives the process.

The memory has one size for good (seals, see memfd_create(2)): nobody can make it larger, or take it from under a
reader. Whatever stands in it was written where students' code runs.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import socket
import struct
from typing import Any

from course.grading.sandbox.limits import hand_over

BYTES = 4_000_000
LENGTH = struct.Struct("<I")
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL if hasattr(fcntl, "F_SEAL_SEAL") else 0
Output = dict[str, Any]


class Reader:
    """The grader's side; it makes the memory and sends it through a socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._file = os.memfd_create("outputs", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._file, BYTES)
            fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, SEALS)
            hand_over(channel, b"m", [self._file])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def outputs(self) -> list[Output]:
        """What can be read of it; neighbouring pieces of one stream are one."""
        length = min(LENGTH.unpack(os.pread(self._file, LENGTH.size, 0))[0], BYTES - LENGTH.size)
        found: list[Output] = []
        for line in os.pread(self._file, length, LENGTH.size).split(b"\n"):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if not isinstance(entry, dict):
                continue
            last = found[-1] if found else {}
            if entry.get("output_type") == last.get("output_type") == "stream" and entry.get("name") == last["name"]:
                last["text"].append(entry.get("text"))
            elif entry.get("output_type") == "stream":
                found.append({**entry, "name": entry.get("name"), "text": [entry.get("text")]})
            else:
                found.append(entry)
        return found


class Record:
    """The submission's side."""

    def __init__(self, channel: socket.socket) -> None:
        _, (file, *_), _, _ = socket.recv_fds(channel, 1, 1)
        self._memory = mmap.mmap(file, BYTES)
        os.close(file)
        self._owner = os.getpid()
        self.clear()

    def clear(self) -> None:
        """Forget everything, for the next cell."""
        self._end = LENGTH.size
        LENGTH.pack_into(self._memory, 0, 0)

    def add(self, entry: Output) -> None:
        """Keep an entry that is plain data, if there is room for it."""
        line = json.dumps(entry).encode() + b"\n"
        end = self._end + len(line)
        if end > BYTES or os.getpid() != self._owner:  # what a forked process prints goes nowhere
            return
        self._memory[self._end : end] = line
        LENGTH.pack_into(self._memory, 0, end - LENGTH.size)
        self._end = end
