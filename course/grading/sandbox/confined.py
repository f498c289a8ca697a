"""Run one of our own functions in the sandbox, and talk to it over a socket: confined processes without Jupyter.

    sandbox = launch.available()                        # SandboxUnavailable: nothing works here
    with ForkServer(sandbox) as server, start("package.module:serve", submission, sandbox, server.address) as process:
        process.channel.sendall(b"a question\\n")        # `serve(channel)` runs inside and answers

`serve` runs in a process forked from the server, so torch is there already; its working directory is a private copy of
the submission's regular files; nothing else can be written but /tmp and home, and nothing of the grader's be read.
Whatever comes over the channel was made where students' code runs: bound its size and its time, never unpickle it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course.grading import lifetime
from course.grading.forkserver import ONE_THREAD, ForkedProcess
from course.grading.sandbox import inside
from course.grading.sandbox.launch import ConfinedKernel, Sandbox, in_new_process

END_SECONDS = 60.0
"""Where hundreds of processes have divided their memory into many thousand pieces, the system is busy for as long."""


class ConfinedProcess(ConfinedKernel):
    """A process in the sandbox that runs a function of ours; used as a context, it ends with it.

    `pid`, `poll()`, `wait(timeout)`, `kill()`, `returncode` are as in `subprocess.Popen`. `verdict` says which limit
    it passed when the watchdog ended it, and `lost` whether its fork server went away (not its own fault).

    Attributes:
        channel: the socket to it. At its end (`b""`) the process has ended or closed it.
    """

    def __init__(
        self, process: Any, channel: socket.socket, job: Mapping[str, Any], sandbox: Sandbox, folder: str
    ) -> None:
        super().__init__(process, channel, job, sandbox)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        channel.settimeout(None)
        self.channel, self._folder = channel, folder

    def close(self) -> None:
        """End it and all that it started, and remove its files."""
        self.channel.close()
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it will have ended sooner or later
            self.wait(END_SECONDS)
        lifetime.discard(self._folder)

    def __enter__(self) -> ConfinedProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start(
    entry: str,
    source: Path | str | None,
    sandbox: Sandbox,
    address: str | None = None,
    env: Mapping[str, str] | None = None,
) -> ConfinedProcess:
    """Start a confined process that calls `entry` with the other end of its channel, and exits when that returns.

    Args:
        entry: "package.module:function"; imported inside, so it must be part of the course or of its environment.
        source: folder whose regular files are copied to its working directory (no links, no devices, at most
            `view.COPIED_BYTES` and `view.COPIED_FILES`); None: an empty one.
        sandbox: the walls and `Limits`; `dataclasses.replace(sandbox, limits=…)` for others than the server's.
        address: of a `ForkServer(sandbox)` with the same method and readable folders; None: a fresh interpreter,
            which imports torch anew.
        env: variables that `view.INHERITED` may pass on, `os.environ` unless given; all others are left out.

    Raises:
        SandboxError: it could not be shut in, or `source` is too large or lies where every submission can read it;
            nothing is running then.
        ForkUnavailable: there is no such server any more.
    """
    home = os.path.dirname(address) if address else None
    folder = tempfile.mkdtemp(prefix="k", dir=home) if home else lifetime.make(lifetime.CONFINED)
    ours, theirs = socket.socketpair()
    try:
        os.mkdir(os.path.join(folder, inside.SOCKETS_OUTSIDE), 0o700)
        with tempfile.TemporaryDirectory(prefix="cv-empty-") as empty:
            job = sandbox.job(folder, str(source or empty), [], os.environ if env is None else env)
        job |= {"run": entry, "env": job["env"] | ONE_THREAD}

        def confined(process: Any) -> ConfinedProcess:
            return ConfinedProcess(process, ours, job, sandbox, folder)

        if address is None:
            return in_new_process(sandbox, folder, theirs, confined)
        with theirs:
            process = ForkedProcess(address, channel=theirs, apart=job["method"] == "bubblewrap")
        return confined(process)
    except BaseException:
        ours.close()
        theirs.close()
        lifetime.discard(folder)
        raise
