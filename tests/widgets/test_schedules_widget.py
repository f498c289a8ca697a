import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course import schedules
from course.widgets import ScheduleDesigner
from course.widgets.schedules import (
    ARRIVED,
    CURVATURES,
    EPOCHS,
    PARAMETERS,
    PER_EPOCH,
    PROBLEMS,
    RATE,
    RUNS,
    SIGMA,
    expected,
    picture,
    simulate,
    train,
)

KNOBS = ScheduleDesigner.knobs()
states = st.fixed_dictionaries({name: st.sampled_from(knob.values) for name, knob in KNOBS.items()})
rates = st.lists(st.floats(0, 1.9), min_size=1, max_size=60).map(tuple)
STEPS = EPOCHS * PER_EPOCH

# What the lecture says about each preset: the fate of the schedule itself.
STORY = {
    "Never arrives": "constant 0.5 stays above",
    "Arrives late": "constant 0.05 is below 0.01 from epoch 9",
    "Stairs": "step from 0.5 is below",
    "Exponential": "exponential from 0.5 is below",
    "Reciprocal": "reciprocal from 0.5 is below",
    "Cosine": "cosine from 0.5 is below",
    "Too early": "exponential from 0.5 stays above",
    "Thrown off": "cosine from 0.5 diverges; constant 0.5 diverges; constant 0.05 is below",
    "Warmed up": "cosine from 0.5 after 5 epochs of warmup is below",
}


def fates(caption):
    """For each training of a caption: the epoch from which on it is there, and the loss at the end."""
    told = caption.partition("mean loss: ")[2].rstrip(".").split("; ")
    number = r"([\d.]+)"
    arrived = [re.search(rf"from epoch {number} on", clause) for clause in told]
    ends = [re.search(rf"ends at {number}$", clause) for clause in told]
    return [(float(a[1]) if a else np.inf, float(e[1]) if e else np.inf) for a, e in zip(arrived, ends, strict=True)]


def test_every_preset_has_its_story():
    assert list(STORY) == list(ScheduleDesigner.presets)


@pytest.mark.parametrize("name", STORY)
def test_a_preset_shows_what_it_says(name):
    preset = ScheduleDesigner.presets[name]
    assert STORY[name] in picture(**preset).caption
    assert set(preset) == set(KNOBS), "a preset that leaves a knob alone shows something else each time"


@pytest.mark.parametrize("name", ["Stairs", "Exponential", "Reciprocal", "Cosine", "Warmed up"])
def test_a_schedule_beats_both_constant_rates(name):
    chosen, large, small = fates(picture(**ScheduleDesigner.presets[name]).caption)
    assert chosen[1] < 0.4 * min(large[1], small[1])
    assert chosen[0] < 0.7 * min(large[0], small[0])


def test_the_large_constant_rate_is_ahead_first_and_behind_in_the_end():
    large, small = (train("bowl", (rate,) * STEPS).mean for rate in (0.5, 0.05))
    assert (large[5:200] < small[5:200] / 2).all()
    assert large[-1] > 3 * small[-1]


@pytest.mark.parametrize("rate", [0.4, 0.1])
def test_half_the_rate_leaves_about_half_the_loss(rate):
    left = [expected((r,) * 20_000)[-1] for r in (rate, rate / 2)]
    assert 1.9 < left[0] / left[1] < 2.3
    # In a steady state s = (1 − ηλ)² s + η²σ²λ.
    exact = sum(0.5 * c * rate * SIGMA**2 / (2 - rate * c) for c in CURVATURES)
    assert left[0] == pytest.approx(exact, rel=1e-6)


@given(rates)
@settings(max_examples=25, deadline=None)
def test_the_expected_loss_is_the_mean_of_many_runs(rates):
    runs = simulate(rates, 0.0, RUNS)
    error = runs.std(1) / RUNS**0.5
    assert (np.abs(runs.mean(1) - expected(rates)) <= 6 * error + 1e-9).all()


def test_without_noise_the_walls_are_descended_by_their_gradient(monkeypatch):
    monkeypatch.setattr("course.widgets.schedules.SIGMA", 0.0)
    losses = simulate((0.05, 0.02), 0.5, 1)[:, 0]
    u, v = 4.0, 4.0
    for i, rate in enumerate((0.05, 0.02, 0)):
        assert losses[i] == pytest.approx(u**2 / 2 + v**2 / 20 + 0.125 * u**4)
        u, v = u - rate * (u + 0.5 * u**3), v - rate * 0.1 * v


def test_stairs_are_flat_before_a_drop_and_steep_after_it():
    steps = np.arange(STEPS) / PER_EPOCH
    mean = train("bowl", tuple(schedules.step_decay(t, 0.5, 20, 1 / 3) for t in steps)).mean
    for drop in (20 * PER_EPOCH, 40 * PER_EPOCH):
        assert mean[drop] / mean[drop - 20] > 0.85
        assert mean[drop + 20] / mean[drop] < 0.6


def test_a_warmup_that_is_too_short_does_not_help_and_a_gentle_rate_needs_none():
    thrown = ScheduleDesigner.presets["Thrown off"]
    assert "cosine from 5 after 1 epoch of warmup diverges" in picture(**{**thrown, "lr": 5, "warmup": 1}).caption
    assert "cosine from 0.1 is below" in picture(**{**thrown, "lr": 0.1}).caption


def test_the_rates_drawn_are_those_of_the_library():
    figure = picture("cosine", lr=0.4, warmup=10, total=80, lowest=0.02)
    eta = schedules.warmup_then(lambda t: schedules.cosine_decay(t, 0.4, 80, 0.02), 10)
    time = np.arange(STEPS) / PER_EPOCH
    scale = RATE.height / (1.08 * 0.4)
    expected = [RATE.top + RATE.height - eta(t) * scale for t in time]
    paths = [p.get("d") for p in ET.fromstring(f"<g>{figure.panels[0].front}</g>").iter("path")]
    drawn = np.cumsum([float(n) for n in paths[-1][1:].replace("l", "").split()[1::2]])
    np.testing.assert_allclose(drawn, expected, atol=0.051)


@pytest.mark.filterwarnings("error")  # a warning would land on stderr, in the notebook
@given(states)
@settings(max_examples=40, deadline=None)
def test_every_state_has_a_picture_and_a_sentence(state):
    figure = picture(**state)
    ET.fromstring(figure.svg())
    assert not any(word in figure.svg() for word in ("nan", "inf", "None"))
    assert figure.caption.startswith(state["problem"].capitalize())
    assert state["schedule"] in figure.caption
    assert figure == picture(**state)


def test_the_lines_differ_without_colour():
    for panel in picture("cosine").panels:
        lines = list(ET.fromstring(f"<g>{panel.front}</g>").iter("path"))
        dashes = {line.get("stroke"): line.get("stroke-dasharray") for line in lines}
        assert len(set(dashes.values())) == len(dashes) == 3


def test_a_constant_rate_is_compared_with_a_tenth_of_it_only():
    assert picture("constant", lr=0.5).caption.count("constant") == 2
    assert picture("constant", lr=0.5, warmup=5).caption.count("constant") == 3


def test_a_schedule_is_compared_with_the_rate_that_it_starts_from():
    assert "reciprocal from 0.25 " in picture("reciprocal", lr=0.5, eps=2).caption
    assert "constant 0.25 " in picture("reciprocal", lr=0.5, eps=2).caption


def test_the_loss_may_fall_below_the_goal_and_rise_again():
    caption = picture("cosine", lr=0.05, warmup=40, total=150).caption
    assert f"{ARRIVED}" in caption
    up = train("bowl", (0.05,) * 480 + (1.5,) * 20)
    assert up.fate.startswith("does not stay below")


def test_the_lowest_rate_is_never_above_the_first():
    assert picture("cosine", lr=0.05, lowest=0.1) == picture("cosine", lr=0.05, lowest=0.05)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"schedule": "sine"}, "no schedule 'sine'; there are 'constant', 'step'"),
        ({"problem": "hill"}, "no problem 'hill'; there are 'bowl', 'steep walls'"),
        ({"lr": 0.0}, "η₀ > 0"),
        ({"lr": float("inf")}, "η₀ > 0"),
        ({"warmup": -1}, "warmup of 0 … 100 epochs"),
        ({"schedule": "step", "every": 0}, "every > 0"),
        ({"schedule": "step", "factor": 0.0}, "factor ≤ 1"),
        ({"schedule": "exponential", "k": -1}, "k ≥ 0"),
        ({"schedule": "reciprocal", "eps": 0}, "ε > 0"),
        ({"schedule": "cosine", "total": 0}, "T > 0"),
    ],
)
def test_a_bad_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        picture(**state)


@pytest.mark.parametrize("schedule", PARAMETERS)
def test_only_the_knobs_that_matter_are_shown(schedule):
    widget = ScheduleDesigner(schedule=schedule)
    before = widget.figure()
    for name in widget.idle:
        for value in (KNOBS[name].values[0], KNOBS[name].values[-1]):
            assert picture(**{**widget.state, name: value}) == before
    shown = set(PARAMETERS[schedule])
    assert shown.isdisjoint(widget.idle)
    for name in shown:
        changed = [picture(**{**widget.state, name: v}) for v in (KNOBS[name].values[0], KNOBS[name].values[-1])]
        assert changed[0] != changed[1]


def test_the_widget_shows_the_picture_of_its_knobs():
    widget = ScheduleDesigner()
    assert widget.figure() == picture(**widget.state)
    assert "constant 0.5 stays above" in widget.caption
    widget.lr = 0.45  # between two stops of the slider
    widget.schedule = "cosine"
    assert widget.figure() == picture("cosine", lr=0.45)
    assert set(PROBLEMS) == set(KNOBS["problem"].values)


def test_the_warmup_can_be_dragged():
    drag = ScheduleDesigner.drag
    assert (drag["x"], drag["y"], drag["xs"]) == ("warmup", "", [0, EPOCHS])
