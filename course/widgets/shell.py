"""The one shell of all widgets: knobs, presets, a drag pad, a picture, a sentence.

A widget is three things. A pure function `picture(...) -> Figure`, tested on its own; a subclass of `Explorable`
that declares its knobs and says how to `draw()`; and presets that tell the section's story:

    class Descent(Explorable):
        title = "Gradient descent"
        lr = Slider([0.01, 0.1, 1.0], 0.1, "learning rate η")
        presets = {"Crawls": {"lr": 0.01}}

        def draw(self):
            return picture(**self.state)

Python computes and draws (SVG as text), `shell.js` shows and listens. It works on ipywidgets, so a front end that
cannot keep up gets fewer pictures, never late ones: one message is under way, newer values replace waiting ones.
Where no front end can run (exported HTML, feedback pages), the same figure is shown as a still image.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from course.study.settings import grading
from course.widgets.script import script
from course.widgets.svg import Figure, Frame, number

_HERE = Path(__file__).parent
UNDRAWN = Figure((), "Widgets are not drawn while nbgrader grades or validates.")


class Slider(traitlets.TraitType[float, float]):
    """A number with a slider that stops at `values`; from Python any number between them may be set.

    Whole numbers stay whole: if all `values` are integers, so is the knob. With `play`, a button lets it run through
    its stops by itself; `shown` says how a stop is written, where its number says little.

    Raises:
        traitlets.TraitError: set to something that is no number, or outside the range.
    """

    def __init__(
        self,
        values: Sequence[float],
        at: float,
        label: str,
        unit: str = "",
        play: bool = False,
        shown: Callable[[float], str] | None = None,
    ) -> None:
        super().__init__(at)
        self.values, self.label, self.unit = sorted(values), label, unit
        self.whole = all(isinstance(v, int) for v in values)
        knob = {"kind": "slider", "label": label, "values": self.values, "unit": unit, "play": play}
        self.tag(sync=True, knob=knob | {"words": [shown(v) for v in self.values] if shown else []})

    def validate(self, obj: Any, value: Any) -> float:
        """The value as int or float."""
        lo, hi = self.values[0], self.values[-1]
        number_like = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not (number_like and lo <= float(value) <= hi and not (self.whole and value != int(value))):
            kind = "a whole number" if self.whole else "a number"
            raise traitlets.TraitError(
                f"{self.name} ({self.label}) must be {kind} from {number(lo)} to {number(hi)}, got {value!r}"
            )
        return int(value) if self.whole else float(value)


class Menu(traitlets.TraitType[str, str]):
    """One of several words.

    Raises:
        traitlets.TraitError: set to anything else.
    """

    def __init__(self, values: Sequence[str], at: str, label: str) -> None:
        super().__init__(at)
        self.values, self.label = list(values), label
        self.tag(sync=True, knob={"kind": "menu", "label": label, "values": self.values})

    def validate(self, obj: Any, value: Any) -> str:
        """The word."""
        if value not in self.values:
            words = ", ".join(map(repr, self.values))
            raise traitlets.TraitError(f"{self.name} ({self.label}) must be one of {words}; got {value!r}")
        return value


class Switch(traitlets.TraitType[bool, bool]):
    """On or off.

    Raises:
        traitlets.TraitError: set to anything but True or False.
    """

    def __init__(self, at: bool, label: str) -> None:
        super().__init__(at)
        self.label = label
        self.tag(sync=True, knob={"kind": "switch", "label": label})

    def validate(self, obj: Any, value: Any) -> bool:
        """The bool."""
        if not isinstance(value, bool):
            raise traitlets.TraitError(f"{self.name} ({self.label}) must be True or False, got {value!r}")
        return value


def pad(frame: Frame, x: str = "", y: str = "", panel: int = 0, hint: str = "", hover: bool = False) -> dict[str, Any]:
    """A drag pad over a frame: where the pointer is, in the frame's data, becomes the knobs `x` and `y`.

    The pointer stops where their sliders stop; the words of a menu count as 0, 1, 2, … Leave out the name of a
    direction that moves nothing. With `hover` the mouse need not be pressed: the knobs follow it, and go back to
    what was chosen when it leaves. The knobs themselves are the way in for the keyboard.
    """
    box = {"left": frame.left, "top": frame.top, "width": frame.width, "height": frame.height}
    return {
        "x": x,
        "y": y,
        "panel": panel,
        "hint": hint,
        "hover": hover,
        "xs": list(frame.x),
        "ys": list(frame.y),
        **box,
    }


def dial(
    knob: str, left: float, top: float, width: float, height: float, panel: int = 0, hint: str = ""
) -> dict[str, Any]:
    """A box in a panel that is dragged like a dial: up or to the right for the slider's next stop, and so on.

    It gives its slider the focus, so that the arrow keys go on from there; and it is framed while its slider has it.
    """
    return {"name": knob, "panel": panel, "hint": hint, "left": left, "top": top, "width": width, "height": height}


class Explorable(anywidget.AnyWidget):
    """A picture with knobs; subclasses declare the knobs, `title`, `presets`, perhaps `drag` and `dials`, and `draw()`.

    Raises:
        TypeError: an argument that is no knob; a knob with a name that every widget uses (`blur`, `focus`, `layout`).
        traitlets.TraitError: a knob outside its range; what is wrong with a preset, already when it is made.
    """

    _esm = script("shell.js")
    _css = _HERE / "shell.css"

    title: ClassVar[str] = ""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    drag: ClassVar[Mapping[str, Any]] = {}
    dials: ClassVar[Sequence[Mapping[str, Any]]] = ()
    compact: ClassVar[bool] = False  # three knobs in a row
    read_only_aloud: ClassVar[bool] = False  # the caption is for screen readers, as the picture shows the same words

    controls = traitlets.Dict().tag(sync=True)
    back = traitlets.List(traitlets.Unicode()).tag(sync=True)
    front = traitlets.List(traitlets.Unicode()).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    idle = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names of the knobs that are not shown now

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, trait in vars(cls).items():
            if isinstance(trait, (Slider, Menu, Switch)) and hasattr(Explorable, name):
                raise TypeError(f"{cls.__name__}: a knob cannot be called {name!r}, every widget has one; rename it")

    def __init__(self, **state: Any) -> None:
        knobs = self.knobs()
        for given in ({**state}, *self.presets.values()):
            self._check(given, knobs)
        self._shown: dict[str, Any] | None = None
        self._figure: Figure | None = None
        super().__init__(**state)
        self.controls = {
            "name": type(self).__name__,
            "title": self.title,
            "start": self.state,
            "knobs": [{"name": name, **knob.metadata["knob"]} for name, knob in knobs.items()],
            "presets": [[name, dict(preset)] for name, preset in self.presets.items()],
            "pad": dict(self.drag),
            "dials": [dict(one) for one in self.dials],
            "compact": self.compact,
            "aloud": self.read_only_aloud,
            "sizes": [[panel.width, panel.height] for panel in self._redraw().panels],
        }
        self.observe(self._follow, list(knobs))

    @classmethod
    def knobs(cls) -> dict[str, Slider | Menu | Switch]:
        """The knobs by name, in the order in which they are declared."""
        found = {name: trait for base in reversed(cls.__mro__) for name, trait in vars(base).items()}
        return {name: trait for name, trait in found.items() if isinstance(trait, (Slider, Menu, Switch))}

    @property
    def state(self) -> dict[str, Any]:
        """What all knobs stand at."""
        return {name: getattr(self, name) for name in self.knobs()}

    def unused(self) -> Sequence[str]:
        """Names of the knobs that change nothing in the present state: they are hidden, and keep their values."""
        return ()

    def draw(self) -> Figure:
        """The figure for the present state."""
        raise NotImplementedError(f"{type(self).__name__} must say how to draw()")

    def figure(self) -> Figure:
        """The figure as it is shown now."""
        return self._redraw()

    @classmethod
    def _check(cls, state: Mapping[str, Any], knobs: Mapping[str, Slider | Menu | Switch]) -> None:
        for name, value in state.items():
            if name not in knobs:
                near = difflib.get_close_matches(name, knobs, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"{cls.__name__} has no knob {name!r}{hint} Knobs: {', '.join(knobs)}")
            knobs[name].validate(None, value)

    def _follow(self, change: Any) -> None:
        """Redraw after a knob has moved; where that fails, say so: the old picture beside new knobs would be a lie."""
        try:
            self._redraw()
        except BaseException as error:  # an interrupted kernel, too
            self._shown = None  # whatever comes next is drawn, also what was shown before
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            self.caption = (
                f"This could not be drawn ({why}). The picture is still the one before; move a control to go on."
            )
            raise

    def _redraw(self) -> Figure:
        # A preset changes several knobs, and each of them reports: draw once.
        if self._figure is None or self.state != self._shown:
            self._shown, self._figure = self.state, UNDRAWN if grading() else self.draw()
            with self.hold_sync():
                self.back = [panel.back for panel in self._figure.panels]
                self.front = [panel.front for panel in self._figure.panels]
                self.caption = self._figure.caption
                self.idle = list(self.unused())
        return self._figure

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        """The live widget; for whoever cannot run it the still; for whoever sees no picture the caption."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": self.caption, "text/html": self.figure().still()}, metadata
