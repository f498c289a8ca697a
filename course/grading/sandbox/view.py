"""What a submission sees: the system and this Python environment, read-only, and its own files. Nothing else."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

import course
from course.grading.sandbox.errors import SandboxError

SYSTEM = (
    "/usr",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/sys/devices/system/cpu",
)
MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")  # links into /usr on most systems
PROC = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version")  # where /proc itself stays hidden
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# Also taken from the grader's environment; all else starts empty.
INHERITED = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "NBGRADER_EXECUTION", "COURSE_SEED", "COURSE_DATA")
PACKAGE = str(Path(course.__file__).resolve().parent)
COVERED = ("/tmp", "/dev/shm", "/student", "/jobs", "/run/kernel")
COPIED_BYTES, COPIED_FILES = 256 << 20, 5_000


def readable(more: Iterable[str] = ()) -> list[str]:
    """Files and folders that every submission may read, none below another.

    Args:
        more: data sets and the like.

    Raises:
        SandboxError: one of them would show far too much.
    """
    wanted = [*SYSTEM, *MERGED, sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, PACKAGE]
    wanted += [*_interpreter(), *filter(None, [os.environ.get("COURSE_DATA")]), *more]
    paths = {os.path.abspath(path) for path in wanted} | {os.path.realpath(path) for path in wanted}
    homes = {os.path.realpath(os.path.expanduser("~")), "/home", "/root", "/tmp", "/"}
    found: list[str] = []
    for path in sorted(p for p in paths if os.path.exists(p) and not (p in MERGED and os.path.islink(p))):
        if any(_within(home, path) for home in homes):
            raise SandboxError(
                f"{path} belongs to this Python environment or to the readable folders, and showing it to students' "
                "code would show far more than that. Use a virtual environment (`uv sync`), or name smaller folders."
            )
        if hidden := next((h for h in COVERED if _within(path, h)), None):
            raise SandboxError(f"{path} cannot be shown: {hidden} is private in the sandbox. Move it elsewhere.")
        if not any(_within(path, other) for other in found):
            found.append(path)
    return found


def refuse_exposed(folder: str, shown: Iterable[str]) -> None:
    """Make sure that no submission can see this one's surroundings.

    Raises:
        SandboxError: the class lies in a folder that every submission may read.
    """
    place = os.path.realpath(folder)
    for path in shown:
        if _within(place, path):
            raise SandboxError(f"{place} lies in {path}, which every submission can read: move the class elsewhere")


def refuse_closed(shown: Iterable[str]) -> None:
    """Without namespaces, a submission comes to what it may read by the folders above it.

    Raises:
        SandboxError: one of them is open to its owner only, and submissions run as nobody.
    """
    for path in shown:
        for folder in Path(path).parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise SandboxError(
                    f"{folder} is closed to others, and {path} lies in it: submissions could not read that. Use a "
                    f"Python environment elsewhere, or open the folder with `chmod o+x {folder}`"
                )


def environment(env: Mapping[str, str], home: str, temporary: str) -> dict[str, str]:
    """A kernel's environment: what it needs, and nothing of the grader's that might be a secret."""
    scripts = sysconfig.get_path("scripts")
    return {
        **{name: env[name] for name in INHERITED if name in env},
        "PATH": os.pathsep.join((scripts, "/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": home,
        "TMPDIR": temporary,
        "IPYTHONDIR": os.path.join(home, ".ipython"),
        "USER": "student",
        "LOGNAME": "student",
        "CUDA_VISIBLE_DEVICES": "",  # there are no devices in the sandbox
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def copy_submission(source: str, target: str) -> None:
    """Copy the regular files of a folder: no links, no devices, not too much.

    Raises:
        SandboxError: it is too large.
    """
    size = count = 0
    os.makedirs(target)
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(folder, name))]
        there = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(there, exist_ok=True)
        for name in files:
            path = os.path.join(folder, name)
            about = os.lstat(path)
            if not stat.S_ISREG(about.st_mode):
                continue
            size, count = size + about.st_size, count + 1
            if size > COPIED_BYTES or count > COPIED_FILES:
                raise SandboxError(
                    f"the submission is larger than {COPIED_BYTES >> 20} MB or has more than {COPIED_FILES} files"
                )
            shutil.copyfile(path, os.path.join(there, name), follow_symlinks=False)


def _interpreter() -> list[str]:
    """The links from this interpreter to the real one, each a file that must be there."""
    found, path = [], sys.executable
    while path not in found:
        found.append(path)
        if os.path.islink(path):
            path = os.path.abspath(os.path.join(os.path.dirname(path), os.readlink(path)))
    return found


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
