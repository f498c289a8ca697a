"""`course lab`: JupyterLab on the student's own copy of the notebooks.

The copy lives outside the checkout, so that working on notebooks never dirties it. A file that a student has
changed is never overwritten: when a newer version is released, it is put beside the student's under another name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from course.files import write

FOLDER = Path("~/cv-course")
"""Where the student's copy lies unless told otherwise."""

_PACKAGE = Path(__file__).resolve().parent
_OWN = ".cv-course"  # our folder inside the student's: what was copied, and nbgrader's settings
_IN_CHECKOUT = "my-notebooks"  # the one folder of a checkout that git ignores for this purpose
_SETTINGS = """\
# Written by `course lab`; for the Validate button.
c = get_config()  # noqa: F821
c.ExecutePreprocessor.kernel_name = "python3"
c.ExecutePreprocessor.timeout = 180  # seconds a cell; the usual 30 are few for a laptop that imports torch
c.ExecutePreprocessor.startup_timeout = 180
c.ExecutePreprocessor.shutdown_kernel = "immediate"
c.ExecutePreprocessor.store_widget_state = False
"""


class LabError(Exception):
    """The notebooks cannot be copied or opened; the message says what to do."""


@dataclass(frozen=True)
class Copied:
    """What happened to one file.

    new: was missing; kept: the student's stays; updated: a newer version replaced one that the student had not
    changed; beside: the student's stays, the newer version is now in the file `beside`.
    """

    name: str
    status: Literal["new", "kept", "updated", "beside"]
    beside: str = ""


def main(folder: Path | None = None, no_open: bool = False, options: Sequence[str] = ()) -> int:
    """Copy the notebooks, say what is new, and open JupyterLab unless `no_open`; returns the exit code."""
    from rich.console import Console

    console, own = Console(highlight=False), (folder or FOLDER).expanduser().absolute()
    try:
        copied = copy_notebooks(own)
    except LabError as error:
        Console(stderr=True, highlight=False).print(f"✗ {error}", markup=False)
        return 1
    for line in describe(copied, own):
        console.print(line, markup=False)
    return 0 if no_open else launch(own, options)


# ------------------------------------------------------------------------------------------------ copying


def released() -> Path:
    """The notebooks that came with this package: of the checkout, or inside the installed package.

    Raises:
        LabError: there are none.
    """
    for place in (_PACKAGE.parent / "notebooks", _PACKAGE / "_notebooks"):
        if any(place.glob("*/*.ipynb")):
            return place
    raise LabError("no notebooks came with this installation; in a checkout, make them with `course build`")


def copy_notebooks(folder: Path, source: Path | None = None) -> list[Copied]:
    """Copy what is missing into `folder`; see `Copied` for what happens to files that are there.

    Raises:
        LabError: there are no notebooks to copy, or `folder` is not a place for them.
    """
    source = source or released()
    folder = folder.expanduser().absolute()
    _refuse_work_tree(folder, source)
    try:
        (folder / _OWN).mkdir(parents=True, exist_ok=True)
        record = _read_record(folder)
        copied = [_copy(source / name, folder, name, record) for name in _names(source)]
        write(folder / _OWN / "copied.json", json.dumps(record, indent=1, sort_keys=True).encode())
        write(folder / _OWN / "nbgrader_config.py", _SETTINGS.encode())
    except OSError as error:
        raise LabError(f"cannot write to {folder} ({error.strerror}); choose another one with --folder") from error
    return copied


def describe(copied: Iterable[Copied], folder: Path) -> list[str]:
    """What a student wants to know about the copy, line by line."""
    copied = list(copied)
    lines = [f"Your notebooks are in {folder}"]
    lines += [f"  new: {c.name}" for c in copied if c.status == "new" and c.name.endswith(".ipynb")]
    lines += [f"  brought up to date (you had not changed it): {c.name}" for c in copied if c.status == "updated"]
    lines += [
        f"  {c.name}: there is a newer version. Yours stays as it is; the new one is beside it, {Path(c.beside).name}"
        for c in copied
        if c.status == "beside"
    ]
    return lines


def _copy(released_file: Path, folder: Path, name: str, record: dict[str, dict[str, str]]) -> Copied:
    new, target = released_file.read_bytes(), folder / name
    digest, known = _digest(new), record.get(name, {})
    if not target.exists():
        write(target, new)
        record[name] = {"began": digest, "seen": digest}
        return Copied(name, "new")
    now = _digest(target.read_bytes())
    if now == digest:
        record[name] = {"began": digest, "seen": digest}
        return Copied(name, "kept")
    if not known or known.get("seen") == digest:
        # Without a record nobody can say which version the student began with: leave it alone.
        record[name] = {"began": "", **known, "seen": digest}
        return Copied(name, "kept")
    if now == known.get("began"):
        write(target, new)
        record[name] = {"began": digest, "seen": digest}
        return Copied(name, "updated")
    beside = _free_name(target)
    write(beside, new)
    record[name] = {**known, "seen": digest}
    return Copied(name, "beside", beside.relative_to(folder).as_posix())


def _free_name(path: Path) -> Path:
    n = 2
    while (candidate := path.with_name(f"{path.stem}-version-{n}{path.suffix}")).exists():
        n += 1
    return candidate


def _names(source: Path) -> list[str]:
    below = sorted(p.relative_to(source) for p in source.rglob("*") if p.is_file())
    return [p.as_posix() for p in below if not any(part.startswith(".") for part in p.parts)]


def _refuse_work_tree(folder: Path, source: Path) -> None:
    checkout, here = source.resolve().parent, folder.resolve()
    allowed = checkout / _IN_CHECKOUT
    if here.is_relative_to(checkout) and not here.is_relative_to(allowed):
        raise LabError(f"{folder} belongs to the course itself; choose a folder of your own, such as {FOLDER}")


def _read_record(folder: Path) -> dict[str, dict[str, str]]:
    try:
        record: Any = json.loads((folder / _OWN / "copied.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {k: v for k, v in record.items() if isinstance(v, dict)} if isinstance(record, dict) else {}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


# ------------------------------------------------------------------------------------------------ opening


def command(folder: Path, options: Sequence[str] = ()) -> list[str]:
    """The command that opens JupyterLab, with this interpreter."""
    return [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}", *options]


def environment(folder: Path, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for JupyterLab: this interpreter's kernel and scripts come first, also in an inactive venv."""
    variables = dict(os.environ if inherited is None else inherited)
    variables["PATH"] = _joined(sysconfig.get_path("scripts"), variables.get("PATH"))
    # A kernel `python3` that another installation left in the home folder must not win over this one's.
    variables["JUPYTER_PREFER_ENV_PATH"] = "1"
    variables["JUPYTER_CONFIG_PATH"] = _joined(str(folder / _OWN), variables.get("JUPYTER_CONFIG_PATH"))
    return variables


def launch(folder: Path, options: Sequence[str] = ()) -> int:
    """Open JupyterLab on `folder` and wait for its end; further options go to `jupyter lab`."""
    sys.stdout.flush()
    if os.name == "posix":
        # In place of this process, so that Ctrl-C and signals reach JupyterLab, which asks before it stops.
        os.execve(sys.executable, command(folder, options), environment(folder))
    with subprocess.Popen(command(folder, options), env=environment(folder)) as server:
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                continue


def _joined(*paths: str | None) -> str:
    return os.pathsep.join(p for p in paths if p)
