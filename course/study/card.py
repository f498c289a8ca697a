"""What is shown in a notebook beside the checks: HTML that needs no kernel afterwards, and the same as plain text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

BLUE, GREEN, ORANGE = "#0072B2", "#009E73", "#D55E00"
QUIET = "opacity:.75;font-size:90%"


@dataclass(frozen=True, repr=False)
class Card:
    """Something to read: `body` as HTML, `text` for terminals and whoever sees no HTML."""

    body: str
    text: str
    colour: str = BLUE
    width: str = "50em"

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return (
            f'<div style="border-left:4px solid {self.colour};padding:.4em .9em;margin:.3em 0;max-width:{self.width};'
            f'line-height:1.45">{self.body}</div>'
        )


def sentence(text: str) -> Card:
    """A card of one sentence."""
    return Card(paragraph(text), text)


def inline(text: str) -> str:
    """Text as HTML; what stands in backticks becomes code, which may be broken where the page is narrow."""
    return re.sub(r"`([^`]+)`", r'<code style="overflow-wrap:anywhere">\1</code>', html.escape(text))


def scrolling(table: str) -> str:
    """Something wide in a box of its own, so that on a narrow page one can get at its right end."""
    return f'<div style="overflow-x:auto">{table}</div>'


def legible(colour: str) -> str:
    """The style of words in a colour: nearer to the page's ink, so that they can be read on white and on black."""
    return f"color:color-mix(in srgb, {colour} 60%, currentColor)"


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of text."""
    return f'<p style="margin:.3em 0;{style}">{inline(text)}</p>'


def block(text: str) -> str:
    """Lines that stay lines, in letters of one width."""
    style = "margin:.3em 0;padding:.2em 0;background:none;color:inherit;white-space:pre-wrap;line-height:1.5"
    return f'<pre style="{style}">{html.escape(text)}</pre>'


def folded(summary: str, body: str, unfolded: bool = False) -> str:
    """Something to open by a click or the Enter key, also on a page without a kernel."""
    return (
        f'<details style="margin:.3em 0"{" open" if unfolded else ""}>'
        f'<summary style="cursor:pointer;padding:.15em 0">{inline(summary)}</summary>{body}</details>'
    )
