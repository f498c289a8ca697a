"""What a submission shows is shown to an instructor: nothing in it may run, load or pose as the page around it.

Outputs are cleaned when they enter an autograded notebook, so that every page made of it is harmless; markdown is
cleaned when a page is made (`markdown2html`), so that what a student wrote stays as it was written.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

import nh3
from jinja2 import pass_context
from jinja2.runtime import Context
from nbformat import NotebookNode

from course.grading import outputs as put_out
from course.grading.nesting import is_tame

MAX_TEXT, MAX_PICTURE, MAX_LINES = 1_000_000, 20_000_000, 500
MAX_OUTPUTS = 1_000  # of one cell
MAX_SHOWN = 50_000_000  # characters of a notebook
MAX_MARKDOWN, MAX_FORMULAS = 200_000, 2_000
PICTURES = ("image/png", "image/jpeg")
DATA_PICTURE = re.compile(r"data:image/(png|jpeg|gif|svg\+xml);(charset=utf-8;)?base64,[A-Za-z0-9+/=\s]*")
NOTHING = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
UNTAMED = "<p>An output was left out: it is long, and its HTML is not nested as it should be.</p>"
LINK = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)
TAG_NAMES = (
    "a abbr b blockquote br caption code col colgroup dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 "
    "h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead "
    "tr tt u ul var wbr"
)
TAGS = frozenset(TAG_NAMES.split())
ATTRIBUTES = {
    "*": {"style", "title", "role", "aria-label", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "details": {"open"},
}
# Nothing that leaves its place (position, transform, z-index, negative margins): a page must not be painted over.
STYLE_NAMES = (
    "background background-color border border-bottom border-collapse border-color border-left border-radius "
    "border-right border-spacing border-top color column-gap display flex flex-wrap font font-family font-size "
    "font-style font-weight gap height line-height list-style margin margin-bottom margin-left margin-right "
    "margin-top max-height max-width min-width opacity overflow overflow-x padding padding-bottom padding-left "
    "padding-right padding-top row-gap text-align text-decoration vertical-align white-space width"
)
STYLES = frozenset(STYLE_NAMES.split())


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style":
        return None if re.search(r"url|\\|/\*|expression|-\s*\d|fixed|@", value, re.IGNORECASE) else value
    if name == "src":
        return value if DATA_PICTURE.fullmatch(value.strip()) else None
    if name == "href":
        return value if LINK.match(value.strip()) else None
    return value


_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    attributes=ATTRIBUTES,
    attribute_filter=_attribute,
    url_schemes={"http", "https", "mailto", "data"},
    filter_style_properties=set(STYLES),
)


def clean_html(text: str) -> str:
    """HTML without anything that runs, loads from elsewhere, or leaves its place."""
    text = text[:MAX_PICTURE]
    return _CLEANER.clean(text) if is_tame(text) else UNTAMED


def clean_outputs(outputs: Any) -> list[NotebookNode]:
    """Outputs of a cell as a valid notebook may have them, whatever they were: text, pictures, harmless HTML."""
    given = _items(outputs)
    cleaned = [_clean_output(output) for output in given[:MAX_OUTPUTS] if isinstance(output, Mapping)]
    if len(given) > MAX_OUTPUTS:
        cleaned.append(put_out.stream(f"\n… {len(given) - MAX_OUTPUTS:,} further outputs were left out\n"))
    return [output for output in cleaned if output is not None]


def _clean_output(output: Mapping[str, Any]) -> NotebookNode | None:
    match output.get("output_type"):
        case "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return put_out.stream(_text(output.get("text"))[: 10 * MAX_TEXT], name)
        case "error":
            lines = output.get("traceback")
            return put_out.raised(
                _text(output.get("ename"))[:200],
                _text(output.get("evalue"))[:MAX_TEXT],
                [_text(line)[:MAX_TEXT] for line in _items(lines)[:MAX_LINES]],
            )
        case "display_data" if kept := _clean_bundle(output.get("data")):
            return put_out.display(kept)
        case "execute_result" if kept := _clean_bundle(output.get("data")):
            return put_out.result(kept, clean_count(output.get("execution_count")))
    return None


def clean_count(count: Any) -> int | None:
    """A cell's number as a valid notebook may have it."""
    return count if type(count) is int and count >= 0 else None


class Shown:
    """What a notebook's cells show, up to a limit for all of them: it is held in memory, and written in one piece."""

    def __init__(self, most: int = MAX_SHOWN) -> None:
        self._left = most

    def keep(self, outputs: list[NotebookNode]) -> list[NotebookNode]:
        """A cell's clean outputs, if there is room for them; or else a note."""
        size = sum(_size(output) for output in outputs)
        if size > self._left:
            return [put_out.stream("\n… left out: the cells of this notebook put out too much\n")]
        self._left -= size
        return outputs


def _size(output: NotebookNode) -> int:
    parts = (
        output.get("text", ""),
        output.get("evalue", ""),
        *output.get("traceback", ()),
        *output.get("data", {}).values(),
    )
    return sum(map(len, parts))


def _clean_bundle(data: Any) -> dict[str, str]:
    return dict(_harmless(data)) if isinstance(data, Mapping) else {}


def _harmless(data: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for mime, value in data.items():
        text = _text(value)
        if mime == "text/plain":
            yield mime, text[:MAX_TEXT]
        elif mime == "text/html":
            yield mime, clean_html(text)
        elif mime in PICTURES and len(text) <= MAX_PICTURE and _is_base64(text):
            yield mime, text
        elif mime == "image/svg+xml" and "text/html" not in data and len(text) <= MAX_PICTURE:
            # As the source of an <img>, a drawing can run nothing and load nothing.
            source = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
            yield "text/html", f'<img src="data:image/svg+xml;base64,{source}" alt="drawing">'


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _text(value: Any) -> str:
    """A text of the notebook format, which may also be a list of its lines."""
    if isinstance(value, list):
        value = "".join(v for v in value if isinstance(v, str))
    return writable(value if isinstance(value, str) else "")


def writable(text: str) -> str:
    """Without lone surrogates, which JSON can bring and no file can take."""
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """For a terminal or a message: nothing that moves the cursor, turns the line around, or cannot be written."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@pass_context
def markdown2html(context: Context, source: str) -> str:
    """nbconvert's filter of this name, with a clean result."""
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    attachments = _Pasted(clean_attachments(context.get("cell", {}).get("attachments")))
    renderer = IPythonRenderer(escape=False, attachments=attachments, embed_images=False, anchor_link_text="")
    try:
        # What looks for the end of a formula reads all that follows, once for each that begins.
        if len(source) <= MAX_MARKDOWN and source.count("\\") <= MAX_FORMULAS:
            rendered = MarkdownWithMath(renderer=renderer).render(source)
            if is_tame(rendered):
                return clean_html(rendered)
    except RecursionError:  # thousands of nested brackets
        pass
    return f"<pre>{html.escape(source)}</pre>"


class _Pasted(dict[str, dict[str, str]]):
    """Pictures that were pasted into a cell. For one that is not there nbconvert would give the whole page up."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> dict[str, str]:
        return {"image/png": NOTHING}


def clean_attachments(attachments: Any) -> dict[str, dict[str, str]]:
    """The pictures among what was pasted into a cell."""
    if not isinstance(attachments, Mapping):
        return {}
    return {
        writable(str(name)): {mime: text}
        for name, bundle in attachments.items()
        if isinstance(bundle, Mapping)
        for mime, text in bundle.items()
        if mime in PICTURES and isinstance(text, str) and len(text) <= MAX_PICTURE and _is_base64(text)
    }
