"""What a submission shows is harmless, and still shows."""

from __future__ import annotations

import base64
import re
import time
from html.parser import HTMLParser
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Config

from course.grading.clean import (
    ATTRIBUTES,
    MAX_OUTPUTS,
    TAGS,
    UNTAMED,
    Shown,
    clean_html,
    clean_outputs,
    markdown2html,
)
from course.grading.nesting import SHORT

PNG = base64.b64encode(b"\x89PNG not really").decode()
LIVE = (
    "<script",
    "onerror",
    "onload",
    "onclick",
    "javascript:",
    "<iframe",
    "<object",
    "<style",
    "<form",
    "<input",
    "<meta",
)
VECTORS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://evil.example/who-grades-me.png'>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jAvAsCrIpT:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=x></object><embed src=x>",
    "<form action=/formgrader/api/grade/1 method=post><input name=score value=100></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>.score{display:none}</style>",
    "<div style='position:fixed;inset:0;background:white'>10/10</div>",
    "<div style='background:url(https://evil.example/x)'>x</div>",
    "<div style='margin-top:-900px'>10/10</div>",
    "<details ontoggle=alert(1) open>x</details>",
    "<b id=grade name=grade class=score>x</b>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template>",
]


class Reader(HTMLParser):
    """Reads a page as a browser would: which elements there are, with which attributes."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()) | {"rel"}, name
            assert not re.search(r"javascript:|text/html|position|url\(|-900|^(https?:)?//evil", value or ""), value


def harmless(page: str) -> bool:
    Reader().feed(page)
    return True


@pytest.mark.parametrize("text", VECTORS)
def test_nothing_of_it_runs_loads_or_covers(text: str) -> None:
    assert harmless(clean_html(text)), clean_html(text)


PARTS = [*VECTORS, "<", ">", "'", '"', "<!--", "-->", "<p ", "</p>", "\x00", "&lt;"]


@given(st.lists(st.sampled_from(PARTS), max_size=6))
def test_nor_of_any_mixture(parts: list[str]) -> None:
    assert harmless(clean_html("".join(parts)))


@pytest.mark.parametrize(
    "text",
    [
        f'<img src="data:image/png;base64,{PNG}" alt="a picture">',
        '<table><tr><th scope="row" style="text-align:left">w</th><td>1</td></tr></table>',
        "<details><summary>more</summary><pre>x &lt; y</pre></details>",
    ],
)
def test_what_the_course_shows_stays(text: str) -> None:
    clean = clean_html(text)
    assert [part in clean for part in ("<script",)] == [False]
    assert all(word in clean for word in text.replace("<table><tr>", "").split('"')[1::2])


def display(**data: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {k.replace("_", "/", 1): v for k, v in data.items()}, "metadata": {}}


def test_only_text_pictures_and_clean_html_are_kept() -> None:
    (kept,) = clean_outputs([
        {
            "output_type": "display_data",
            "metadata": {"image/png": {"width": '1" onload="alert(1)'}},
            "data": {
                "text/plain": ["a", "b"],
                "text/html": "<b>x</b><script>alert(1)</script>",
                "image/png": PNG,
                "image/jpeg": '"><script>alert(1)</script>',
                "application/javascript": "alert(1)",
                "text/latex": r"\href{javascript:alert(1)}{x}",
                "text/markdown": "<script>alert(1)</script>",
                "application/vnd.cv-course.verdict+json": {"points": 100},
            },
        }
    ])  # fmt: skip
    assert kept.data == {"text/plain": "ab", "text/html": "<b>x</b>", "image/png": PNG}
    assert kept.metadata == {}


def test_a_drawing_becomes_a_picture_that_runs_nothing() -> None:
    (kept,) = clean_outputs([{"output_type": "display_data", "data": {"image/svg+xml": "<svg onload='alert(1)'/>"}}])
    assert kept.data["text/html"].startswith('<img src="data:image/svg+xml;base64,')
    assert harmless(kept.data["text/html"])


@pytest.mark.parametrize(
    "junk",
    [
        None, 7, "x", {}, [None], [{}], [{"output_type": "evil"}], [{"output_type": "stream", "text": {"a": 1}}],
        [{"output_type": "error", "traceback": "x", "ename": 7}], [{"output_type": "display_data", "data": "x"}],
        [{"output_type": "stream", "text": ["a", 7, "\ud800"]}],
        [{"output_type": "execute_result", "data": {"text/plain": "1"}, "execution_count": "<b>"}],
        [{"output_type": "execute_result", "data": {"text/plain": "1"}, "execution_count": -1}],
    ],
    ids=str,
)  # fmt: skip
def test_whatever_comes_a_valid_notebook_holds_it(junk: Any) -> None:
    nb = new_notebook(cells=[new_code_cell("x")])
    nb.cells[0].outputs = clean_outputs(junk)
    nbformat.validate(nb)
    nbformat.writes(nb).encode()


def page(*cells: Any) -> str:
    """The body of nbconvert's page, as feedback and formgrader make it."""
    config = Config(HTMLExporter={"filters": {"markdown2html": "course.grading.clean.markdown2html"}})
    body, _ = HTMLExporter(config=config, template_name="basic").from_notebook_node(new_notebook(cells=list(cells)))
    return body


@pytest.mark.parametrize("text", VECTORS)
def test_markdown_is_shown_and_runs_nothing(text: str) -> None:
    text = f"Because $a<b$ it works.\n\n{text}\n\n- {text}\n\n[x](javascript:alert(1)) done"
    body = page(new_markdown_cell(text))
    assert "Because $a" in body
    assert "done" in body or "<!--" in text, "an open comment swallows the rest, in every reader"
    assert harmless(body.partition("Because")[2].partition("done")[0]), body


def test_markdown_keeps_what_it_is_for() -> None:
    body = page(
        new_markdown_cell("**bold** `a<b>` $x_i < y$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx < y\n```")
    )
    for part in ("<strong>bold</strong>", "a&lt;b&gt;", "<td>1</td>", "$x_i &lt; y$"):
        assert part in body


def test_a_pasted_picture_is_shown_and_nothing_else_that_was_pasted() -> None:
    cell = new_markdown_cell("![a](attachment:a.png) ![b](attachment:b.png)")
    cell.attachments = {"a.png": {"image/png": PNG}, "b.png": {"image/png": '"><script>alert(1)</script>'}}
    body = page(cell)
    assert f"data:image/png;base64,{PNG}" in body
    assert "alert(1)" not in body


FORMATS = "".join(f"<b id={i}>" for i in range(20_000))
BOMBS = {
    "deep": "<div>" * 500_000,
    "deep and closed": "<div>" * 9_000 + "</div>" * 9_000,
    "formats": f"<p>{FORMATS}</p>" + "<p>x</p>" * 20_000,
    "formats, closed": "<p>" + FORMATS[:9_000] + "<p>x</p>" * 20_000 + "</b>" * 800 + "</p>",
    "hidden in comments": "<div><!--</div>-->" * 50_000,
    "hidden in attributes": "<div><br title='</div>'>" * 50_000,
    "hidden in styles": "<div><style></div></style>" * 50_000,
    "misnested": "<i><b></i></b>" * 50_000,
    "unfinished": "<b " * 50_000,
    "one long attribute": f"<p title='{'<' * 3_000_000}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_html_that_keeps_a_parser_busy_is_not_parsed(name: str) -> None:
    """Half a megabyte of `<div>` took minutes."""
    started = time.process_time()
    assert clean_html(BOMBS[name]) == UNTAMED
    assert time.process_time() - started < 2


def test_long_html_that_is_nested_well_is_shown() -> None:
    picture = f'<img alt="a > b, <i> c" src="data:image/png;base64,{PNG * 1000}">'
    table = "<table>" + "<tr><td style='color: red'>a < b</td><td>2<br></td></tr>" * 1_000 + "</table>"
    for text in (picture, table, "<style>td { color: red }</style>" + table):
        assert len(text) > SHORT
        assert clean_html(text) not in ("", UNTAMED)


def test_formulas_that_never_end_are_not_looked_for() -> None:
    for source in ("\\begin{a}" * 20_000, "\\\\[" * 60_000, "<div>" * 30_000):
        started = time.process_time()
        assert markdown2html({"cell": {}}, source).startswith("<pre>")  # type: ignore[arg-type]
        assert time.process_time() - started < 5


def test_so_many_outputs_and_no_more() -> None:
    cleaned = clean_outputs([{"output_type": "display_data", "data": {"text/plain": ""}}] * 3_000)
    assert len(cleaned) == MAX_OUTPUTS + 1
    assert "2,000 further outputs were left out" in cleaned[-1].text


def test_all_cells_together_show_so_much_and_no_more() -> None:
    """Thousands of cells, each with as much as one may print, were gigabytes."""
    shown = Shown(most=100)
    stream, error = {"output_type": "stream", "text": "x" * 40}, {"output_type": "error", "traceback": ["x" * 40]}
    picture = display(text_plain="x", image_png=PNG * 3)
    kept = [shown.keep(clean_outputs([output])) for output in (stream, picture, error, stream, display(text_plain="y"))]
    assert ["left out" in str(outputs) for outputs in kept] == [False, True, False, True, False]
