"""Walls are tried before they are trusted: what a process in them can reach, of things that it must not."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

TELL_SECONDS, TELL_BYTES = 20.0, 65536
NEEDED = "zmq"  # compiled code, and a library that kernels cannot do without


@contextlib.contextmanager
def outside(folder: str) -> Iterator[dict[str, Any]]:
    """Things that nobody inside may reach, though no permission forbids it: a file, two sockets, this process."""
    canary, path = os.path.join(folder, "canary"), os.path.join(folder, "door")
    with open(canary, "w") as file:
        file.write("canary")
    os.chmod(canary, 0o666)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen()
        os.chmod(path, 0o777)
        # Inside, low numbers are those of its own processes.
        others = [f"/proc/{os.getpid()}/environ"] if os.getpid() > 99 else []
        yield {"read": [canary, *others], "write": [canary], "tcp": tcp.getsockname()[1], "unix": path}


def judge(channel: socket.socket, wanted: dict[str, Any]) -> str:
    """Let the probe at the other end try; what is wrong, empty if all is well.

    Raises:
        OSError, ValueError: it did not answer.
    """
    channel.settimeout(TELL_SECONDS)
    channel.sendall(json.dumps(wanted).encode() + b"\n")
    with channel.makefile("rb") as lines:
        line = lines.readline(TELL_BYTES)
    if not line:
        return "a Python process ended in it before it could tell anything"
    told = json.loads(line)
    wrong = [f"it does not hold {what}" for what in told["reached"]]
    wrong += [f"it does not allow {what}" for what in told["missing"]]
    wrong += [f"it leaves privileges: {told['privileges']}"] if told["privileges"] else []
    return "; ".join(wrong)


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
