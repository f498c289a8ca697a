"""How kernels start that run students' notebooks: forked from a process that has imported torch already."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool, Unicode, default

from course.grading.forkserver import ONE_THREAD, ForkedProcess, ForkServer, ForkUnavailable, short_temporary_folder

_servers: list[ForkServer] = []


def shared_server() -> ForkServer:
    """This process's fork server; it is started (again) where needed, and ends with the process.

    Raises:
        ForkUnavailable: this system cannot fork safely.
    """
    if not _servers or not _servers[0].alive:
        close_shared_server()
        _servers.append(ForkServer())
    return _servers[0]


@atexit.register
def close_shared_server() -> None:
    """End this process's fork server, if there is one."""
    while _servers:
        _servers.pop().close()


class GradingProvisioner(LocalProvisioner):
    """Starts kernels on private sockets, by a fork where that is possible, as a plain process where it is not."""

    fork = Bool(True, help="Fork kernels from a process that has imported torch, where possible").tag(config=True)
    address = Unicode(help="Socket of the fork server; this process's own unless given").tag(config=True)
    _sockets: str | None = None

    @default("address")
    def _own_server(self) -> str:
        return shared_server().address

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Let the kernel speak over sockets that only we can open, at addresses nobody else can take."""
        if sys.platform != "win32" and self.parent is not None and self._sockets is None:
            self._sockets = short_temporary_folder("cv-kernel-")
            self.parent.transport, self.parent.cache_ports = "ipc", False
            self.parent.connection_file = os.path.join(self._sockets, "kernel.json")
            self.parent.ip = os.path.join(self._sockets, "k")
        kwargs = await super().pre_launch(**kwargs)
        kwargs["env"] |= ONE_THREAD  # the same arithmetic, whichever way the kernel starts
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork, or launch `cmd`."""
        if self.fork and _is_ours(cmd):
            try:
                cwd = os.path.abspath(kwargs.get("cwd") or os.curdir)
                forked = ForkedProcess(self.address, cmd[3:], cwd, kwargs["env"])
                self.process, self.pid, self.cwd = forked, forked.pid, cwd  # type: ignore[assignment]
                return self.connection_info
            except ForkUnavailable as error:
                self.log.warning("%s; starting it as a plain process", error)
        return await super().launch_kernel(cmd, **kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the sockets."""
        await super().cleanup(restart)
        if self._sockets and not restart:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None


def _is_ours(cmd: list[str]) -> bool:
    """Whether a command starts an IPython kernel with the interpreter and environment we run in."""
    return cmd[:1] == [sys.executable] and cmd[1:3] == ["-m", "ipykernel_launcher"]
