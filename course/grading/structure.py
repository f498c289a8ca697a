"""Whether JSON from where students' code runs can be read without much memory.

A text takes as much memory as it is long. What stands between texts, brackets and commas, becomes objects: thirty
megabytes of `[],` are seven hundred in Python.
"""

from __future__ import annotations

import re

MOST = 1_000_000
# Possessive throughout, and content with a text that does not end: nothing makes it look at a character twice.
_TEXTS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def is_modest(content: bytes) -> bool:
    """Whether it is short but for its texts."""
    return len(content) <= MOST or len(_TEXTS.sub(b"", content)) <= MOST
