"""The scripts of the widgets: one module each, as anywidget wants it, with what they share in front."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def script(name: str) -> str:
    """A widget's script after `paper.js`: what is sent over the kernel's connection cannot import."""
    return "\n".join((_HERE / part).read_text(encoding="utf-8") for part in ("paper.js", name))
