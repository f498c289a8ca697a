"""The trusted side: starts kernels in the sandbox, watches them, ends them."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from course.grading.sandbox import inside, landlock, proof, seccomp, view
from course.grading.sandbox.errors import SandboxError, SandboxUnavailable
from course.grading.sandbox.interrupts import INSIST
from course.grading.sandbox.limits import Cgroup, Limits, Watchdog, send, threads_of_user

Kernel = TypeVar("Kernel", bound="ConfinedKernel")
START_SECONDS = 60.0
METHODS = ("bubblewrap", "landlock")
# What the first process in bubblewrap needs to build the walls; it gives all of it up before it becomes a kernel.
CAPABILITIES = ("SYS_ADMIN", "SETPCAP", "NET_ADMIN")
CAPABILITIES_OF_ROOT = (*CAPABILITIES, "SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL")
# User ids that systemd's documentation (UIDS-GIDS) calls unused, and what to take where those are not mapped.
UNUSED_USERS, CONTAINER_USERS = (1_900_000_000, 1 << 24), (20_000, 40_000)
_looking: dict[str, threading.Thread] = {}

HELP = """Students' code runs in a sandbox only, and none works here.
  bubblewrap: {bubblewrap}
  Landlock:   {landlock}
On Linux, install bubblewrap (`apt install bubblewrap`, `dnf install bubblewrap`) and allow user namespaces.
Anywhere, grade in the course's container: build it with `podman build -f ci/Containerfile -t cv-course .` and run
`podman run --rm --network none -v ./class:/class cv-course …`.
Without a sandbox, a submission can read and change all that you can. If every one of them is your own, say
--unsafe-no-sandbox (`course demo`), --GradingProvisioner.unsafe_no_sandbox=True (nbgrader)."""


@dataclass(frozen=True)
class Sandbox:
    """How kernels are shut in.

    Attributes:
        method: "bubblewrap", or "landlock" where user namespaces are forbidden.
        limits: what each of them may use.
        readable: further folders that all of them may read.
    """

    method: str
    limits: Limits = field(default_factory=Limits)
    readable: tuple[str, ...] = ()

    def walls(self, folder: str, place: str) -> list[str]:
        """Options of bwrap for trusted code, that of `inside` or the fork server; it finds `folder` at `place`."""
        return bubblewrap(view.readable(self.readable), folder, place)

    def environment(self, env: Mapping[str, str], folder: str) -> dict[str, str]:
        """A kernel's environment."""
        if self.method == "landlock":
            work = os.path.join(folder, inside.WORK_OUTSIDE)
            return view.environment(env, work, work)
        return view.environment(env, inside.HOME, "/tmp")

    def job(self, folder: str, source: str, argv: list[str], env: Mapping[str, str]) -> dict[str, Any]:
        """Prepare a kernel's folder; the answer is what `inside.confine` needs.

        Raises:
            SandboxError: the submission cannot be shown, or not alone.
        """
        shown = view.readable(self.readable)
        view.refuse_exposed(source, shown)
        user = slot_user() if os.getuid() == 0 else None
        if user is not None and self.method == "landlock":
            view.refuse_closed([sys.executable, *shown])
        view.copy_submission(source, os.path.join(folder, inside.WORK_OUTSIDE))
        self._describe_connection(folder)
        if user is not None and self.method == "landlock":
            _give_to(user, folder)
        instead = {_connection_file(folder): os.path.join(self._sockets(folder), "inside.json")}
        instead["ipykernel_launcher"] = "course.grading.sandbox.kernel"
        variables = self.environment(env, folder)
        if self.method == "landlock":
            shown.append(_import_path(folder))
            variables["PYTHONPATH"] = shown[-1]
        return {
            "method": self.method,
            "name": os.path.basename(folder),
            "folder": folder,
            "uid": user,
            "gid": user,
            "own_uid": os.getuid(),
            "own_gid": os.getgid(),
            "limits": self._own_limits(user),
            "read": [*shown, *view.MERGED, *view.PROC],
            "devices": list(view.DEVICES),
            "argv": [instead.get(word, word) for word in argv],
            "env": variables,
        }

    def _own_limits(self, user: int | None) -> dict[str, int]:
        """Limits as the kernel counts: without namespaces, what the grader runs elsewhere counts among the processes.

        A desktop has more threads than a submission may start. The watchdog counts the submission's own.
        """
        limits = asdict(self.limits)
        if self.method == "landlock" and user is None:
            limits["processes"] += self.limits.processes + threads_of_user(os.getuid())
        return limits

    def _sockets(self, folder: str) -> str:
        """Where the kernel finds its sockets."""
        return inside.SOCKETS if self.method == "bubblewrap" else os.path.join(folder, inside.SOCKETS_OUTSIDE)

    def _describe_connection(self, folder: str) -> None:
        """The connection file, with the paths that hold inside."""
        with contextlib.suppress(FileNotFoundError):
            about = json.loads(Path(_connection_file(folder)).read_text(encoding="utf-8"))
            about["ip"] = os.path.join(self._sockets(folder), "k")
            text = json.dumps(about)
            file = Path(folder, inside.SOCKETS_OUTSIDE, "inside.json")
            file.touch(mode=0o600)
            file.write_text(text, encoding="utf-8")


def _import_path(folder: str) -> str:
    """A folder with the course's package and nothing else: solutions may lie beside the package itself."""
    place = os.path.join(folder, "lib")
    if not os.path.isdir(place):
        os.mkdir(place)
        os.symlink(view.PACKAGE, os.path.join(place, "course"))
    return place


def _connection_file(folder: str) -> str:
    return os.path.join(folder, inside.SOCKETS_OUTSIDE, "kernel.json")


def bubblewrap(shown: Sequence[str], folder: str, place: str) -> list[str]:
    """Options of bwrap: new namespaces, an empty root, what is shown bound read-only, `folder` bound at `place`."""
    root = os.getuid() == 0
    line = ["--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    line += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox", "--cap-drop", "ALL"]
    line += [] if root else ["--unshare-user"]
    for name in CAPABILITIES_OF_ROOT if root else CAPABILITIES:
        line += ["--cap-add", f"CAP_{name}"]
    made = {"/"}

    def folders(path: str) -> list[str]:
        """Make parents ourselves: bwrap's own are closed to the user that a kernel becomes."""
        new = [str(p) for p in reversed(Path(path).parents) if str(p) not in made]
        made.update(new)
        return [word for parent in new for word in ("--perms", "0755", "--dir", parent)]

    for path in inside.MOUNT_POINTS:
        line += [*folders(path), "--perms", "0755", "--dir", path]
        made.add(path)
    for path in view.MERGED:
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
    for path in shown:
        line += [*folders(path), "--ro-bind", path, path]
    for path in view.DEVICES:
        line += [*folders(path), "--dev-bind", path, path]
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        line += ["--symlink", f"/proc/self/fd{target}", f"/dev/{name}"]
    line += ["--proc", "/proc", "--tmpfs", "/tmp", *folders(place), "--bind", folder, place]
    return [*line, "--remount-ro", "/", "--chdir", "/"]


class ConfinedKernel:
    """A kernel in the sandbox; for jupyter_client it looks like a `subprocess.Popen`.

    Args:
        process: what ends when the kernel does: bwrap, the fork server's process, or the kernel itself.
        channel: our end of the socket to it.
        job: what is sent to it.

    Raises:
        SandboxError: it could not be shut in; it is not running then.
    """

    stdin = stdout = stderr = None

    def __init__(self, process: Any, channel: socket.socket, job: Mapping[str, Any], sandbox: Sandbox) -> None:
        self._process, self._pidfd = process, -1
        self._cgroup = Cgroup(sandbox.limits)
        try:
            self.pid = _shake_hands(channel, job, self._cgroup)
            self._pidfd = os.pidfd_open(self.pid)
        except (OSError, SandboxError) as error:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            self._cgroup.close()
            raise error if isinstance(error, SandboxError) else SandboxError(str(error)) from error
        self._shared = sandbox.method == "landlock"
        counted = self._cgroup if "memory" in self._cgroup.made else None
        tree = None if counted else self.pid if self._shared else parent_of(self.pid)
        folder = job["folder"] if self._shared else None  # sockets are files, too
        self._watchdog = Watchdog(sandbox.limits, self.kill, tree, folder, self.pid if folder else None, counted)
        self._watchdog.start()

    @property
    def lost(self) -> bool:
        """Whether it ended because its fork server did."""
        return bool(getattr(self._process, "lost", False))

    @property
    def verdict(self) -> str:
        """Why it was ended, where a limit was passed; empty otherwise."""
        return self._watchdog.verdict

    def end(self, reason: str) -> None:
        """End it for a reason."""
        self._watchdog.verdict = self._watchdog.verdict or reason
        self.kill()

    @property
    def returncode(self) -> int | None:
        """As subprocess has it."""
        return self.poll()

    def poll(self) -> int | None:
        """The exit code (−n: killed by signal n), or None while it runs."""
        return self._ended(self._process.poll())

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has ended."""
        code = self._ended(self._process.wait(timeout))
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Interrupts are for the kernel alone; all else ends everything."""
        if self._pidfd < 0 or self._process.poll() is not None:
            return
        if number in (signal.SIGINT, INSIST):
            send(self._pidfd, number)
        else:
            self.kill()

    def kill(self) -> None:
        """End it, and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            if self._shared and isinstance(self._process, subprocess.Popen):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def terminate(self) -> None:
        """End it; there is nothing to save."""
        self.kill()

    def _ended(self, code: int | None) -> int | None:
        if code is not None and self._pidfd >= 0:
            self._watchdog.close()
            if self._cgroup.overflowed():
                self._watchdog.verdict = self._watchdog.verdict or self._watchdog.look()
            if self._shared:
                self.kill_group()
            os.close(self._pidfd)
            self._pidfd = -1
            self._cgroup.close()
        return 128 - code if code is not None and code > 128 else code

    def kill_group(self) -> None:
        """Without namespaces: what a kernel left running is still in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def start_plain(sandbox: Sandbox, folder: str, job: Mapping[str, Any]) -> ConfinedKernel:
    """Start a kernel in a process of its own.

    Raises:
        SandboxError: that did not work.
    """
    ours, theirs = socket.socketpair()
    with ours:
        return in_new_process(sandbox, folder, theirs, lambda process: ConfinedKernel(process, ours, job, sandbox))


def in_new_process(
    sandbox: Sandbox, folder: str, channel: socket.socket, confined: Callable[[subprocess.Popen[bytes]], Kernel]
) -> Kernel:
    """Start `inside` in a process of its own, with its end of the channel, and let `confined` shake hands with it.

    Raises:
        SandboxError: that did not work.
    """
    command = [sys.executable, "-I", "-m", "course.grading.sandbox.inside", str(channel.fileno())]
    if sandbox.method == "bubblewrap":
        place = os.path.join(inside.JOBS, os.path.basename(folder))
        command = ["bwrap", *sandbox.walls(folder, place), "--as-pid-1", "--", *command]
    with tempfile.TemporaryFile() as said:
        with channel:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    cwd="/",
                    env=sandbox.environment({}, folder),
                    pass_fds=[channel.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxError(f"{command[0]} cannot be started: {error.strerror}") from error
        try:
            return confined(process)
        except SandboxError as error:
            said.seek(0)
            words = said.read(20_000).decode(errors="replace").strip().splitlines()
            raise SandboxError("; ".join([str(error), *words[-1:]])) from error


def _shake_hands(channel: socket.socket, job: Mapping[str, Any], cgroup: Cgroup) -> int:
    """Send the job, hear who is ready, put it into its cgroup, let it go; the answer is its process id here."""
    channel.settimeout(START_SECONDS)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    channel.sendall(json.dumps(job).encode() + b"\n")
    cgroup.prepare()
    said, ancillary, _, _ = channel.recvmsg(65536, socket.CMSG_SPACE(12))
    answer = json.loads(said) if said else {"error": "it ended before it was ready"}
    if "error" in answer:
        raise SandboxError(answer["error"])
    # Inside, it has another number; the kernel translates the sender's for the receiver.
    pid: int = next(struct.unpack("3i", data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS)
    cgroup.add(pid)
    channel.sendall(b"go\n")
    return pid


def available(method: str = "auto", limits: Limits | None = None, readable: Sequence[str] = ()) -> Sandbox:
    """A sandbox that works here.

    Raises:
        SandboxUnavailable: none does; the message says what to do.
        SandboxError: what is readable would show too much.
    """
    view.readable(readable)
    complaints: dict[str, str] = {}
    for name in METHODS if method == "auto" else (method,):
        complaints[name] = obstacle(name)
        if not complaints[name]:
            return Sandbox(name, limits or Limits(), tuple(readable))
    skipped = "not tried"
    raise SandboxUnavailable(HELP.format(**{name: complaints.get(name, skipped) for name in METHODS}))


def look_ahead(method: str) -> None:
    """Begin to find out `obstacle(method)` in a thread; it takes a process of its own, and mostly waits for that."""
    if method not in _looking:
        _looking[method] = threading.Thread(target=_obstacle, args=(method,), daemon=True)
        _looking[method].start()


def obstacle(method: str) -> str:
    """Why this method does not work here, found out by trying it once; empty if it does."""
    if thread := _looking.pop(method, None):
        thread.join()
    return _obstacle(method)


@functools.cache
def _obstacle(method: str) -> str:
    if method not in METHODS:
        return f"there is no such method; choose {' or '.join(METHODS)}"
    if sys.platform != "linux":
        return f"it needs Linux, this is {sys.platform}"
    if not seccomp.supported():
        return "the table of system calls lacks this machine's"
    if method == "bubblewrap" and not shutil.which("bwrap"):
        return "bwrap is not installed"
    if method == "landlock" and not landlock.version():
        return "this kernel has none, or it is switched off"
    sandbox = Sandbox(method, Limits(wall=30))
    with tempfile.TemporaryDirectory(prefix="cv-try-") as home:
        source, folder = os.path.join(home, "empty"), os.path.join(home, "k")
        for place in (source, folder, os.path.join(folder, inside.SOCKETS_OUTSIDE)):
            os.mkdir(place)
        os.chmod(home, 0o711)
        try:
            job = {**sandbox.job(folder, source, [], {}), "run": f"{proof.__name__}:{proof.probe.__name__}"}
            ours, theirs = socket.socketpair()
            with ours, proof.outside(home) as wanted:
                process = in_new_process(sandbox, folder, theirs, lambda p: ConfinedKernel(p, ours, job, sandbox))
                try:
                    return proof.judge(ours, wanted)
                finally:
                    process.kill()
                    process.wait(30)
        except (SandboxError, OSError, ValueError, subprocess.TimeoutExpired) as error:
            return str(error)


def slot_user() -> int:
    """A user id that nobody has, another one for each kernel: limits are counted, signals sent, per user."""
    start, many = UNUSED_USERS if _mapped(sum(UNUSED_USERS)) else CONTAINER_USERS
    return start + secrets.randbelow(many)


def _mapped(user: int) -> bool:
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, many = map(int, line.split())
        if first <= user < first + many:
            return True
    return False


def _give_to(user: int, folder: str) -> None:
    for place, folders, files in os.walk(folder):
        for path in (place, *(os.path.join(place, name) for name in (*folders, *files))):
            os.chown(path, user, user, follow_symlinks=False)


def parent_of(pid: int) -> int:
    """The parent's process id."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
