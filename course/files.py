"""Files appear whole or not at all: written beside their place, then moved into it."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(path: Path, content: bytes | str) -> None:
    """Write a file, making its folder; whoever is interrupted leaves the old content, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with naming(path):
            part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """An error that does not say where it happened (a full disk, when a file is written) happened here."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_picture(figure: Figure, path: Path, title: str, description: str) -> None:
    """Write a figure as PNG, with the words for whoever does not see it in the file itself."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Title": title, "Description": description})
    write(path, content.getvalue())


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write rows of plain fields as JSON; the path `-` means standard output."""
    printed = str(path) == "-"
    plain = printed and (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(list(rows), indent=2, ensure_ascii=plain) + "\n"
    if printed:
        sys.stdout.write(text)
    else:
        write(path, text)
