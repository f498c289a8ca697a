"""What runs between the sandbox's walls and a student's first line: it builds the rest of the walls around itself.

`python -m course.grading.sandbox.inside FD` does so in a fresh process and then becomes the kernel; the fork server
calls `confine` in a forked child. Either way a trusted parent at the other end of a socket sends a job (JSON, one
line), hears that all is shut (its kernel tells it from whom, so which process) or what went wrong, puts the process
into a cgroup, and answers "go".

With bubblewrap the tree of processes is: bwrap, init (this module; privileged in its namespace, never runs anything
of a student's), kernel. Without it (Landlock) the process restricts itself and becomes the kernel.

Only the standard library, and little of it: this is part of every start.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import json
import os
import resource
import shutil
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from course.grading.sandbox import landlock, seccomp

# Inside, with bubblewrap: the same for everybody.
JOBS, SOCKETS = "/jobs", "/run/kernel"
WRITABLE, HOME, WORK = "/student", "/student/home", "/student/submission"
# Outside, in a kernel's own folder; short, because a socket's path has at most 107 characters.
SOCKETS_OUTSIDE, WORK_OUTSIDE = "s", "w"
# Folders that must be there before the root becomes read-only.
MOUNT_POINTS = (JOBS, SOCKETS, WRITABLE, "/tmp", "/dev/shm", "/proc")
# What a process may know of itself where it has no /proc of its own; not `net`, which tells of all sockets.
OWN_PROC = ("cmdline", "environ", "fd", "limits", "maps", "smaps", "stat", "statm", "status")
READY_SECONDS, KERNEL_SOCKETS = 120.0, 5

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER = 0x20000, 0x8000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def confine(job: dict[str, Any], channel: socket.socket, forked: bool = False) -> None:
    """Shut this process in; in the one that is to be the kernel, this returns. On failure the process ends.

    Args:
        job: method, name, uid, gid, limits, read, devices, folder; made by `launch.job`. With `run`, this is to be
            no kernel: the channel stays open, and `call` goes on.
        channel: to the trusted parent.
        forked: whether this is a child of the fork server, which shares its namespaces until now.
    """
    try:
        if job["method"] == "bubblewrap":
            _behind_bubblewrap(job, channel, forked)
        else:
            _alone(job, channel)
        os.chdir(WORK if job["method"] == "bubblewrap" else os.path.join(job["folder"], WORK_OUTSIDE))
        channel.sendall(b"{}\n")
        if channel.recv(3, socket.MSG_WAITALL) != b"go\n":
            os._exit(0)  # nobody wants this process any more
        if "run" not in job:
            channel.close()
    except BaseException as error:
        _give_up(channel, error)


def _give_up(channel: socket.socket, error: BaseException) -> NoReturn:
    with contextlib.suppress(OSError):
        channel.sendall(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    os._exit(1)


# ------------------------------------------------------------------------------------------- with namespaces


def _behind_bubblewrap(job: dict[str, Any], channel: socket.socket, forked: bool) -> None:
    if forked:  # by `fork_apart`, as the first process of its namespace
        end_with_parent()
        _call("unshare", CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
            fcntl.ioctl(loopback, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    _private_mounts(job, fresh_proc=forked)
    kernel = os.fork()
    if kernel:
        channel.close()
        _be_init(kernel, READY_SECONDS if "run" not in job else 0.0)
    os.setsid()
    if job["uid"] is None:
        # Its own user namespace, last: the kernel counts processes per user and namespace.
        _call("unshare", CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", "{0} {0} 1"), ("gid_map", "{1} {1} 1")):
            Path(f"/proc/self/{name}").write_text(text.format(job["own_uid"], job["own_gid"]))
    _close_all_but(channel)
    _limit(job["limits"])
    _drop_privileges(job["uid"], job["gid"])
    seccomp.apply()


def fork_apart() -> int:
    """fork(2), but the child is the first process of a new namespace of process ids; its end is the end of all in it.

    One fork does for two: to copy a process that has imported torch takes as long as much of what follows.
    """
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", CLONE_NEWPID)  # for children; this process stays where it is
        try:
            child = os.fork()
        except OSError:
            _call("setns", own, CLONE_NEWPID)
            raise
        if child:
            _call("setns", own, CLONE_NEWPID)
        return child
    finally:
        os.close(own)


def _private_mounts(job: dict[str, Any], fresh_proc: bool) -> None:
    """Everything that can be written is one file system in memory, of limited size; the submission is copied there."""
    limits = job["limits"]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    if fresh_proc:
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
    own = os.path.join(JOBS, job["name"])
    room = f"size={limits['disk']},nr_inodes={limits['inodes']},mode=0755"
    mount("tmpfs", WRITABLE, "tmpfs", MS_NOSUID | MS_NODEV, room)
    for source, target in (("tmp", "/tmp"), ("shm", "/dev/shm")):
        os.mkdir(f"{WRITABLE}/{source}")
        os.chmod(f"{WRITABLE}/{source}", 0o1777)
        mount(f"{WRITABLE}/{source}", target, None, MS_BIND)
    os.mkdir(HOME)
    shutil.copytree(os.path.join(own, WORK_OUTSIDE), WORK)
    if "run" not in job:
        mount(os.path.join(own, SOCKETS_OUTSIDE), SOCKETS, None, MS_BIND)
    if job["uid"] is not None:
        for top in (HOME, WORK, *([] if "run" in job else [SOCKETS])):
            for folder, _, files in os.walk(top):
                for path in (folder, *(os.path.join(folder, name) for name in files)):
                    os.chown(path, job["uid"], job["gid"])
    mount("none", JOBS, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "size=4k,mode=0755")


def _be_init(kernel: int, patience: float) -> None:
    """The first process of the namespace: close the last door, bury the dead, end with the kernel."""
    _close_all_but(None)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    deadline = time.monotonic() + patience if patience else None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG if deadline else 0)
        except ChildProcessError:
            os._exit(1)
        if pid == kernel:
            os._exit(_exit_code(status))
        if pid == 0 and deadline:
            made = [name for name in os.listdir(SOCKETS) if name.startswith("k-")]
            if len(made) >= KERNEL_SOCKETS or time.monotonic() > deadline:
                # The folder of the sockets lies on the machine's own disk. The kernel has made what it needs, and
                # runs nothing of a student's before that; from now on nobody in here can write there.
                mount("none", SOCKETS, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
                deadline = None
            else:
                time.sleep(0.005)


def _exit_code(status: int) -> int:
    """As shells have it: 128 + n for signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


# ---------------------------------------------------------------------------------------- without namespaces


def _alone(job: dict[str, Any], channel: socket.socket) -> None:
    folder = job["folder"]
    if os.getpgid(0) != os.getpid():
        os.setsid()
    _close_all_but(channel)
    _limit(job["limits"])
    _drop_privileges(job["uid"], job["gid"])
    end_with_parent()  # a change of user would have cleared it
    own = [f"/proc/{os.getpid()}/{name}" for name in OWN_PROC]
    landlock.restrict(
        [*job["read"], *own],
        [os.path.join(folder, WORK_OUTSIDE)],
        job["devices"],
        os.path.join(folder, SOCKETS_OUTSIDE),
    )
    seccomp.apply(os.getpid())


# ------------------------------------------------------------------------------------------------------ both


def _limit(limits: dict[str, int]) -> None:
    """Limits of one process; a cgroup or the watchdog limits all of them together."""
    # A forked process has its server's memory, which is not the submission's doing.
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    memory = limits["memory"] + pages * resource.getpagesize()
    for number, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_NOFILE, _files(limits["files"])),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_DATA, memory),
        # Libraries map gigabytes without using them. This stops what RLIMIT_DATA does not count: shared memory.
        (resource.RLIMIT_AS, memory + limits["mapped"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_MEMLOCK, 65536),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 1024),
    ):
        _, hard = resource.getrlimit(number)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))


def _files(wanted: int) -> int:
    """How many files may be open: always fewer than with the grader, see `limits.hand_over`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard // 2)


def _drop_privileges(uid: int | None, gid: int | None) -> None:
    """No capabilities, now or after any exec; as another user where we are root."""
    for capability in range(64):
        if _libc().prctl(PR_CAPBSET_DROP, *map(ctypes.c_ulong, (capability, 0, 0, 0))):
            break  # no such capability, or none of ours to drop
    if uid is not None and gid is not None:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        # A change of user hides /proc/self/fd from its owner, which subprocess wants to read.
        _prctl(PR_SET_DUMPABLE, 1)
    header = ctypes.create_string_buffer(struct.pack("<Ii", _LINUX_CAPABILITY_VERSION_3, 0))
    _call("capset", header, ctypes.create_string_buffer(24))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def _close_all_but(channel: socket.socket | None) -> None:
    """Keep no file of the parent's open; standard input and outputs lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    keep = channel.fileno() if channel else 2
    if keep > 3:
        os.closerange(3, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2)."""
    encoded = [text.encode() if text is not None else None for text in (source, target, kind)]
    data = options.encode() if options else None
    _call("mount", *encoded, ctypes.c_ulong(flags), data)


def end_with_parent() -> None:
    """Let the system kill this process when its parent ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, *map(ctypes.c_ulong, (value, 0, 0, 0)))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc(), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{arguments[:2]}: {os.strerror(number)}")


def receive(channel: socket.socket) -> dict[str, Any]:
    """The job, from the trusted parent; on failure the process ends."""
    try:
        with channel.makefile("rb") as lines:
            job: dict[str, Any] = json.loads(lines.readline())
    except (OSError, ValueError) as error:
        _give_up(channel, error)
    return job


def call(job: dict[str, Any], channel: socket.socket) -> NoReturn:
    """Within the walls: call the job's function with the channel, and end."""
    os.set_inheritable(channel.fileno(), False)
    os.environ.clear()
    os.environ.update(job["env"])
    try:
        entry(job["run"])(channel)
    except BaseException:
        os._exit(1)
    os._exit(0)


def entry(name: str) -> Callable[..., None]:
    """The function that is called "package.module:function"."""
    module, _, function = name.partition(":")
    found: Callable[..., None] = getattr(importlib.import_module(module), function)
    return found


def main(descriptor: int) -> None:
    """Read the job, shut the doors, become the kernel or call a function."""
    channel = socket.socket(fileno=descriptor)
    job = receive(channel)
    confine(job, channel)
    if "run" in job:
        call(job, channel)
    python, *rest = job["argv"]
    # Among a submission's files there may be one that is called as the kernel's module is.
    os.execve(python, [python, *(["-P"] if rest[:1] == ["-m"] else []), *rest], job["env"])


if __name__ == "__main__":
    main(int(sys.argv[1]))
