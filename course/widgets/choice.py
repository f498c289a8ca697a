"""A question with options to choose from, by pointer or by keyboard."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from course.widgets.script import script

_HERE = Path(__file__).parent


class Choice(anywidget.AnyWidget):
    """Radio buttons in a labelled group; `chosen` is the option's number from 0, −1 before anything is chosen."""

    _esm = script("choice.js")
    _css = _HERE / "choice.css"

    question = traitlets.Unicode().tag(sync=True)
    options = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)
