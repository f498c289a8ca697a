"""How kernels start that run students' notebooks: in a sandbox, forked from a process that has imported torch already.

`course.grading.settings` uses this for nbgrader. Elsewhere in Jupyter it is the kernel provisioner `cv-course-sandbox`
(`c.KernelProvisionerFactory.default_provisioner_name`, or a kernel specification's metadata).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import sys
import tempfile
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool, Enum, Integer, List, Unicode, default

from course.grading import lifetime
from course.grading.forkserver import ONE_THREAD, ForkedProcess, ForkServer, ForkUnavailable
from course.grading.sandbox import SandboxError, inside, launch
from course.grading.sandbox.limits import MEGABYTE, Limits, remove

UNSAFE = "COURSE_UNSAFE_NO_SANDBOX"
WARNING = (
    "UNSAFE: students' code runs without a sandbox, as you. It can read and change all that you can: "
    "the gradebook, the solutions, your own files."
)
_servers: dict[launch.Sandbox | None, ForkServer] = {}
_warned: list[str] = []


def shared_server(sandbox: launch.Sandbox | None = None) -> ForkServer:
    """This process's fork server; it is started (again) where needed, and ends with the process.

    Raises:
        ForkUnavailable: this system cannot fork safely.
    """
    server = _servers.get(sandbox)
    if server is None or not server.alive:
        if server:
            server.close()
        server = _servers[sandbox] = ForkServer(sandbox)
    return server


@atexit.register
def close_shared_server() -> None:
    """End this process's fork servers."""
    while _servers:
        _servers.popitem()[1].close()


class GradingProvisioner(LocalProvisioner):
    """Starts kernels in a sandbox, on private sockets; by a fork where that is possible, else as a new process."""

    fork = Bool(True, help="Fork kernels from a process that has imported torch, where possible").tag(config=True)
    address = Unicode(help="Socket of the fork server; this process's own unless given").tag(config=True)
    unsafe_no_sandbox = Bool(
        help=f"Run students' code without any protection; also by the environment variable {UNSAFE}=1"
    ).tag(config=True)
    method = Enum(("auto", *launch.METHODS), "auto", help="How kernels are shut in").tag(config=True)
    readable = List(Unicode(), help="Further folders that all submissions may read, e.g. data").tag(config=True)
    memory_mb = Integer(Limits.memory // MEGABYTE, help="Memory of a submission, all its processes").tag(config=True)
    disk_mb = Integer(Limits.disk // MEGABYTE, help="All that a submission may write").tag(config=True)
    processes = Integer(Limits.processes, help="Processes and threads of a submission").tag(config=True)
    wall_seconds = Integer(Limits.wall, help="Seconds after which a submission's kernel ends").tag(config=True)
    _folder: str | None = None

    @default("unsafe_no_sandbox")
    def _from_environment(self) -> bool:
        return os.environ.get(UNSAFE, "") not in ("", "0")

    def sandbox(self) -> launch.Sandbox | None:
        """What kernels are shut in; None if that was switched off.

        Raises:
            SandboxUnavailable: no sandbox works here; the message says what to do.
        """
        if self.unsafe_no_sandbox:
            if not _warned:
                _warned.append(WARNING)
                print(f"\n*** {WARNING} ***\n", file=sys.stderr, flush=True)
            return None
        limits = Limits(
            memory=self.memory_mb * MEGABYTE,
            disk=self.disk_mb * MEGABYTE,
            processes=self.processes,
            wall=self.wall_seconds,
        )
        return launch.available(self.method, limits, self.readable)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Let the kernel speak over sockets that only we can open, at addresses nobody else can take."""
        self._sandbox = self.sandbox()
        if sys.platform != "win32" and self.parent is not None and self._folder is None:
            self._folder = self._new_folder()
            sockets = os.path.join(self._folder, inside.SOCKETS_OUTSIDE)
            os.mkdir(sockets, 0o700)
            self.parent.transport, self.parent.cache_ports = "ipc", False
            self.parent.connection_file = os.path.join(sockets, "kernel.json")
            self.parent.ip = os.path.join(sockets, "k")
        kwargs = await super().pre_launch(**kwargs)
        kwargs["env"] |= ONE_THREAD  # the same arithmetic, whichever way the kernel starts
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start `cmd` within the walls.

        Raises:
            SandboxError: that did not work, and the kernel is not running.
        """
        cwd = os.path.abspath(kwargs.get("cwd") or os.curdir)
        if self._sandbox is None:
            return await self._launch_unsafely(cmd, cwd, kwargs)
        assert self._folder is not None, "the sandbox needs a kernel manager"
        self._forget_the_last(self._folder)
        job = self._sandbox.job(self._folder, cwd, cmd, kwargs["env"])
        job["env"] |= ONE_THREAD
        kernel = self._forked(job) if self.fork and _is_ours(cmd) else None
        kernel = kernel or launch.start_plain(self._sandbox, self._folder, job)
        self.process, self.pid, self.cwd = kernel, kernel.pid, cwd  # type: ignore[assignment]
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """Remove what was the kernel's."""
        await super().cleanup(restart)
        if self._folder and not restart:
            lifetime.discard(self._folder)
            self._folder = None

    def _server_address(self) -> str:
        """Where a server forks kernels with these walls."""
        return self.address or shared_server(self._sandbox).address

    def _new_folder(self) -> str:
        """Where a kernel's sockets and files lie. The fork server sees its own folder only: if it forks, there."""
        if self.fork and self._sandbox:
            with contextlib.suppress(ForkUnavailable, OSError):
                return tempfile.mkdtemp(prefix="k", dir=os.path.dirname(self._server_address()))
        return lifetime.make(lifetime.KERNEL)

    def _forked(self, job: dict[str, Any]) -> launch.ConfinedKernel | None:
        """A kernel of the fork server's; None where there is no such server."""
        assert self._sandbox is not None
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs:
                    forked = ForkedProcess(self._server_address(), channel=theirs, apart=job["method"] == "bubblewrap")
                return launch.ConfinedKernel(forked, ours, job, self._sandbox)
            except (ForkUnavailable, SandboxError) as error:
                self.log.warning("%s; starting it as a new process", error)
                return None

    async def _launch_unsafely(self, cmd: list[str], cwd: str, kwargs: dict[str, Any]) -> KernelConnectionInfo:
        if self.fork and _is_ours(cmd):
            try:
                forked = ForkedProcess(self._server_address(), cmd[3:], cwd, kwargs["env"])
                self.process, self.pid, self.cwd = forked, forked.pid, cwd  # type: ignore[assignment]
                return self.connection_info
            except ForkUnavailable as error:
                self.log.warning("%s; starting it as a plain process", error)
        return await super().launch_kernel(cmd, **kwargs)

    @staticmethod
    def _forget_the_last(folder: str) -> None:
        """Before a restart: the sockets and files of the kernel that was."""
        remove(os.path.join(folder, inside.WORK_OUTSIDE))
        sockets = os.path.join(folder, inside.SOCKETS_OUTSIDE)
        for name in os.listdir(sockets):
            if name != "kernel.json":
                os.unlink(os.path.join(sockets, name))


def _is_ours(cmd: list[str]) -> bool:
    """Whether a command starts an IPython kernel with the interpreter and environment we run in."""
    return cmd[:1] == [sys.executable] and cmd[1:3] == ["-m", "ipykernel_launcher"]
