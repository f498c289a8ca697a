"""Whether HTML can be parsed in reasonable time.

A parser of HTML5 repairs what is badly nested, in time and space that grow with the square of its length: half a
megabyte of `<div>` keeps it busy for minutes, and whoever cleans pages for it. What is short, or nested as it should
be and not deeply, costs no more than reading it.
"""

from __future__ import annotations

import re

SHORT, DEEPEST, DEEPEST_FORMAT = 10_000, 100, 10
VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
# A parser opens these anew in every paragraph after the one in which they were left open.
FORMATS = frozenset(("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"))
# Possessive throughout: no text makes it look at a character twice.
_TAG = re.compile(
    r"""<(/?)([a-zA-Z][\w:-]*+)(?:\s++[^\s"'<>=/]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>=`]++))?+)*+\s*+/?+>"""
)
_START = re.compile(r"<(?=[a-zA-Z/!?])")


def is_tame(html: str) -> bool:
    """Whether it is short, or every tag in it is closed in turn and none lies too deep."""
    if len(html) <= SHORT:
        return True
    opened: list[str] = []
    formats = end = 0
    for start in _START.finditer(html):
        if start.start() < end:
            continue  # within an attribute
        tag = _TAG.match(html, start.start())
        if tag is None:
            return False
        end, name = tag.end(), tag[2].lower()
        if name in VOID:
            continue
        formats += (-1 if tag[1] else 1) * (name in FORMATS)
        if not tag[1]:
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
        if len(opened) > DEEPEST or formats > DEEPEST_FORMAT:
            return False
    return not opened
