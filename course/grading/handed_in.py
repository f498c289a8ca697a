"""What students hand in, read by a process that trusts none of it.

A folder may hold anything: pipes, devices, links, folders where files should be, what cannot be read, names that no
terminal should see. Regular files count, of limited size and number; the rest is as if it were not there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import uuid
import warnings
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import parse_utc

from course.grading.clean import clean_attachments, one_line, writable
from course.grading.sandbox.view import COPIED_BYTES, COPIED_FILES

MEGABYTE = 1_000_000
# What reading a file runs into that is no regular one, or is being changed. All else is the machine's doing.
OF_THE_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.EFBIG, errno.EISDIR, errno.ENXIO}
TIMESTAMP, TIMESTAMP_BYTES = "timestamp.txt", 200
LONGEST_NAME = 1_000  # of a file with its folders: it has to fit in other places too
MAX_CELLS = 5_000


class Unreadable(ValueError):
    """A submitted file that cannot be graded; the message is a sentence for the student."""


class OutOfReach(Exception):
    """A part of a submission is closed to who grades, or lies on a broken disk: no reason to give anybody 0 points."""

    def __init__(self, error: OSError, path: Path) -> None:
        place = error.filename if os.path.isabs(error.filename or "") else path
        super().__init__(
            f"{place} cannot be read ({error.strerror}). Nothing was entered: make it readable "
            "(chmod -R u+rX), then grade again"
        )


# ------------------------------------------------------------------------------------------------ files


def regular_files(
    home: Path, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Relative path, path and status of each regular file, always in the same order; links are not followed.

    `onerror` hears of folders that cannot be read.
    """
    for folder, folders, names in os.walk(home, onerror=onerror):
        folders[:] = sorted(name for name in folders if not os.path.islink(os.path.join(folder, name)))
        for name in sorted(names):
            path = Path(folder, name)
            try:
                about = path.lstat()
            except OSError:
                continue
            if stat.S_ISREG(about.st_mode):
                yield str(path.relative_to(home)), path, about


def read_regular(home: Path, name: str, most: int) -> bytes:
    """A regular file's content, also where the folder is being changed meanwhile: no link on the way is followed.

    Raises:
        OSError: it is not there, no regular file, larger than `most` bytes, or cannot be read.
    """
    if os.open not in os.supports_dir_fd:
        return Path(home, name).read_bytes()
    *folders, last = name.split(os.sep)
    place = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            deeper = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = deeper
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
    return content


def collect(home: Path, max_bytes: int, fixed: Collection[str] = ()) -> tuple[dict[str, bytes], str]:
    """The files of a submission, except huge ones; and what is wrong with them as a whole.

    Args:
        home: the submission.
        max_bytes: larger ones are left out.
        fixed: relative paths of files that will lie beside them: nothing may be in their way.

    Raises:
        OutOfReach: some of it cannot be read.
    """
    files: dict[str, bytes] = {}
    size = 0
    for name, path, about in regular_files(home, partial(_refuse, home)):
        if about.st_size > max_bytes or len(name) > LONGEST_NAME or _in_the_way(name, fixed):
            continue
        size += about.st_size
        if size > COPIED_BYTES or len(files) >= COPIED_FILES:
            most = f"at most {COPIED_BYTES // MEGABYTE} MB in {COPIED_FILES:,} files are graded"
            return {}, f"The submission has too many or too large files; {most}. Hand in the notebook alone."
        try:
            files[name] = read_regular(home, name, max_bytes)
        except OSError as error:
            _refuse(path, error)
    return files, ""


def _refuse(path: Path, error: OSError) -> None:
    """Go on only if it is the submission's own doing."""
    if error.errno not in OF_THE_FILE:
        raise OutOfReach(error, path) from error


def _in_the_way(name: str, fixed: Collection[str]) -> bool:
    """Whether it is a folder where the other is a file, or the other way round."""
    return any(name.startswith(f"{other}/") or other.startswith(f"{name}/") for other in fixed)


def digest_of(home: Path) -> str:
    """A digest of a submission: changes when the content of one of its files does, or whether it can be read.

    Of what is more than anybody grades, only the dates are looked at.
    """
    digest, size = hashlib.sha256(), 0
    closed: list[OSError] = []
    for name, _, about in regular_files(home, closed.append):
        size += about.st_size
        try:
            if size > COPIED_BYTES:
                content = str(about.st_mtime_ns)
            else:
                content = hashlib.sha256(read_regular(home, name, COPIED_BYTES)).hexdigest()
        except OSError:
            content = "cannot be read"
        digest.update(f"{name} {about.st_size} {content}\n".encode("utf-8", "surrogateescape"))
    for error in closed:
        digest.update(f"{error.filename} cannot be read\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def handed_in_at(home: Path) -> datetime | None:
    """When, by the file that nbgrader collects with a submission; None if it does not tell."""
    try:
        return parse_utc(read_regular(home, TIMESTAMP, TIMESTAMP_BYTES).decode().strip())
    except (OSError, ValueError, OverflowError, TypeError):
        return None


# ------------------------------------------------------------------------------------------------ notebooks


def read_submission(path: Path, max_bytes: int = 20 * MEGABYTE) -> NotebookNode:
    """A submitted notebook, mended where it is a little off.

    Raises:
        Unreadable: it is missing, too large, or no notebook.
        OutOfReach: it cannot be read.
    """
    return parse_submission(path.name, find_submission(path, max_bytes))


def find_submission(path: Path, max_bytes: int = 20 * MEGABYTE) -> bytes:
    """A submitted file.

    Raises:
        Unreadable: it is missing or too large.
        OutOfReach: it cannot be read.
    """
    found = {name: about for name, _, about in regular_files(path.parent, partial(_refuse, path))}
    if path.name not in found:
        others = [one_line(name)[:100] for name in found if name != TIMESTAMP]
        there = f"the submission holds {', '.join(others[:5])}" if others else "the submission is empty"
        raise Unreadable(f"There is no file {path.name}; {there}. Hand in the notebook under its own name.")
    size = found[path.name].st_size
    if size > max_bytes:
        raise Unreadable(
            f"{path.name} has {size / MEGABYTE:.0f} MB; at most {max_bytes / MEGABYTE:g} MB are graded. "
            "Clear the outputs (Edit → Clear Outputs of All Cells), save, and hand it in again."
        )
    try:
        return read_regular(path.parent, path.name, max_bytes)
    except OSError as error:
        _refuse(path, error)
        raise Unreadable(f"{path.name} cannot be read by who grades it ({error.strerror}).") from None


def parse_submission(name: str, content: bytes) -> NotebookNode:
    """The notebook in a submitted file called `name`.

    Raises:
        Unreadable: it is none.
    """
    try:
        raw = json.loads(content)  # in whichever of Unicode's encodings
    except (ValueError, RecursionError):
        raise Unreadable(f"{name} is not a Jupyter notebook{_guess(content)}.") from None
    if not isinstance(raw, dict) or not ("cells" in raw or "worksheets" in raw):
        raise Unreadable(f"{name} is not a Jupyter notebook: it is JSON, but has no cells.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old versions of the format have no cell ids
            mended = _mended(raw)
            if len(mended["cells"]) <= MAX_CELLS:
                return nbformat.reads(json.dumps(mended), as_version=4)
    except Exception as error:  # nbformat raises whatever the damage leads to
        why = one_line(f"{type(error).__name__}: {error!s:.200}")
        raise Unreadable(f"{name} is a damaged notebook ({why}).") from None
    raise Unreadable(f"{name} has {len(mended['cells']):,} cells; at most {MAX_CELLS:,} are graded.")


def _mended(raw: dict[str, Any]) -> dict[str, Any]:
    """Without outputs, with all fields that later steps rely on; what is no cell is dropped."""
    cells: list[dict[str, Any]] = []
    taken: set[str] = set()
    for i, cell in enumerate(_cells_of(raw)):
        source = cell.get("source") if isinstance(cell, dict) else None
        text = "".join(source) if isinstance(source, list) and all(isinstance(x, str) for x in source) else source
        if not isinstance(text, str) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            continue
        name = cell.get("id")
        known = isinstance(name, str) and re.fullmatch(r"[\w-]{1,64}", name, re.ASCII) and name not in taken
        mended: dict[str, Any] = {
            "cell_type": cell["cell_type"],
            "id": name if known else f"cell-{i}-{uuid.uuid4().hex[:8]}",
            "metadata": _scalars(cell.get("metadata"), "nbgrader"),
            "source": writable(text),
        }
        taken.add(str(mended["id"]))
        if cell["cell_type"] == "code":
            mended |= {"outputs": [], "execution_count": None}
        elif pasted := clean_attachments(cell.get("attachments")):
            mended["attachments"] = pasted
        cells.append(mended)
    return {
        "cells": cells,
        "metadata": _scalars(raw.get("metadata"), "kernelspec"),
        "nbformat": 4,
        "nbformat_minor": 5,  # the first with ids
    }


def _cells_of(raw: dict[str, Any]) -> list[Any]:
    """The cells; version 3 of the format has them on worksheets, and calls code `input`.

    Raises:
        ValueError: they are nowhere.
    """
    if isinstance(raw.get("cells"), list):
        return list(raw["cells"])
    if raw.get("nbformat") != 3 or not isinstance(raw.get("worksheets"), list):
        raise ValueError("there is no list of cells")
    sheets = [sheet.get("cells") for sheet in raw["worksheets"] if isinstance(sheet, dict)]
    cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet if isinstance(cell, dict)]
    return [{**cell, "source": cell.get("input", cell.get("source"))} for cell in cells]


def _scalars(metadata: Any, name: str) -> dict[str, Any]:
    """Of metadata, the one mapping that grading looks at, without what is nested in it: all else costs time."""
    about = metadata.get(name) if isinstance(metadata, dict) else None
    if not isinstance(about, dict):
        return {}
    return {name: {key: value for key, value in about.items() if isinstance(value, str | int | float | None)}}


def _guess(content: bytes) -> str:
    starts = {
        b"PK": "a zip archive or an office document",
        b"%PDF": "a PDF file",
        b"<": "a web page",
        b"\x89PNG": "a picture",
        b"\xff\xd8": "a picture",
        b"\x1f\x8b": "a compressed file",
        b"version https://git-lfs": "what git keeps of a large file (fetch it: `git lfs pull`)",
    }
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        return ": it is empty"
    found = next((name for start, name in starts.items() if text.startswith(start)), None)
    if found:
        return f", it looks like {found}"
    if b"\n<<<<<<< " in content or text.startswith(b"<<<<<<< "):
        return ": git has left the marks of a merge conflict in it (<<<<<<<)"
    if not text.startswith(b"{"):
        return ""
    try:
        content.decode()
    except UnicodeDecodeError:
        return ": it was saved in another encoding than UTF-8, or is damaged"
    return ": it breaks off, or was edited by hand"
