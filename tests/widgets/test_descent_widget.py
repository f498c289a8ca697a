import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.descent import SURFACES, gradient_descent, gradient_of
from course.widgets import Descent
from course.widgets.descent import LANDMARKS, MAP, descend, picture
from course.widgets.svg import polyline

numbers = {name: st.sampled_from(Descent.knobs()[name].values) for name in ("lr", "momentum", "steps", "x", "y")}
states = st.fixed_dictionaries({"surface": st.sampled_from(list(SURFACES)), **numbers})

# What the lecture says about each preset: the end of plain gradient descent, and of momentum.
STORY = {
    "Crawls": ("above the minimum", None),
    "Rolls": ("above the minimum", "at the minimum"),
    "Rings": ("above the minimum", "ups and downs"),
    "Diverges": ("diverges", None),
    "Tamed": ("diverges", "at the minimum"),
    "Trapped": ("stuck in the local minimum", None),
    "Escapes": ("stuck in the local minimum", "at the minimum"),
    "At the saddle": ("stuck at the saddle", None),
    "Leaves it": ("stuck at the saddle", "at the minimum"),
}


def test_every_preset_has_its_story():
    assert list(STORY) == list(Descent.presets)


@pytest.mark.parametrize("name", STORY)
def test_a_preset_shows_what_it_says(name):
    preset = Descent.presets[name]
    plain, heavy = STORY[name]
    caption = picture(**preset).caption
    told, _, told_heavy = caption.partition("; with momentum")
    assert plain in told, caption
    assert (heavy is None) == (preset["momentum"] == 0)
    assert heavy is None or heavy in told_heavy, caption
    assert set(preset) == set(Descent.knobs()), "a preset that leaves a knob alone shows something else each time"


def test_ringing_is_worse_than_rolling():
    ends = {}
    for name in ("Crawls", "Rolls", "Rings"):
        preset = dict(Descent.presets[name])
        ends[name] = descend(momenta=(preset.pop("momentum"),), **preset)[0].loss[-1]
    assert ends["Rolls"] < 1e-3 * ends["Crawls"]
    assert ends["Rings"] > 1e3 * ends["Rolls"]


@pytest.mark.filterwarnings("error")  # a warning would land on stderr, in the notebook
@given(states)
@settings(max_examples=40, deadline=None)
def test_every_state_has_a_picture_and_a_sentence(state):
    figure = picture(**state)
    ET.fromstring(figure.svg())
    assert not any(word in figure.svg() for word in ("nan", "inf", "None"))
    assert figure.caption.startswith(state["surface"].capitalize())
    assert ("with momentum" in figure.caption) == (state["momentum"] > 0)
    assert figure == picture(**state)


def test_the_drawn_path_is_the_reference():
    path = gradient_descent(SURFACES["ravine"].loss, torch.tensor([-1.6, 0.6], dtype=torch.float64), 0.02, 60, 0.8)
    front = picture("ravine", -1.6, 0.6, lr=0.02, momentum=0.8, steps=60).panels[0].front
    assert polyline(MAP.at(path)) in front


def test_plain_descent_is_drawn_alone_without_momentum():
    alone, both = (picture(momentum=m).panels[0].front for m in (0.0, 0.9))
    assert "var(--accent)" not in alone.partition("<circle")[0]
    assert both.count("<path") > alone.count("<path")


@pytest.mark.parametrize("panel", [0, 1])
def test_the_two_lines_differ_without_colour(panel):
    lines = ET.fromstring(f"<g>{picture(momentum=0.9).panels[panel].front}</g>").iter("path")
    dashed = {line.get("stroke"): "stroke-dasharray" in line.attrib for line in lines if line.get("fill") == "none"}
    assert dashed["var(--ink)"]
    assert not dashed["var(--accent)"]


def test_at_the_landmarks_the_gradient_vanishes_and_the_first_is_lowest():
    assert set(LANDMARKS) == set(SURFACES)
    for name, marks in LANDMARKS.items():
        where = torch.tensor([place for _, *place in marks], dtype=torch.float64)
        assert gradient_of(SURFACES[name].loss, where).abs().max() < 1e-3
        grid = torch.linspace(-2, 2, 101, dtype=torch.float64)
        everywhere = SURFACES[name].loss(torch.cartesian_prod(grid, grid))
        assert SURFACES[name].loss(where)[0] <= everywhere.min() + 1e-9


def test_a_start_on_the_ridge_stays_there():
    assert picture("saddle", -1.8, 0.0, lr=0.1, momentum=0.9, steps=150).caption.count("stuck at the saddle") == 2


def test_a_start_at_the_minimum_is_there_after_no_steps():
    assert "at the minimum after 0 steps" in picture("bowl", 0.0, 0.0, lr=0.1, momentum=0.0, steps=10).caption


def test_a_loss_beyond_all_numbers_is_called_diverging():
    figure = picture("local minimum", 2.0, 2.0, lr=1.0, momentum=0.9, steps=150)
    assert figure.caption.count("diverges") == 2


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"surface": "hill"}, "no surface 'hill'; there are 'bowl', 'ravine'"),
        ({"x": float("nan")}, "finite x"),
        ({"lr": -0.1}, "η ≥ 0"),
        ({"momentum": 1.0}, "α < 1"),
        ({"steps": 0}, "steps ≥ 1"),
    ],
)
def test_a_bad_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        picture(**state)


def test_the_widget_shows_the_picture_of_its_knobs():
    widget = Descent(surface="saddle", lr=0.03, momentum=0.85, steps=80)
    assert (widget.x, widget.y) == SURFACES["saddle"].start
    assert widget.figure() == picture("saddle", *SURFACES["saddle"].start, lr=0.03, momentum=0.85, steps=80)
    back = widget.back
    widget.lr = 0.013  # between two stops of the slider
    assert widget.figure() == picture(**widget.state)
    assert widget.back == back
    widget.surface = "bowl"
    assert widget.back != back


def test_a_start_given_wins_over_the_surfaces_own():
    widget = Descent(surface="bowl", x=0.25)
    assert (widget.x, widget.y) == (0.25, SURFACES["bowl"].start[1])


def test_the_map_can_be_dragged_from_edge_to_edge():
    knobs = Descent.knobs()
    for knob, span in (("x", Descent.drag["xs"]), ("y", Descent.drag["ys"])):
        assert [knobs[knob].values[0], knobs[knob].values[-1]] == span


def test_widgets_are_imported_only_when_used():
    code = (
        "import sys, course.widgets as w; assert 'Descent' in dir(w); print({'torch', 'anywidget'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_widget_names_those_there_are():
    import course.widgets

    with pytest.raises(AttributeError, match=r"no attribute 'Ascent'; widgets: .*Descent"):
        _ = course.widgets.Ascent
