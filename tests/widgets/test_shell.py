import json
import re
from pathlib import Path
from typing import ClassVar

import pytest
from traitlets import TraitError

import course.widgets.shell
from course.widgets.shell import Explorable, Menu, Slider, Switch, pad
from course.widgets.svg import Figure, Frame, Panel, tag, text

FRAME = Frame(0, 0, 100, 100, (0, 1), (0, 1))


def picture(kind: str, height: float, count: int, grid: bool) -> Figure:
    bars = "".join(tag("rect", x=i, y=0, width=1, height=height) for i in range(count))
    return Figure(
        (Panel(100, 100, back=text(0, 0, kind), front=bars),), f"{count} {kind} bars, {height:g} high, {grid}."
    )


class Bars(Explorable):
    title = "Bars"
    kind = Menu(["red", "blue"], "red", "kind of bar")
    height = Slider([0.5, 1.0, 2.0], 1.0, "height", " m")
    count = Slider([1, 2, 5], 2, "how many")
    grid = Switch(False, "grid lines")
    presets: ClassVar = {"Many": {"count": 5, "height": 2.0, "kind": "blue"}}
    drag: ClassVar = pad(FRAME, "height", "count")
    drawn = 0

    def draw(self) -> Figure:
        self.drawn += 1
        return picture(**self.state)


@pytest.fixture
def bars():
    return Bars()


@pytest.fixture
def sent(bars, monkeypatch):
    """The states that are sent to the front end, one dict for each message."""
    messages = []
    monkeypatch.setattr(bars, "_send", lambda message, buffers=None: messages.append(message))
    return messages


def test_the_front_end_is_told_all_it_needs(bars):
    told = bars.controls
    assert [k["name"] for k in told["knobs"]] == ["kind", "height", "count", "grid"]
    assert told["knobs"][1] == {
        "name": "height",
        "kind": "slider",
        "label": "height",
        "values": [0.5, 1.0, 2.0],
        "unit": " m",
        "play": False,
        "words": [],
    }
    assert (told["name"], told["start"]) == ("Bars", bars.state)
    assert told["presets"] == [["Many", {"count": 5, "height": 2.0, "kind": "blue"}]]
    assert told["sizes"] == [[100, 100]]
    assert told["pad"]["x"] == "height"
    assert json.loads(json.dumps(told)) == told


def test_it_shows_what_picture_draws(bars):
    figure = picture("red", 1.0, 2, False)
    assert (bars.back, bars.front, bars.caption) == ([figure.panels[0].back], [figure.panels[0].front], figure.caption)
    assert bars.figure() == figure


@pytest.mark.parametrize(("knob", "value"), [("kind", "blue"), ("height", 0.7), ("count", 5), ("grid", True)])
def test_a_change_redraws(bars, knob, value):
    setattr(bars, knob, value)
    assert bars.drawn == 2
    assert bars.figure() == picture(**{"kind": "red", "height": 1.0, "count": 2, "grid": False, knob: value})
    assert bars.caption == bars.figure().caption


def test_the_same_value_again_does_not_redraw(bars):
    bars.height = 1
    assert bars.drawn == 1


def test_a_preset_from_the_browser_draws_once(bars, sent):
    bars.set_state(bars.presets["Many"])
    assert bars.drawn == 2
    assert bars.caption == "5 blue bars, 2 high, False."
    pictures = [m["state"] for m in sent if m["method"] == "update" and "front" in m["state"]]
    assert len(pictures) == 1
    assert set(pictures[0]) == {"back", "front", "caption"}


def test_what_stayed_the_same_is_not_sent_again(bars, sent):
    bars.set_state({"height": 2.0})
    pictures = [m["state"] for m in sent if m["method"] == "update"]
    assert [set(p) for p in pictures] == [{"front", "caption"}]


@pytest.mark.parametrize(
    ("knob", "value", "message"),
    [
        ("height", 3, r"height \(height\) must be a number from 0\.5 to 2, got 3"),
        ("height", float("nan"), "got nan"),
        ("height", "1", "must be a number .* got '1'"),
        ("height", True, "got True"),
        ("height", None, "got None"),
        ("count", 1.5, r"count \(how many\) must be a whole number from 1 to 5, got 1.5"),
        ("kind", "green", r"kind \(kind of bar\) must be one of 'red', 'blue'; got 'green'"),
        ("kind", ["red"], r"got \['red'\]"),
        ("grid", 1, r"grid \(grid lines\) must be True or False, got 1"),
    ],
)
def test_a_bad_value_is_refused_with_its_range_and_changes_nothing(bars, knob, value, message):
    with pytest.raises(TraitError, match=message):
        Bars(**{knob: value})
    before = bars.state
    with pytest.raises(TraitError, match=message):
        setattr(bars, knob, value)
    with pytest.raises(TraitError, match=message):
        bars.set_state({"count": 5, knob: value})
    assert bars.state == before
    assert bars.drawn == 1


def test_whole_numbers_stay_whole(bars):
    bars.count = 5.0
    assert bars.count == 5
    assert isinstance(bars.count, int)
    bars.height = 2
    assert isinstance(bars.height, float)


def test_an_unknown_argument_names_the_nearest_knob():
    with pytest.raises(
        TypeError, match=r"Bars has no knob 'hight'; did you mean 'height'\? Knobs: kind, height, count, grid"
    ):
        Bars(hight=2)


def test_a_wrong_preset_is_found_when_the_widget_is_made():
    class Broken(Bars):
        presets: ClassVar = {"Too high": {"height": 9}}

    with pytest.raises(TraitError, match="height"):
        Broken()


@pytest.mark.parametrize("name", ["blur", "caption", "layout"])
def test_a_knob_must_not_hide_what_every_widget_has(name):
    with pytest.raises(TypeError, match=f"Bad: a knob cannot be called '{name}', every widget has one; rename it"):
        type("Bad", (Explorable,), {name: Slider([0, 1], 0, "a knob")})


def test_a_pad_may_move_one_knob_only_and_a_menu_by_its_rows():
    class List(Bars):
        drag: ClassVar = pad(Frame(0, 0, 50, 40, (0, 1), (1.5, -0.5)), y="kind")

    told = List().controls["pad"]
    assert (told["x"], told["y"], told["ys"]) == ("", "kind", [1.5, -0.5])


def test_a_widget_may_be_compact_and_keep_its_caption_for_screen_readers(bars):
    assert (bars.controls["compact"], bars.controls["aloud"]) == (False, False)

    class Small(Bars):
        compact = True
        read_only_aloud = True

    assert (Small().controls["compact"], Small().controls["aloud"]) == (True, True)


def test_knobs_that_change_nothing_are_hidden_until_they_do():
    class Choosy(Bars):
        def unused(self):
            return ["height"] if self.kind == "red" else []

    choosy = Choosy()
    assert choosy.idle == ["height"]
    choosy.kind = "blue"
    assert choosy.idle == []
    assert Bars().idle == []


def test_outputs_have_a_still_and_words_beside_the_live_widget(bars):
    bars.count = 5
    data, _ = bars._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == bars.model_id
    assert data["text/plain"] == "5 red bars, 1 high, False."
    assert data["text/html"] == bars.figure().still()


def test_the_front_end_is_local_and_whole(bars):
    for name in ("shell.js", "shell.css"):
        source = (Path(course.widgets.shell.__file__).parent / name).read_text()
        assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[a-z][\w.-]*\.[a-z]{2,}", source)
        assert "import " not in source
    assert "export default { render }" in str(bars._esm)
    assert ".explorable" in str(bars._css)


def test_the_shell_itself_says_what_a_widget_must_add():
    with pytest.raises(NotImplementedError, match=r"must say how to draw\(\)"):
        Explorable()


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_nothing_is_drawn_while_grading(monkeypatch, mode):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    monkeypatch.setattr(Bars, "draw", lambda self: pytest.fail("drawn"))
    data, _ = Bars(count=3)._repr_mimebundle_()
    assert data["text/html"] == "<p>Widgets are not drawn while nbgrader grades or validates.</p>"
    with pytest.raises(TraitError):  # what a student gets wrong is still told
        Bars(count="many")


def test_what_cannot_be_drawn_is_said_and_what_comes_next_is_drawn(bars, monkeypatch):
    told, front = bars.caption, list(bars.front)

    def fail():
        raise ZeroDivisionError("no bars")

    with monkeypatch.context() as patched:
        patched.setattr(bars, "draw", fail)
        with pytest.raises(ZeroDivisionError):
            bars.count = 5
    assert "could not be drawn (ZeroDivisionError: no bars)" in bars.caption
    assert bars.front == front, "the picture is the one before, as the caption says"
    bars.count = 2
    assert bars.caption == told, "also where this is what was shown before"
