"""What belongs to a run ends with it, however it ends: its processes, its temporary folders.

A folder holds a file that is locked as long as a process of its run lives. The system lets go of a lock when its last
holder is gone, also after kill −9, so the next run knows whose folders nobody needs any more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from course.grading.sandbox import inside
from course.grading.sandbox.limits import remove

try:
    import fcntl
except ImportError:  # Windows: folders are removed as usual, and what a killed run leaves stays
    fcntl = None  # type: ignore[assignment]

FORK, KERNEL, CONFINED, TASK = "cv-fork-", "cv-kernel-", "cv-confined-", "cv-task-"
OWNER = ".owner"
# A socket's path has at most 107 characters.
LONGEST, SHORT = 70, "/tmp"
_held: dict[str, int] = {}


# ------------------------------------------------------------------------------------------------ folders


def make(prefix: str) -> str:
    """A new private folder, whose path leaves room for a socket's name; it is this run's until `discard`."""
    folder = tempfile.mkdtemp(prefix=prefix, dir=None if len(tempfile.gettempdir()) < LONGEST else SHORT)
    if fcntl is not None:
        fresh = os.path.join(folder, f"{OWNER}.new")
        lock = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(fresh, os.path.join(folder, OWNER))  # from here on it can be told from a dead run's
            _held[folder] = lock
        except OSError:  # a file system without locks: nobody will take it for anybody's
            os.close(lock)
    return folder


def discard(folder: str) -> None:
    """Remove a folder, whatever a submission has made of it."""
    remove(folder)
    if (lock := _held.pop(folder, None)) is not None:
        os.close(lock)


@contextlib.contextmanager
def folder_for(prefix: str, home: str | None) -> Iterator[str]:
    """An empty folder for a while: in `home`, which is some run's already, or else by itself."""
    if home is not None and os.path.isdir(home):
        with tempfile.TemporaryDirectory(prefix=prefix, dir=home, ignore_cleanup_errors=True) as folder:
            yield folder
        return
    own = make(prefix)
    try:
        folder = os.path.join(own, "files")
        os.mkdir(folder)
        yield folder
    finally:
        discard(own)


def sweep() -> list[str]:
    """Remove this user's folders whose run is dead; the answer is which."""
    if fcntl is None:
        return []
    found: list[str] = []
    for top in dict.fromkeys((tempfile.gettempdir(), SHORT)):
        with contextlib.suppress(OSError), os.scandir(top) as entries:
            found += [e.path for e in entries if e.name.startswith((FORK, KERNEL, CONFINED, TASK)) and _is_left(e.path)]
    for folder in found:
        remove(folder)
    return found


def _is_left(folder: str) -> bool:
    """Whether it is ours and nobody holds its lock. No link is followed: others may write where it lies."""
    assert fcntl is not None
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        stack.callback(os.close, place)
        if os.fstat(place).st_uid != os.geteuid():
            return False
        lock = os.open(OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


# ---------------------------------------------------------------------------------------------- processes


def end_with_parent(parent: int | None) -> None:
    """Let the system kill this process when its parent, whose number this is, ends without a word."""
    if sys.platform == "linux":
        inside.end_with_parent()
        if parent is not None and os.getppid() != parent:  # it was faster
            os._exit(1)


class Stopped(KeyboardInterrupt):
    """Somebody wants this process to end: by Ctrl-C, by its number, by closing the terminal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def sentence(self) -> str:
        """What happened."""
        return "Interrupted." if self.number == signal.SIGINT else f"Ended by {self}."

    @property
    def exit_code(self) -> int:
        """As shells have it."""
        return 128 + self.number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Inside, Ctrl-C, SIGTERM and SIGHUP raise `Stopped`, once: those that follow find it tidying up already."""
    numbers = [n for name in ("SIGINT", "SIGTERM", "SIGHUP") if (n := getattr(signal, name, None)) is not None]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}

    def stop(number: int, _: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's wish
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
