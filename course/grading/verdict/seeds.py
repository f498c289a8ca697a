"""Which inputs a submission is judged on: a number that its author cannot know, and that a regrade finds again.

seed = HMAC-SHA256(the class's secret, student · assignment · notebook · its content · what lies beside it · exercise)
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course.files import naming
from course.grading.handed_in import TIMESTAMP

SECRET, BYTES = ".course_secret", 32
LONGEST_TIME = 40  # bytes
SHARED = stat.S_ISGID | stat.S_IWGRP


def secret_of(folder: Path | str) -> bytes:
    """The secret of a class, made when it is first asked for, readable by its owner only.

    In a folder that instructors share (`g+ws`, as nbgrader's `groupshared` makes it) their group can read it too.

    Raises:
        OSError: it can be neither read nor made.
        ValueError: the file there is not one that was made here.
    """
    place = Path(folder, SECRET)
    try:
        found = place.read_bytes()
    except FileNotFoundError:
        fresh = place.with_name(f"{SECRET}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            if os.stat(place.parent).st_mode & SHARED == SHARED:
                os.fchmod(descriptor, 0o640)
            with naming(place), os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(fresh, place)  # unlike a rename, this never replaces what another process has just made
        finally:
            os.unlink(fresh)
        found = place.read_bytes()
    if len(found) != BYTES:
        raise ValueError(
            f"{place} is damaged: it has {len(found)} bytes instead of {BYTES}. Bring it back from a copy, or delete "
            "it; submissions are then judged on other inputs than before."
        )
    return found


def content_of(notebook: NotebookNode) -> str:
    """A digest of what a notebook says: types and texts of its cells, in order, and what was pasted into them."""
    cells = [[c.cell_type, c.source, *([c.attachments] if c.get("attachments") else [])] for c in notebook.cells]
    return hashlib.sha256(_bytes_of(cells)).hexdigest()


def _bytes_of(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def beside(files: Mapping[str, bytes], notebook: str) -> str:
    """A digest of what was handed in beside a notebook, which can read it; empty if there is nothing.

    Were it not part of the seed, whoever knows from a first feedback which inputs are drawn could hand in the same
    notebook again, with the answers beside it. The time at which something was handed in does not count.
    """
    names = sorted(name for name, content in files.items() if name != notebook and not _is_time(name, content))
    digests = [[name, hashlib.sha256(files[name]).hexdigest()] for name in names]
    return hashlib.sha256(_bytes_of(digests)).hexdigest() if digests else ""


def _is_time(name: str, content: bytes) -> bool:
    return name == TIMESTAMP and len(content) <= LONGEST_TIME


def seed_for(secret: bytes, *parts: str, bits: int = 31) -> int:
    """A seed below 2 to the power of `bits` (at most 64) for these parts: student, assignment, notebook, content,
    exercise."""
    message = json.dumps(parts).encode()  # unlike a bare separator, this cannot be forged by a part that contains it
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> 64 - bits
