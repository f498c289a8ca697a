"""Walls are tried before they are trusted: what a process in them can reach, of things that it must not."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import tempfile
from typing import Any

NEEDED = "zmq"  # compiled code, and a library that kernels cannot do without


def probe(channel: socket.socket) -> None:
    """Runs inside: try what the job names, and tell what worked.

    A line of JSON comes in (`read` and `write`: paths; `tcp`: a port of this machine; `unix`: a socket's path), a line
    goes out: `reached` (empty, if all is well), `missing` (what a submission needs, and cannot do), `privileges`.
    """
    with channel.makefile("rb") as lines:
        wanted: dict[str, Any] = json.loads(lines.readline())
    reached: list[str] = []
    for path in wanted.get("read", ()):
        with contextlib.suppress(OSError):
            os.listdir(path) if os.path.isdir(path) else open(path, "rb").close()
            reached.append(f"reading {path}")
    for path in wanted.get("write", ()):
        with contextlib.suppress(OSError), open(path, "a") as file:
            file.write("was here")
            reached.append(f"writing {path}")
    for kind, address in (
        (socket.AF_INET, ("127.0.0.1", wanted["tcp"]) if "tcp" in wanted else None),
        (socket.AF_UNIX, wanted.get("unix")),
    ):
        if address:
            with contextlib.suppress(OSError), socket.socket(kind) as out:
                out.settimeout(2)
                out.connect(address)
                reached.append(f"connecting to {address}")
    told = {"reached": reached, "missing": list(_missing()), "privileges": _privileges()}
    channel.sendall(json.dumps(told).encode() + b"\n")


def _missing() -> list[str]:
    """What a submission may count on, and does not find."""
    missing = []
    try:
        importlib.import_module(NEEDED)
    except ImportError as error:
        missing.append(f"import {NEEDED} ({error})")
    for place in (os.getcwd(), os.path.expanduser("~"), tempfile.gettempdir()):
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"x")
        except OSError as error:
            missing.append(f"writing in {place} ({error.strerror})")
    return missing


def _privileges() -> str:
    """What is left of capabilities and of ways to regain them; empty, as it must be."""
    with open("/proc/self/status", encoding="ascii") as lines:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    left = [f"{name} {status[name].strip()}" for name in ("CapPrm", "CapEff") if int(status[name], 16)]
    left += [f"{name} {status[name]}" for name, safe in (("NoNewPrivs", "1"), ("Seccomp", "2")) if status[name] != safe]
    return ", ".join(left)
