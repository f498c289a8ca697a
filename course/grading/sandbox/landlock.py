"""Landlock: a process gives up access to all files but some. No privilege is needed, and there is no way back.

See landlock(7) and the kernel's Documentation/userspace-api/landlock.rst. What it does not cover (modes and owners of
files, connections to sockets, signals before version 6) is seccomp's: see there.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on all machines
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_SOCK, TRUNCATE = (
    1 << bit for bit in (0, 1, 2, 3, 5, 9, 14)
)
MAKE_CHAR, MAKE_BLOCK, REFER, IOCTL_DEV = (1 << bit for bit in (6, 11, 13, 15))
READ = EXECUTE | READ_FILE | READ_DIR
BIND_CONNECT_TCP = SCOPE_SOCKETS_AND_SIGNALS = 3
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


def version() -> int:
    """The kernel's Landlock ABI; 0 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def handled(abi: int) -> int:
    """All rights over files that this version knows."""
    rights = (1 << 13) - 1
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        rights |= right if abi >= since else 0
    return rights


def restrict(read: Iterable[str], write: Iterable[str], devices: Iterable[str], sockets: str) -> None:
    """Keep read access to `read`, all of `write`, reading and writing `devices`, and making sockets in `sockets`.

    Raises:
        OSError: the kernel has no Landlock, or it is switched off.
    """
    abi = version()
    if abi < 1:
        raise OSError("this kernel has no Landlock, or it is switched off")
    known = handled(abi)
    full = known & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV)
    rules = [(path, READ) for path in read]
    rules += [(path, full) for path in write]
    rules += [(path, READ_FILE | WRITE_FILE) for path in devices]
    rules += [(sockets, READ_FILE | READ_DIR | MAKE_SOCK | REMOVE_FILE)]
    attributes = struct.pack(
        "<QQQ", known, BIND_CONNECT_TCP if abi >= 4 else 0, SCOPE_SOCKETS_AND_SIGNALS if abi >= 6 else 0
    )[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = _call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & known)
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= OF_FILES
        _call(ADD_RULE, ruleset, 1, struct.pack("<Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
