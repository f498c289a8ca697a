"""Cells that try to get out, each printing a word if it managed to; and how to run them without grading anything.

`python tests/grading/attacks.py METHOD FOLDER` runs them as whoever calls it, and prints what they printed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nbclient
from nbformat.v4 import new_code_cell, new_notebook

from course.grading.provisioner import GradingProvisioner

OUT = "ESCAPED"
_TRY = """
def attempt(what, action):
    try:
        print("ESC" "APED", what, action())
    except Exception as error:
        print("held:", what, type(error).__name__)
"""


def reading(*paths: object) -> str:
    """Try to read files and list folders."""
    return f"""{_TRY}
import os
for path in {[str(p) for p in paths]}:
    attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(20))
"""


def writing(*paths: object) -> str:
    """Try to write, replace, remove and hide files."""
    return f"""{_TRY}
import os
for path in {[str(p) for p in paths]}:
    attempt("write " + path, lambda: open(path, "a").write("was here"))
    attempt("truncate " + path, lambda: os.truncate(path, 0))
    attempt("remove " + path, lambda: os.remove(path))
    attempt("rename " + path, lambda: os.rename(path, path + "2"))
    attempt("link " + path, lambda: os.link(path, "mine"))
    attempt("make beside " + path, lambda: os.mkdir(path + ".d"))
"""


def connecting(port: int, path: object) -> str:
    """Try to reach a server on this machine, one outside, and a socket in the file system."""
    return f"""{_TRY}
import socket
attempt("local", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
attempt("outside", lambda: socket.create_connection(("1.1.1.1", 53), 2))
attempt("datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("1.1.1.1", 53)))
attempt("unix", lambda: socket.socket(socket.AF_UNIX).connect({str(path)!r}))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
"""


PRIVILEGES = f"""{_TRY}
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
attempt("setuid", lambda: os.setuid(0) if os.getuid() else None)
attempt("user namespace", lambda: call("unshare", 0x10000000))
attempt("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("remount", lambda: call("mount", b"none", b"/run/kernel", None, 4096 | 32, None))
attempt("ptrace", lambda: call("ptrace", 16, os.getppid(), 0, 0))
attempt("keyring", lambda: call("syscall", 250, 0, -3, 1))
attempt("io_uring", lambda: call("syscall", 425, 1, 0))
attempt("init's memory", lambda: open("/proc/1/mem", "rb").read(1))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("caps", status["CapEff"].strip(), "new privileges", status["NoNewPrivs"].strip(), status["Seccomp"].strip())
"""

FORK_BOMB = """
import os, time
children = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        children += 1
except OSError as error:
    print("children", children, type(error).__name__)
"""

MEMORY_BOMB = """
blocks = []
try:
    while True:
        blocks.append(bytearray(100_000_000))
except MemoryError:
    print("blocks", len(blocks))
del blocks
"""

MANY_MEMORY_BOMBS = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        block = bytearray(b"x") * 400_000_000
        time.sleep(600)
time.sleep(20)
"""

DISK_BOMB = """
import os
written = 0
for folder in (".", "/tmp", os.path.expanduser("~"), "/dev/shm"):
    try:
        for i in range(1000):
            with open(f"{folder}/{i}", "wb", buffering=0) as file:
                for _ in range(20):
                    written += file.write(bytes(1_000_000))
    except OSError as error:
        print(folder, type(error).__name__)
print("megabytes", written // 1_000_000)
"""

FLOOD = """
import os
for _ in range(200):
    os.write(1, b"y" * 1_000_000)
    print("z" * 1_000_000)
"""

KILLER = f"""{_TRY}
import os, signal
for pid in (os.getppid(), 1):
    attempt(f"kill {{pid}}", lambda: os.kill(pid, signal.SIGKILL) if os.getppid() != 1 else 1 / 0)
try:
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(-1, signal.SIGKILL)
except OSError as error:
    print(type(error).__name__)
"""


def daemon(marker: str) -> str:
    """Leave a process behind, in a session of its own where that can be had."""
    return f"""
import subprocess, sys
line = [sys.executable, "-c", "import time; time.sleep(600)", {marker!r}]
for own_session in (True, False):
    try:
        subprocess.Popen(line, start_new_session=own_session)
        print("started")
    except OSError as error:
        print(type(error).__name__)
"""


def run(cells: dict[str, str], folder: Path, **traits: Any) -> dict[str, str]:
    """What each cell printed, run in one kernel in `folder`."""

    class Client(nbclient.NotebookClient):
        def create_kernel_manager(self) -> Any:
            manager = super().create_kernel_manager()
            manager.provisioner = GradingProvisioner(kernel_spec=manager.kernel_spec, parent=manager, **traits)
            return manager

    notebook = new_notebook(cells=[new_code_cell(text) for text in cells.values()])
    client = Client(
        notebook,
        kernel_name="python3",
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
        timeout=60,
        allow_errors=True,
    )
    done = client.execute()
    texts = ["".join(o.get("text", o.get("evalue", "")) for o in c.outputs) for c in done.cells]
    return dict(zip(cells, texts, strict=True))


if __name__ == "__main__":
    request = json.loads(sys.stdin.read())
    print(json.dumps(run(request["cells"], Path(request["folder"]), **request["traits"])))
