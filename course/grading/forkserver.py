"""A process that has imported what notebooks import, once, and forks a kernel from itself whenever one is wanted.

Importing torch takes seconds, forking a process that has done so milliseconds. The price is care: a fork copies one
thread only, so this process must never have a second one (OpenMP, OpenBLAS), and it never runs anything of a
student's. This module is both sides: `python -m course.grading.forkserver ADDRESS` serves, `ForkServer` and
`ForkedProcess` are the client.

Protocol, one connection a kernel: the client sends a JSON line (argv, cwd, env, apart) and gets a line with the pid.
With the line comes a socket, where the kernel is to run in the sandbox: by that it learns what it needs, see sandbox. A
byte from the client is a signal for the kernel's process group; the last line from the server is the exit code.
When the client hangs up, its kernel is killed; when the server's standard input ends, all are, and it goes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course.grading import large_pages, lifetime
from course.grading.sandbox import inside
from course.grading.sandbox.kernel import SHELL, listen, tcp_is_forbidden, without_tcp, without_terminal
from course.grading.sandbox.limits import hand_over

if TYPE_CHECKING:
    from course.grading.sandbox.launch import Sandbox

PRELOAD = (
    "numpy",
    "numpy.ctypeslib",  # wanted by the first array that is packed
    "torch",
    "torch.nested._internal.nested_tensor",  # wanted by the first gradient
    "torch.utils._device",  # and this by the first look at the default device
    "matplotlib.pyplot",
    "anywidget",
    "contourpy",
    "platformdirs",
    "course.check",
    "course.data",
    "course.effects",
    "course.grading.verdict.inside",
    "course.study.overview",
    "course.study.prediction",
    "course.training",
    "course.widgets",
)
KERNEL = ("ipykernel.kernelapp", "ipykernel.debugger")  # every kernel imports both at start
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LOG = "log"
START_SECONDS, IDLE_SECONDS = 180.0, 900.0


class ForkUnavailable(RuntimeError):
    """No kernel can be forked here and now; start a plain process instead."""


# ------------------------------------------------------------------------------------------------ client


class ForkServer:
    """A fork server owned by this process; it starts in the background and ends with this process at the latest.

    Args:
        sandbox: what its kernels are shut in; the server itself then lives within the same walls. None: nothing.
        idle: seconds without a kernel after which it ends.
        warm: "package.module:function" of ours, called before anything is forked, to prepare what all processes will
            need; then none of them can be a Jupyter kernel.

    Raises:
        ForkUnavailable: this system cannot fork safely.
    """

    def __init__(self, sandbox: Sandbox | None = None, idle: float = IDLE_SECONDS, warm: str = "") -> None:
        if sys.platform != "linux":
            # Elsewhere system libraries start threads at import, or there is no fork at all.
            raise ForkUnavailable("kernels are forked on Linux only")
        lifetime.sweep()
        self._home = lifetime.make(lifetime.FORK)
        self.address = os.path.join(self._home, "s")
        self._sandbox, self._arguments = sandbox, (str(idle), warm)
        self._start()

    def _start(self) -> None:
        sandbox = self._sandbox
        env = {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"}
        walls: list[str] = []
        if sandbox:
            # A fork has its parent's memory, and so the environment that the parent was started with.
            env = sandbox.environment(env, self._home)
            os.chmod(self._home, 0o711)
            if sandbox.method == "bubblewrap":
                walls = ["bwrap", *sandbox.walls(self._home, inside.JOBS), "--"]
        # An inherited backend would be matplotlib's for good; a kernel sets its own only before matplotlib is there.
        env |= {**ONE_THREAD, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        with socket.socket(socket.AF_UNIX) as door, open(os.path.join(self._home, LOG), "wb") as log:
            door.bind(self.address)
            door.listen(64)  # clients may knock while the imports are under way
            # Its own session: Ctrl-C is for us, and we decide what happens to kernels.
            self._process = subprocess.Popen(
                [*walls, sys.executable, "-m", "course.grading.forkserver", str(door.fileno()), *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._home,  # nothing to import there
                env=env,
                pass_fds=[door.fileno()],
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether it can still fork."""
        return self._process.poll() is None

    def serves(self, sandbox: Sandbox | None) -> bool:
        """Whether its kernels can be shut in so: walls are the server's, limits each kernel's own."""
        own = self._sandbox
        if own is None or sandbox is None:
            return own is sandbox
        return (own.method, own.readable) == (sandbox.method, sandbox.readable)

    def revive(self) -> None:
        """Start it again at the same address, if it has ended; kernels that it had forked are gone."""
        if not self.alive:
            self._hang_up()
            os.unlink(self.address)
            self._start()

    def _hang_up(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()

    def close(self) -> None:
        """End it, and all its kernels."""
        self._hang_up()
        try:
            self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:  # still importing: there are no kernels to take care of
            self._process.kill()
            self._process.wait()
        lifetime.discard(self._home)

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ForkedProcess:
    """A kernel forked by the server at `address`; for jupyter_client it looks like a `subprocess.Popen`.

    `lost` is True when it ended because its server did, and not by its own doing.

    Args:
        address: of the server.
        argv, cwd, env: of a kernel that runs without a sandbox.
        channel: a socket by which the kernel is told all that instead, and how it is to be shut in.
        apart: whether it is to be the first process of a namespace of its own.

    Raises:
        ForkUnavailable: the server is gone, or may not fork.
    """

    stdin = stdout = stderr = None

    def __init__(
        self,
        address: str,
        argv: list[str] | None = None,
        cwd: str = "/",
        env: dict[str, str] | None = None,
        channel: socket.socket | None = None,
        apart: bool = False,
    ) -> None:
        self.returncode: int | None = None
        self.lost = False
        self._socket = _connect(address)
        self._lines = self._socket.makefile("rb")
        try:
            self._socket.settimeout(START_SECONDS)
            request = json.dumps({"argv": argv or [], "cwd": cwd, "env": env or {}, "apart": apart}).encode() + b"\n"
            descriptors = [channel.fileno()] if channel else []
            sent = hand_over(self._socket, request, descriptors)
            if sent < len(request):  # even an empty rest would knock at a door that may be closed again by now
                self._socket.sendall(request[sent:])
            said = self._lines.readline()
            answer: dict[str, Any] = json.loads(said) if said else {"error": _last_words(address) or "it ended"}
        except OSError as error:
            answer = {"error": _last_words(address) or str(error)}
        if "pid" not in answer:
            self._lines.close()
            self._socket.close()
            raise ForkUnavailable(f"the fork server could not start a kernel: {answer['error']}")
        self.pid: int = answer["pid"]

    def poll(self) -> int | None:
        """The exit code (−n: killed by signal n), or None while it runs."""
        return self._read(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has ended."""
        code = self._read(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"kernel {self.pid}", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and to all that it started."""
        if self.poll() is None:
            with contextlib.suppress(OSError):
                self._socket.sendall(bytes([number]))

    def kill(self) -> None:
        """End it now."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def _read(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            with selectors.PollSelector() as ready:
                ready.register(self._socket, selectors.EVENT_READ)
                if not ready.select(timeout):
                    return None
            try:
                line = self._lines.readline()
            except OSError:
                line = b""
            self.lost = not line
            self.returncode = json.loads(line)["exit"] if line else -signal.SIGKILL
            self._lines.close()
            self._socket.close()
        return self.returncode


def _last_words(address: str) -> str:
    """What a server said before it ended; empty if it said nothing."""
    try:
        lines = Path(address).with_name(LOG).read_text(errors="replace").split("\n")
    except OSError:
        lines = []
    return next((line for line in reversed(lines) if line.strip()), "")[:300]


def _connect(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
    except OSError as error:
        connection.close()
        raise ForkUnavailable(f"no fork server at {address}: {_last_words(address) or error}") from error
    return connection


# ------------------------------------------------------------------------------------------------ server


class Server:
    """The serving side: one thread, one loop over sockets."""

    def __init__(self, door: socket.socket, idle: float) -> None:
        self._door, self._idle = door, idle
        self._kernels: dict[int, socket.socket] = {}
        # Not epoll: the kernel counts its watches per user, and submissions of the same user can use them all up.
        self._ready = selectors.PollSelector()
        self._bell, self._ringer = socket.socketpair()
        for end in (self._bell, self._ringer):
            end.setblocking(False)

    def serve(self) -> dict[str, Any] | None:
        """Fork kernels until the owner is gone. In each forked child it returns too: with the kernel's job."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ringer.fileno())
        for source in (self._door, self._bell, sys.stdin):
            self._ready.register(source, selectors.EVENT_READ)
        while events := self._ready.select(None if self._kernels else self._idle):
            for key, _ in events:
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is self._bell:
                    self._reap()
                elif key.fileobj is not self._door:
                    self._forward(key.data)
                elif job := self._admit():
                    return job
        return None

    def close(self) -> None:
        """Kill what is left."""
        for pid in self._kernels:
            _signal_group(pid, signal.SIGKILL)

    def _admit(self) -> dict[str, Any] | None:
        """Fork a kernel for whoever knocks. The answer, in the child, is its job."""
        connection, _ = self._door.accept()
        connection.settimeout(10)
        descriptors: list[int] = []
        try:
            job, descriptors = _request(connection)
            threads = len(os.listdir("/proc/self/task"))
            if threads != 1:
                raise ForkUnavailable(f"it has {threads} threads, and a fork would copy one of them only")
            pid = inside.fork_apart() if job.get("apart") else os.fork()
        except (OSError, ValueError, ForkUnavailable) as error:
            _say(connection, error=str(error))
            connection.close()
            _close(descriptors)
            return None
        if pid == 0:
            os.setsid()  # a group to end it by, and a share of its own where processors are shared out by session
            self._let_go(connection)
            return job | {"channel": descriptors[0]} if descriptors else job
        _close(descriptors)
        self._kernels[pid] = connection
        self._ready.register(connection, selectors.EVENT_READ, pid)
        _say(connection, pid=pid)
        return None

    def _let_go(self, connection: socket.socket) -> None:
        """In the child: forget all that is the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._ready.close()
        for other in (connection, self._door, self._bell, self._ringer, *self._kernels.values()):
            other.close()
        self._kernels.clear()

    def _forward(self, pid: int) -> None:
        """Pass on the client's signals. A client that is gone wants its kernel no more."""
        connection = self._kernels.get(pid)
        if connection is None:
            return
        try:
            numbers = connection.recv(64)
        except OSError:
            numbers = b""
        for number in numbers or (signal.SIGKILL,):
            _signal_group(pid, number)
        if not numbers:
            self._ready.unregister(connection)

    def _reap(self) -> None:
        """Report kernels that have ended, and end what they left running."""
        self._bell.recv(4096)
        while self._kernels:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                break
            _signal_group(ended.si_pid, signal.SIGKILL)  # before waitpid: until then the number cannot be reused
            _, status = os.waitpid(ended.si_pid, 0)
            connection = self._kernels.pop(ended.si_pid, None)
            if connection is None:  # no kernel, but one that a kernel has made a child of ours
                continue
            _say(connection, exit=os.waitstatus_to_exitcode(status))
            with contextlib.suppress(KeyError):
                self._ready.unregister(connection)
            connection.close()


def _request(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What a client wants, and the socket it may have sent along."""
    said, descriptors, _, _ = socket.recv_fds(connection, 65536, 1)
    while not said.endswith(b"\n"):
        more = connection.recv(65536)
        if not more:
            break
        said += more
    try:
        job: dict[str, Any] = json.loads(said)
    except ValueError:
        _close(descriptors)
        raise
    return job, descriptors


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _say(connection: socket.socket, **message: Any) -> None:
    with contextlib.suppress(OSError):  # gone already: the loop will notice
        connection.sendall(json.dumps(message).encode() + b"\n")


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        try:
            os.killpg(pid, number)
        except ProcessLookupError:  # just forked: it has no group of its own yet
            os.kill(pid, number)


def preload(warm: str = "") -> None:
    """Import what notebooks will, prepare what else is needed, and make it cheap to share."""
    for name in PRELOAD if warm else PRELOAD + KERNEL:
        with contextlib.suppress(ImportError):  # the notebook that wants it will say so itself
            importlib.import_module(name)
    from course import data, effects, exercises

    exercises.every()
    effects.every()
    data.digits("train")  # read from a file once, and kept
    for section in exercises.sections():
        with contextlib.suppress(ImportError):
            importlib.import_module(f"course.widgets.{section}")
    _forget()  # the first time brings libraries along
    if warm:
        inside.entry(warm)()
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every page in every kernel
    large_pages.collapse()


def _forget() -> None:
    """What libraries keep of the server's: all forks would draw the same numbers, and write where it may."""
    tempfile.tempdir = None
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def become_kernel(job: dict[str, Any]) -> None:
    """Run an IPython kernel in this process, as `python -m ipykernel_launcher` would."""
    os.environ.clear()
    os.environ.update(job["env"])
    _forget()
    from ipykernel.kernelapp import IPKernelApp

    # This process's parent is the server; a kernel whose parent is gone ends itself.
    sys.argv = ["ipykernel_launcher", *job["argv"], f"--IPKernelApp.parent_handle={os.getppid()}"]
    IPKernelApp.launch_instance()


def main(door: int, idle: float, warm: str) -> None:
    """Serve; in a forked child, be the kernel."""
    if sys.path[0] == os.getcwd():
        del sys.path[0]  # as ipykernel_launcher does; a kernel adds its own
    server = Server(socket.socket(fileno=door), idle)
    preload(warm)
    try:
        job = server.serve()
    finally:
        server.close()
    if job and "channel" in job:
        channel = socket.socket(fileno=job["channel"])
        job = inside.receive(channel)
        inside.confine(job, channel, forked=True)
        if "run" in job:
            _forget()
            inside.call(job, channel)
        without_terminal(SHELL)
        listen()
        if tcp_is_forbidden():
            without_tcp()
        job["argv"] = job["argv"][3:]  # without: python -m ipykernel_launcher
    elif job:
        os.chdir(job["cwd"])
        with open(os.devnull, "r+b") as null:
            for descriptor in (0, 1, 2):
                os.dup2(null.fileno(), descriptor)
    if job:
        become_kernel(job)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
