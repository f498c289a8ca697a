"""Files appear whole or not at all: written beside their place, then moved into it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write(path: Path, content: bytes | str) -> None:
    """Write a file, making its folder; whoever is interrupted leaves the old content, or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write rows of plain fields as JSON; the path `-` means standard output."""
    text = json.dumps(list(rows), indent=2, ensure_ascii=False) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        write(path, text)
