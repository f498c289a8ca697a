"""Every formula of every notebook becomes MathML, and the font that comes with it has all of its characters."""

import re
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="needs the extra site")

from docutils import nodes
from fontTools.ttLib import TTFont
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from course.authoring.source import read
from course.site import formulas

INVISIBLE = {ord("\n"), 0x2061, 0x2062, 0xFE00}  # "applied to", "times", "in the other shape"
ROOT = Path(__file__).parents[2]


def every_formula():
    parser = MarkdownIt().use(dollarmath_plugin, double_inline=True)
    for path in sorted(ROOT.glob("solutions/*/*.py")):
        for cell in read(path.read_text(encoding="utf-8")):
            if cell.type == "markdown":
                for token in parser.parse(cell.text):
                    for one in [token, *(token.children or [])]:
                        if one.type.startswith("math"):
                            yield path.name, one.content, one.type != "math_inline"


def test_every_formula_is_read_and_the_font_can_draw_it(tmp_path, monkeypatch):
    complaints = []
    monkeypatch.setattr(formulas._LOG, "warning", lambda *said, **_: complaints.append(said))
    made, found = formulas.Formulas(), list(every_formula())
    assert len(found) > 300
    texts = [made.mathml(nodes.math("", latex), displayed) for _, latex, displayed in found]
    assert all(text.startswith("<math") for text in texts)
    assert complaints == []
    assert not [
        text for text in texts if "pt]" in "".join(re.findall(r">([^<]*)<", text))
    ]  # room between lines is no text
    made.write_font(tmp_path / "font.woff")
    font = TTFont(tmp_path / "font.woff")
    drawn = set(font.getBestCmap())
    assert set(map(ord, "".join(texts))) - drawn <= INVISIBLE
    assert {ord("√"), ord("𝑥"), ord("𝜂")} <= drawn
    assert "MATH" in font
    assert "Open Font License" in font["name"].getDebugName(13)
    assert (tmp_path / "font.woff").stat().st_size < 300_000


def test_what_is_no_latex_is_shown_and_complained_about(monkeypatch):
    complaints = []
    monkeypatch.setattr(formulas._LOG, "warning", lambda *said, **_: complaints.append(said))
    assert formulas.Formulas().mathml(nodes.math("", r"\frac{a<b"), False) == r"<code>\frac{a&lt;b</code>"
    assert len(complaints) == 1


@pytest.mark.parametrize("latex", [r"\bar{\Theta}", r"\hat m", r"\tilde x"])
def test_accents_can_stretch(latex):
    """WebKit sets those that cannot far above their letter."""
    assert re.search(
        r'<mo stretchy="true">[¯ˆ˜]</mo></mover>', formulas.Formulas().mathml(nodes.math("", latex), False)
    )
