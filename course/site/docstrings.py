"""Our docstrings, as Sphinx wants them: they are written to be read as text, with code in `single backticks`."""

from __future__ import annotations

import re
import textwrap

_MARKED = re.compile(r"(`[^`]+`|\*\*[^\s*](?:[^*]*[^\s*])?\*\*|(?<![\w*])\*[^\s*](?:[^*]*[^\s*])?\*(?![\w*]))")
_RULE = re.compile(r"[|][|:\- ]+[|]")
_HEADINGS = ("Args:", "Attributes:", "Raises:", "Returns:", "Yields:")


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText that napoleon understands.

    Code in backticks becomes literal, indented blocks become code, tables with a line |---|---| become tables, and what
    reStructuredText would take for markup (|x|, a trailing _, a lone *) is left as it is.
    """
    made: list[str] = []
    section = False
    for block in _blocks(lines):
        indented = all(line.startswith("    ") for line in block)
        section = block[0] in _HEADINGS or (section and indented)
        if indented and not section:
            code = textwrap.dedent("\n".join(block)).splitlines()
            made += [".. code-block:: python", "", *(f"   {line}" for line in code), ""]
        elif len(block) > 1 and _RULE.fullmatch(block[1]):
            made += [*_table(block), ""]
        elif block[0] == "Returns:" and len(block) > 1:  # prose: napoleon would take all before a colon for a type
            made += [*_text("\n".join([f":returns: {block[1].strip()}", *block[2:]])).split("\n"), ""]
        else:
            made += [*_text("\n".join(block)).split("\n"), ""]
    return made


def _blocks(lines: list[str]) -> list[list[str]]:
    """Lines between empty ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


def _table(block: list[str]) -> list[str]:
    """The lines of a table, of which the second is a rule."""
    made = [".. list-table::", "   :header-rows: 1", ""]
    for line in [block[0], *block[2:]]:
        cells = [_text(cell) for cell in _cells(line)]
        made += [f"   {'  ' if i else '* '}- {cell}" for i, cell in enumerate(cells)]
    return made


def _cells(line: str) -> list[str]:
    """What stands between the bars of a line; a bar in backticks is code."""
    parts = re.findall(r"(?:`[^`]*`|[^|`])*", line.strip().strip("|"))
    return [part.strip() for part in parts if part]


def _text(text: str) -> str:
    parts = _MARKED.split(text)
    return "".join(_marked(part) if i % 2 else _plain(part) for i, part in enumerate(parts))


def _marked(part: str) -> str:
    return f"`{part}`" if part.startswith("`") else part


def _plain(part: str) -> str:
    """Text without any markup but its lists."""
    return re.sub(r"(?m)(^ *\* )|([\\|`*]|(?<=\w)_(?!\w))", lambda m: m[1] or f"\\{m[2]}", part)
