"""An executed notebook as a page's source: outputs as HTML that needs no kernel, pictures as files of their own."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.files import write

ANSWERS = "guess.show()"
"""A cell that ends so shows what the reader was asked to predict: folded, so that there is something to predict."""

PICTURES = "pictures"
"""Folder of the outputs' pictures, below the site's static files."""

WIDE = 1.7
"""Panels side by side: too small to be read if they are squeezed into a phone's width."""

_PICTURE = re.compile(r'<img\b(?P<before>[^>]*?)\bsrc="data:image/(?P<kind>[a-z]+)[^;,"]*;base64,(?P<data>[^"]+)"')
_KINDS = {"svg": "svg", "png": "png", "jpeg": "jpg", "gif": "gif", "webp": "webp"}
_ALT = re.compile(r"!\[[^\]]*\]\(")
_RULE = re.compile(r"\A---\s*\n|\n---\s*\Z")


def page_of(executed: NotebookNode, static: Path) -> NotebookNode:
    """The notebook as myst-nb is to read it.

    Of an output that comes as HTML nothing else stays: a live widget cannot run, its still can be seen. Pictures in the
    HTML move into files below `static`, so that a page is read before its pictures are there.

    Args:
        executed: a notebook with outputs.
        static: the folder of the site's static files; pages lie in folders beside it.
    """
    page = nbformat.from_dict(executed)
    page.metadata.pop("widgets", None)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = _RULE.sub("", cell.source)  # the headings are rule enough
            # MyST would put nothing between the lines of an alternative text.
            cell.source = _ALT.sub(lambda match: match[0].replace("\n", " "), cell.source)
        elif cell.source.strip().endswith(ANSWERS):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-output"]
            cell.metadata["mystnb"] = {
                "code_prompt_show": "Show what was measured",
                "code_prompt_hide": "Hide it again",
            }
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                html = "".join(output.data["text/html"])
                if "hide-output" in cell.metadata.get("tags", []):
                    html = html.replace("<details ", "<details open ")  # one fold is enough
                output.data = nbformat.from_dict({"text/html": _with_files(html, static)})
    return page


def _with_files(html: str, static: Path) -> str:
    def place(match: re.Match[str]) -> str:
        content = base64.b64decode(match["data"])
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{_KINDS[match['kind']]}"
        if not (static / PICTURES / name).exists():
            write(static / PICTURES / name, content)
        shape = _shape(static / PICTURES / name)
        return f'<img loading="lazy"{shape}{match["before"]}src="../_static/{PICTURES}/{name}"'

    return _PICTURE.sub(place, html)


def _shape(path: Path) -> str:
    """Width and height, so that the page keeps the place free, and whether a narrow page should rather scroll."""
    import imagesize

    width, height = imagesize.get(path)
    if width <= 0 or height <= 0:
        return " "
    wide = 'class="wide" ' if width > WIDE * height else ""
    return f' width="{width}" height="{height}" {wide}'
