"""Formulas as MathML: no script, no request, read aloud by screen readers; wrong LaTeX is a warning of the build.

MathML needs a font with a table of mathematical shapes, which most phones lack. So the site brings STIX Two Math (SIL
Open Font License), cut down to the characters that formulas use.
"""

from __future__ import annotations

import html
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

FONT = "formulas.woff"
_LOG = logging.getLogger(__name__)
_CONVERTER = LatexToMathML(fancy_error=False)

# Room between lines, as in \\[2pt], which the converter takes for text.
_SPACED = re.compile(r"\\\\\[[\d.]+(?:pt|ex|em|mm)\]")

# A bar, hat or tilde on a letter. WebKit sets one that cannot stretch far above its letter.
_ACCENT = re.compile(r'<mo stretchy="false">([¯ˆ˜])</mo></mover>')

# What no formula names and a browser draws: the italic letter for the x of a formula, the sign of a root, the minus.
_ALWAYS = [range(0x20, 0x7F), range(0x391, 0x3F6), range(0x1D434, 0x1D468), range(0x1D6E2, 0x1D71C), [0x210E]]
_ALWAYS += [[ord("√"), ord("−"), ord("‾")]]


class Formulas:
    """Converts formulas, and remembers the characters in them."""

    def __init__(self) -> None:
        self.characters = {code for codes in _ALWAYS for code in codes}

    def mathml(self, node: nodes.Element, displayed: bool) -> str:
        """A formula's MathML; its LaTeX, and a warning, where it cannot be read."""
        latex = _SPACED.sub(r"\\\\", node.astext().strip())
        try:
            found = _CONVERTER.convert_with_local_state(latex, displaystyle=displayed)
        except LatexError as error:
            _LOG.warning("formula %r: %s", latex, error, location=node)
            found = f"<code>{html.escape(latex)}</code>"
        found = _ACCENT.sub(r'<mo stretchy="true">\1</mo></mover>', found)
        self.characters |= set(map(ord, found))
        return found

    def inline(self, translator: Any, node: nodes.Element) -> None:
        """A formula in a line of text."""
        translator.body.append(self.mathml(node, displayed=False))
        raise nodes.SkipNode

    def displayed(self, translator: Any, node: nodes.Element) -> None:
        """A formula on lines of its own; the theme puts it into a box that scrolls where it is wider than the page."""
        translator.body.append(f'<div class="formula">{self.mathml(node, displayed=True)}</div>\n')
        raise nodes.SkipNode

    def write_font(self, path: Path) -> None:
        """The font with what the formulas need, and its licence in its table of names."""
        from fontTools import subset

        subset.log.setLevel("WARNING")
        found = find_spec("ziamath")  # only the font is wanted, which lies in that package
        assert found is not None
        assert found.origin is not None
        source = next((Path(found.origin).parent / "fonts").glob("STIXTwoMath*.ttf"))
        options = subset.Options(flavor="woff", layout_features=["*"], name_IDs=["*"])
        font = subset.load_font(source, options)
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=self.characters)
        cutter.subset(font)
        path.parent.mkdir(parents=True, exist_ok=True)
        subset.save_font(font, path, options)
