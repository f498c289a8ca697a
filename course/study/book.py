"""What a learner has tried and passed: one small JSON file on this machine, which nothing ever sends anywhere.

It lies in the user's data folder, or in COURSE_HOME, and holds for each exercise how it stands, how many different
versions were checked, and which hints were taken; no code. Whatever is wrong with the file, a student never gets an
error for it: a damaged one is set aside, and where nothing can be written the session goes on from memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from course.files import write

_VERSION = 1
_ASIDE = "progress-damaged-{}.json"
_PATIENCE = 2.0  # seconds to wait for another kernel that is writing


@dataclass(frozen=True)
class Entry:
    """How one exercise stands.

    Attributes:
        status: passed, once it was; tried; or untouched.
        points: the most that a check gave.
        attempts: how many different versions were checked; running the same code again is no attempt.
        digest: eight characters by which the last version is known again.
        asked: how often the solution was asked for.
        solution: whether it was shown.
    """

    status: Literal["untouched", "tried", "passed"] = "untouched"
    points: float = 0.0
    attempts: int = 0
    digest: str = ""
    asked: int = 0
    solution: bool = False


UNTOUCHED = Entry()
_unsaved: dict[str, Entry] = {}  # what could not be written


class _Newer(OSError):
    """The file is of a later version of the course: leave it as it is."""


def folder() -> Path:
    """Where the file lies: COURSE_HOME, else the user's data folder."""
    if chosen := os.environ.get("COURSE_HOME"):
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("cv-course", appauthor=False)


def path() -> Path:
    """The file."""
    return folder() / "progress.json"


def read() -> dict[str, Entry]:
    """All entries by exercise; whatever happens, no error."""
    try:
        if not path().exists():
            return dict(_unsaved)
        entries, intact = _parse(path().read_bytes())
        if not intact:
            entries = _locked(_load)
    except OSError:
        entries = {}
    return {**entries, **_unsaved}


def change(name: str, edit: Callable[[Entry], Entry]) -> Entry:
    """Edit one entry, safely beside other kernels; returns the new one. An unchanged entry is not written."""

    def apply() -> Entry:
        entries = _load()
        old = entries.get(name, UNTOUCHED)
        new = edit(_unsaved.get(name, old))
        if new != old:
            _save({**entries, name: new})
        return new

    try:
        new = _locked(apply)
    except OSError:
        new = edit(read().get(name, UNTOUCHED))
        if new != UNTOUCHED:
            _unsaved[name] = new
    else:
        _unsaved.pop(name, None)
    return new


def checked(name: str, status: str, points: float, digest: str) -> Entry:
    """Enter the outcome of a check: "passed", "partial", "failed" or "unwritten". What is passed stays passed."""

    def edit(entry: Entry) -> Entry:
        if entry.status == "passed" or status == "unwritten":
            return entry
        new = digest == "" or digest != entry.digest
        return replace(
            entry,
            status="passed" if status == "passed" else "tried",
            points=max(points, entry.points),
            attempts=entry.attempts + new,
            digest=digest,
        )

    return change(name, edit)


def forget(names: set[str] | None = None) -> int:
    """Remove these entries, or all; returns how many there were.

    Raises:
        OSError: the file cannot be written.
    """

    def apply() -> int:
        entries = _load()
        kept = {} if names is None else {n: e for n, e in entries.items() if n not in names}
        if len(kept) < len(entries):
            _save(kept)
        return len(entries) - len(kept)

    for name in list(_unsaved):
        if names is None or name in names:
            del _unsaved[name]
    return _locked(apply) if path().exists() else 0


def trouble() -> str:
    """Why nothing can be kept, in a sentence; empty where all is well."""
    try:
        _locked(_load)
    except OSError as error:
        way = "bring the course up to date, or set" if isinstance(error, _Newer) else "set"
        return (
            f"Progress cannot be kept in {folder()} ({error.strerror or error}): {way} COURSE_HOME to another folder."
        )
    return ""


def set_aside() -> list[Path]:
    """Damaged files that lie beside the one in use, oldest first."""
    try:
        return sorted(folder().glob(_ASIDE.format("*")), key=lambda path: path.stat().st_mtime)
    except OSError:
        return []


# ------------------------------------------------------------------------------------------------ the file


def _locked(action: Callable[[], Any]) -> Any:
    """Do something while no other kernel may; raises OSError (Timeout is one) if that cannot be had."""
    from filelock import FileLock

    folder().mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder() / "progress.lock", timeout=_PATIENCE):
            return action()
    except NotImplementedError as error:  # a file system without locks
        raise OSError(str(error)) from error


def _load() -> dict[str, Entry]:
    """The entries; a damaged file is set aside, and what can be read in it is kept. Call it under the lock."""
    try:
        content = path().read_bytes()
    except FileNotFoundError:
        return {}
    entries, intact = _parse(content)
    if not intact:
        n = 1
        while (aside := path().with_name(_ASIDE.format(n))).exists():
            n += 1
        os.replace(path(), aside)
        _save(entries)
    return entries


def _save(entries: dict[str, Entry]) -> None:
    rows = {name: asdict(entry) for name, entry in sorted(entries.items())}
    write(path(), json.dumps({"version": _VERSION, "exercises": rows}, indent=1) + "\n")


def _parse(content: bytes) -> tuple[dict[str, Entry], bool]:
    """The entries that can be read, and whether these are all."""
    try:
        data = json.loads(content)
        rows = data["exercises"]
        if data["version"] > _VERSION:
            raise _Newer(f"{path()} was written by a newer version of the course")
        found = {name: _entry(row) for name, row in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, False
    good = {name: entry for name, entry in found.items() if entry is not None}
    return good, len(good) == len(found)


def _entry(row: Any) -> Entry | None:
    """An entry, if each field it has is of the right kind; fields that it lacks are as they are at the beginning."""
    if not isinstance(row, dict):
        return None
    known = {f.name: row[f.name] for f in fields(Entry) if f.name in row}
    fits = all(
        type(value) is type(getattr(UNTOUCHED, name)) or (name == "points" and type(value) is int)
        for name, value in known.items()
    )
    if not fits or known.get("status", "untouched") not in ("untouched", "tried", "passed"):
        return None
    return Entry(**known)
