"""How much a submission may use. The kernel sees to it (rlimits, cgroups, tmpfs) or, failing cgroups, a thread.

An rlimit holds for one process. Memory of all processes together is a cgroup's business; where we may not make one
(an ordinary user outside a delegated group, a container), the watchdog adds up and kills.
"""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1 << 20
CGROUPS = Path("/sys/fs/cgroup")
POLL_SECONDS = 0.25
# What a socket has sent and nobody has read is the system's memory: at most so much, unless Linux was told otherwise.
SOCKET_BYTES = 2 * 212_992


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Attributes:
        memory: bytes, all its processes together.
        processes: processes and threads together.
        cpu: seconds of processor time of each process.
        wall: seconds until everything ends, whatever it does.
        files: open files of each process.
        file_size: bytes of one file.
        disk: bytes of all files together; they lie in memory.
        inodes: how many files.
        mapped: bytes of address space beyond `memory`; libraries map more than they use.
    """

    memory: int = 4096 * MEGABYTE
    processes: int = 256
    cpu: int = 900
    wall: int = 1200
    files: int = 1024
    file_size: int = 256 * MEGABYTE
    disk: int = 512 * MEGABYTE
    inodes: int = 20_000
    mapped: int = 16_384 * MEGABYTE


class Cgroup:
    """Memory and processes of a submission, counted by the kernel: version 2, or version 1's two controllers.

    `made` says which of "memory" and "pids" are limited; it may be neither.
    """

    def __init__(self, limits: Limits, root: Path = CGROUPS) -> None:
        self.made: set[str] = set()
        self._folders: list[Path] = []
        name = f"cv-grading-{secrets.token_hex(6)}"
        settings = {
            "memory": [
                ("memory.max", str(limits.memory), True),
                ("memory.swap.max", "0", False),
                ("memory.oom.group", "1", False),
                ("memory.limit_in_bytes", str(limits.memory), True),
                ("memory.memsw.limit_in_bytes", str(limits.memory), False),
            ],
            "pids": [("pids.max", str(limits.processes), True)],
        }
        for place in _own_groups(root):
            wanted = [c for c in settings if c not in self.made]
            folder = place / name
            if not wanted or folder in self._folders:
                continue
            with contextlib.suppress(OSError):
                folder.mkdir()
                self._folders.append(folder)
                for controller in wanted:
                    if any(self._set(folder / file, value) and needed for file, value, needed in settings[controller]):
                        self.made.add(controller)

    def add(self, pid: int) -> None:
        """Put a process into it; what it starts from now on belongs to it too."""
        for folder in list(self._folders):
            try:
                (folder / "cgroup.procs").write_text(str(pid))
            except OSError:  # version 2 wants more rights for moving than for making
                self._folders.remove(folder)
                self.made.clear()
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def prepare(self) -> None:
        """Have the kernel ready to move processes.

        For the first move in a while it waits 10 ms until no processor is amid a fork, for the next ones it does not;
        so let it wait for a move that changes nothing, ours to where we are, while something else is to be done anyway.
        """
        own = str(os.getpid())
        for folder in self._folders:
            members = folder.parent / "cgroup.procs"
            with contextlib.suppress(OSError):
                if own in members.read_text().split():  # elsewhere it would be a move indeed
                    members.write_text(own)

    def overflowed(self) -> bool:
        """Whether the kernel has killed one of its processes for want of memory. (Version 2 kills them all.)"""
        for folder in self._folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    for line in (folder / name).read_text().splitlines():
                        if line.startswith("oom_kill ") and line.split()[1] != "0":
                            return True
        return False

    def close(self) -> None:
        """Remove it when the last process has gone, which may take the kernel a moment."""
        for folder in self._folders:
            for _ in range(20):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)
        self._folders.clear()

    @staticmethod
    def _set(path: Path, value: str) -> bool:
        if not path.is_file():
            return False
        with contextlib.suppress(OSError):
            path.write_text(value)
            return True
        return False


def _own_groups(root: Path) -> list[Path]:
    """Folders where a group of ours might be made, best first."""
    found: list[Path] = []
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2: a group with processes cannot have limited children, its parent may
            for tree in (root, root / "unified"):
                own = tree / path.lstrip("/")
                if (own / "cgroup.controllers").is_file():
                    found += [own.parent, own] if own != tree else [own]
        for controller in controllers.split(","):
            if controller in ("memory", "pids"):
                found.append(root / controller / path.lstrip("/"))
    return found


class Watchdog(threading.Thread):
    """Ends a submission that takes too long, or (if told to look) uses more memory, processes or disk than it may.

    `verdict` is what it did and why, for people; empty while it did nothing.

    Args:
        limits: what it may use.
        kill: ends all of it.
        tree: a process whose memory is to be added up, with that of its descendants.
        folder: whose files are to be added up,
        writer: with those that this process and its descendants have deleted, but still use; they are counted, too.
        group: a cgroup that limits memory.
    """

    def __init__(
        self,
        limits: Limits,
        kill: Callable[[], None],
        tree: int | None = None,
        folder: str | None = None,
        writer: int | None = None,
        group: Cgroup | None = None,
    ) -> None:
        super().__init__(name="sandbox-watchdog", daemon=True)
        self.verdict = ""
        self._limits, self._kill, self._tree, self._folder = limits, kill, tree, folder
        self._writer, self._group = writer, group
        self._before = memory_of(tree) if tree is not None else 0  # a forked kernel shares its server's
        self._deadline = time.monotonic() + limits.wall
        self._done = threading.Event()

    def run(self) -> None:
        """Look, and look again."""
        looking = self._tree is not None or self._folder is not None or self._group is not None
        while not self._done.wait(POLL_SECONDS if looking else max(0.0, self._deadline - time.monotonic())):
            if verdict := self.look():
                self.verdict = self.verdict or verdict
                self._kill()
                return

    def close(self) -> None:
        """Stop looking."""
        self._done.set()

    def look(self) -> str:
        """Which limit is passed; empty if none is."""
        if time.monotonic() >= self._deadline:
            return f"it ran for more than {self._limits.wall} seconds"
        if self._uses_too_much() or (self._group and self._group.overflowed()):
            return f"it used more than {self._limits.memory // MEGABYTE} MB of memory"
        if self._writer is not None and threads_of(self._writer) > self._limits.processes:
            return f"it started more than {self._limits.processes} processes and threads"
        return self._look_at_files() if self._folder is not None else ""

    def _uses_too_much(self) -> bool:
        """By a count that takes little time, and if that is so by one that does not count shared memory twice."""
        if self._tree is None:
            return False
        sent = sockets_of(self._tree) * SOCKET_BYTES
        if memory_of(self._tree) - self._before + sent <= self._limits.memory:
            return False
        return memory_of(self._tree, shared_once=True) + sent > self._limits.memory

    def _look_at_files(self) -> str:
        assert self._folder is not None
        try:
            size, files = size_of(self._folder)
        except OSError:
            return "it nested folders too deeply"
        if self._writer is not None:
            size += deleted_size(self._writer)
        if size > self._limits.disk:
            return f"it wrote more than {self._limits.disk // MEGABYTE} MB to files"
        if files > self._limits.inodes:
            return f"it made more than {self._limits.inodes:,} files"
        return ""


def descendants(root: int) -> list[int]:
    """A process, all that it started, and its process group: there it finds those that were adopted by others."""
    children, group = defaultdict(list), []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                _, parent, leader, *_ = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                children[int(parent)].append(int(entry.name))
                group += [int(entry.name)] if int(leader) == root else []
    found = list(dict.fromkeys([root, *group]))
    known = set(found)
    for pid in found:
        fresh = [child for child in children[pid] if child not in known]
        known.update(fresh)
        found += fresh
    return found


def memory_of(root: int, shared_once: bool = False) -> int:
    """Bytes of memory that a process and all its descendants have for themselves.

    With `shared_once`, memory that n processes share counts 1/n in each; that takes milliseconds a process.
    """
    total = 0
    for pid in descendants(root):
        with contextlib.suppress(OSError):
            file, names = "status", ("RssAnon:", "RssShmem:")
            if shared_once and os.access(f"/proc/{pid}/smaps_rollup", os.R_OK):
                file, names = "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")
            for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
                if line.startswith(names):
                    total += int(line.split()[1]) << 10
    return total


def sockets_of(root: int) -> int:
    """How many sockets a process and all its descendants have open, as far as can be seen."""
    found = set[int]()
    for pid in descendants(root):
        with contextlib.suppress(OSError):
            for entry in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    about = os.stat(f"/proc/{pid}/fd/{entry}")
                    found.update([about.st_ino] if stat.S_ISSOCK(about.st_mode) else [])
    return len(found)


def threads_of(root: int) -> int:
    """How many threads a process and all its descendants have together."""
    return sum(_threads(f"/proc/{pid}") for pid in descendants(root))


def threads_of_user(user: int) -> int:
    """How many threads all processes of a user have together; that is what RLIMIT_NPROC counts."""
    total = 0
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and entry.stat().st_uid == user:
                total += _threads(entry.path)
    return total


def _threads(process: str) -> int:
    try:
        return len(os.listdir(f"{process}/task"))
    except OSError:
        return 0


def size_of(folder: str) -> tuple[int, int]:
    """Bytes and number of the files in a folder, links not followed.

    Raises:
        OSError: it is nested more deeply than a path can say.
    """
    size, files, waiting = 0, 0, [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        files += 1
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it has just been removed
    return size, files


def deleted_size(root: int) -> int:
    """Bytes of files that a process or its descendants hold though no folder shows them any more."""
    found: dict[int, int] = defaultdict(int)
    for pid in descendants(root):
        with contextlib.suppress(OSError):
            for entry in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    about = os.stat(f"/proc/{pid}/fd/{entry}")
                    if stat.S_ISREG(about.st_mode) and not about.st_nlink:
                        found[about.st_ino] = max(found[about.st_ino], about.st_blocks * 512)
            for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
                if line.endswith(" (deleted)"):
                    addresses, _, _, _, inode, *_ = line.split()
                    start, end = (int(address, 16) for address in addresses.split("-"))
                    found[int(inode)] = max(found[int(inode)], end - start)
    return sum(found.values())


def hand_over(channel: socket.socket, content: bytes, descriptors: Sequence[int]) -> int:
    """Send open files along with `content`; the answer is how much of that was sent.

    The kernel counts those that nobody has received yet per user, and refuses more than the sender may have open. A
    submission may run as the same user, and leave as many on their way as it may open itself: we may open more.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return socket.send_fds(channel, [content], list(descriptors))


def remove(folder: str) -> None:
    """Remove a folder, whatever a submission has made of it."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:  # nested more deeply than Python can follow
        subprocess.run(["rm", "-rf", "--", folder], check=False)


def send(pidfd: int, number: int) -> None:
    """Signal a process; nothing if it has ended."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)
