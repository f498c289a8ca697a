"""What Sphinx does differently here: formulas without scripts, docstrings in our style, progress for the command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from course.site.docstrings import as_rst
from course.site.formulas import FONT, Formulas

CONFIGURATION: dict[str, Any] = {
    "project": "cv-course",
    "html_title": "Computer vision basics",
    "language": "en",
    "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.githubpages", __name__],
    "html_theme": "furo",
    "html_static_path": ["_static"],
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_show_search_summary": False,  # pages opened as files may not fetch others
    "html_math_renderer": "mathml",
    "pygments_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "smartquotes_action": "D",  # dashes only
    "myst_enable_extensions": ["dollarmath"],
    "myst_dmath_double_inline": True,
    "myst_update_mathjax": False,
    "myst_heading_anchors": 3,
    "nb_execution_mode": "off",
    "nb_ipywidgets_js": {},
    "nb_merge_streams": True,
    "add_module_names": False,
    "autodoc_typehints_format": "short",
    "python_maximum_signature_line_length": 80,
    "toc_object_entries_show_parents": "hide",
    "napoleon_numpy_docstring": False,
    "napoleon_use_ivar": True,
    "napoleon_use_rtype": False,
}

_EMPTY = r'<th( class="head[^"]*")><p></p></th>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    formulas = Formulas()
    app.add_html_math_renderer("mathml", (formulas.inline, None), (formulas.displayed, None))
    # before napoleon (500), which reads the sections of a docstring
    app.connect("autodoc-process-docstring", _docstring, priority=400)

    def finish(app: Sphinx, error: Exception | None) -> None:
        if error is None:
            formulas.write_font(Path(app.outdir, "_static", FONT))

    app.connect("html-page-context", _accessible, priority=900)  # after the theme has made its menu
    app.connect("build-finished", finish)
    return {"parallel_read_safe": False, "parallel_write_safe": False}


def _docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = as_rst(lines)


def _accessible(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """What screen readers stumble over in the HTML of others: headings without a level, names that are not the text."""
    menu, body = context.get("furo_navigation_tree", ""), context.get("body", "")
    context["furo_navigation_tree"] = menu.replace('role="heading"', 'role="heading" aria-level="2"')
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    # Markdown has no table without a head; one that says nothing is none.
    body = re.sub(rf"<thead>\s*<tr[^>]*>(?:\s*{_EMPTY})+\s*</tr>\s*</thead>", "", body)
    context["body"] = re.sub(_EMPTY, r"<td\1></td>", body)
