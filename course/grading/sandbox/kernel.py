"""An IPython kernel that listens to insistence, and does without what the sandbox lacks: terminals, with Landlock TCP.

ipykernel binds a socket on localhost, by which forked children would send what they print. Where seccomp forbids it
they print nowhere. IPython runs `!command` in a terminal of its own, which there is none of.
"""

from __future__ import annotations

import functools
import importlib
import socket
import subprocess
import sys
from typing import Any

from course.grading.sandbox.interrupts import Insistence
from course.grading.sandbox.leftovers import put_right

SHELL = "ipykernel.zmqshell"


def without_terminal(*shells: str) -> None:
    """Let IPython's shells in these modules run commands by pipes; what they print is shown as it comes."""

    def system(command: str) -> int:
        pipe: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(["sh", "-c", command], errors="replace", **pipe) as process:
            for line in process.stdout:  # type: ignore[union-attr]
                print(line, end="", flush=True)
        return process.returncode

    for name in shells:
        importlib.import_module(name).system = system  # type: ignore[attr-defined]


def listen() -> None:
    """Let the grader insist on the end of a cell, and what a cell leaves behind not strike the kernel."""
    from ipykernel.ipkernel import IPythonKernel
    from IPython.core.interactiveshell import InteractiveShell

    insistence = Insistence(InteractiveShell.run_cell.__code__, InteractiveShell.run_cell_async.__code__)
    insistence.listen()
    do_execute = IPythonKernel.do_execute

    @functools.wraps(do_execute)
    async def and_put_right(self: IPythonKernel, *args: Any, **kwargs: Any) -> Any:
        streams = sys.stdout, sys.stderr
        try:
            return await do_execute(self, *args, **kwargs)
        finally:
            insistence.rest()
            put_right(*streams)

    IPythonKernel.do_execute = and_put_right  # type: ignore[method-assign]


def tcp_is_forbidden() -> bool:
    """Whether there is no network at all, rather than an empty one."""
    try:
        socket.socket(socket.AF_INET).close()
    except OSError:
        return True
    return False


def without_tcp() -> None:
    """Keep kernels of this process off TCP."""
    from ipykernel.iostream import IOPubThread

    def no_pipe(self: IOPubThread) -> None:
        self._pipe_flag = False

    IOPubThread._setup_pipe_in = no_pipe  # type: ignore[method-assign]


if __name__ == "__main__":
    if sys.path[0] == "":
        del sys.path[0]  # as ipykernel_launcher does; a kernel adds its own
    without_terminal(SHELL)
    listen()
    if tcp_is_forbidden():
        without_tcp()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
