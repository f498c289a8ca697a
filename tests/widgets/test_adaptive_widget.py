import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.adaptive import Adagrad, Adam
from course.descent import SGD, gradient_of
from course.widgets import OptimizerRace
from course.widgets.adaptive import (
    ARRIVED,
    CHART,
    GROUNDS,
    LOOKS,
    MAP,
    RATES,
    Runner,
    arrivals,
    curves,
    picture,
    race,
    runners,
)
from course.widgets.descent import slope
from course.widgets.svg import polyline

KNOBS = OptimizerRace.knobs()
states = st.fixed_dictionaries({name: st.sampled_from(knob.values) for name, knob in KNOBS.items()})

# What the lecture says about each preset: the fate of SGD, momentum, Adagrad, Adam.
STORY = {
    "One rate for all": ("diverges", "diverges", "above the minimum", "arrives"),
    "Each its own": ("above the minimum", "arrives", "arrives", "arrives"),
    "SGD suffices": ("arrives", "arrives", "arrives", "arrives"),
    "Adagrad fades": ("arrives", "arrives", "above the minimum", "arrives"),
    "Adam overshoots": ("arrives", "arrives", "arrives", "overshooting"),
    "Turned ravine": ("above the minimum", "arrives", "above the minimum", "arrives"),
    "At the saddle": ("stuck at the saddle", "arrives", "arrives", "arrives"),
    "Trapped": ("stuck in the local", "arrives", "stuck in the local", "stuck in the local"),
}


def run(preset):
    """The race of a preset, and its four runners."""
    surface, x, y, steps = (preset[k] for k in ("surface", "x", "y", "steps"))
    all_ = race(surface, x, y, steps, tuple(RATES))
    return all_, runners(surface, all_, tuple(preset[k] for k in ("sgd", "momentum", "adagrad", "adam")))


@pytest.mark.parametrize("surface", GROUNDS)
def test_the_complex_step_is_the_gradient_of_automatic_differentiation_to_rounding(surface):
    w = 4 * torch.rand(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 2
    loss = GROUNDS[surface][0].loss
    torch.testing.assert_close(slope(loss, w), gradient_of(loss, w), rtol=1e-13, atol=1e-13)


def test_every_preset_has_its_story():
    assert list(STORY) == list(OptimizerRace.presets)


@pytest.mark.parametrize("name", STORY)
def test_a_preset_shows_what_it_says(name):
    preset = OptimizerRace.presets[name]
    caption = picture(**preset).caption
    for runner, told in zip(run(preset)[1], STORY[name], strict=True):
        assert told in runner.fate, runner
        assert runner.fate in caption
    assert set(preset) == set(KNOBS), "a preset that leaves a knob alone shows something else each time"


def test_with_gradients_of_very_different_scale_sgd_loses_at_every_rate():
    preset = OptimizerRace.presets["Each its own"]
    all_, four = run(preset)
    fewest = dict(zip(LOOKS, all_.needed.min(1), strict=True))
    assert fewest["SGD"] == np.inf
    assert max(fewest["momentum"], fewest["Adagrad"], fewest["Adam"]) <= preset["steps"]
    for runner in four[1:]:
        assert runner.needed <= fewest[runner.name] + 2
    assert "best rate: SGD never, momentum 93, Adagrad 4, Adam 86" in picture(**preset).caption


def test_in_a_round_bowl_sgd_is_as_good_as_any():
    all_, _ = run(OptimizerRace.presets["SGD suffices"])
    assert np.isfinite(all_.needed.min(1)).all()
    assert all_.needed.min(1).argmin() == 0


def test_turning_the_ravine_takes_adagrads_advantage_away():
    straight, turned = (
        run(OptimizerRace.presets[name])[0].needed.min(1)[2] for name in ("Each its own", "Turned ravine")
    )
    assert straight <= 5
    assert turned == np.inf


def test_adagrads_rate_fades_and_adams_does_not():
    preset = OptimizerRace.presets["Adagrad fades"]
    at = RATES.index(preset["adam"])
    first, last = (run({**preset, "steps": steps})[0].effective[:, at] for steps in (5, 100))
    assert (last[0] < 0.6 * first[0]).all()
    assert (last[1] > first[1]).all()


def test_in_the_ravine_each_direction_gets_its_own_rate():
    all_, four = run(OptimizerRace.presets["Each its own"])
    for kind in (0, 1):
        along, across = all_.effective[kind, RATES.index(four[2 + kind].rate)]
        assert 20 < along / across < 100


@pytest.mark.parametrize("surface", GROUNDS)
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("SGD", lambda w, lr: SGD([w], lr)),
        ("momentum", lambda w, lr: SGD([w], lr, 0.9)),
        ("Adagrad", lambda w, lr: Adagrad([w], lr)),
        ("Adam", lambda w, lr: Adam([w], lr)),
    ],
)
def test_the_race_is_run_by_the_optimizers_of_the_course(surface, name, make):
    lr, ground = 0.007, GROUNDS[surface][0]
    w = torch.nn.Parameter(torch.tensor([-1.1, 0.7], dtype=torch.float64))
    optimizer, path = make(w, lr), [w.detach().clone()]
    for _ in range(12):
        w.grad = gradient_of(ground.loss, w)
        optimizer.step()
        path.append(w.detach().clone())
    all_ = race(surface, -1.1, 0.7, 12, (0.001, lr))
    np.testing.assert_allclose(all_.path[:, list(LOOKS).index(name), 1], torch.stack(path), rtol=1e-9)


def test_the_effective_rates_are_those_of_the_last_step():
    all_ = race("badly scaled", -1.6, 0.6, 3, (0.01,))
    gradients = [gradient_of(GROUNDS["badly scaled"][0].loss, torch.from_numpy(all_.path[:3, i, 0])) for i in (2, 3)]
    expected = 0.01 / gradients[0].square().sum(0).sqrt()
    np.testing.assert_allclose(all_.effective[0, 0], expected, rtol=1e-6)
    weights = torch.tensor([0.999**2, 0.999, 1.0], dtype=torch.float64)[:, None]
    mean = (weights * gradients[1].square()).sum(0) / weights.sum()
    np.testing.assert_allclose(all_.effective[1, 0], 0.01 / mean.sqrt(), rtol=1e-6)


def test_arriving_means_staying():
    low, high = ARRIVED / 2, 2 * ARRIVED
    loss = np.array([[high, low, high, low, np.nan], [low, low, high, high, low], [low, low, low, high, np.nan]])
    assert arrivals(loss).tolist() == [1, 0, 2, np.inf, np.inf]


def test_at_the_landmarks_the_gradient_vanishes_and_the_first_is_lowest():
    for surface, marks in GROUNDS.values():
        where = torch.tensor([place for _, *place in marks], dtype=torch.float64)
        assert gradient_of(surface.loss, where).abs().max() < 1e-3
        grid = torch.linspace(-2, 2, 101, dtype=torch.float64)
        assert surface.loss(where)[0] <= surface.loss(torch.cartesian_prod(grid, grid)).min() + 1e-9


def test_the_turned_ravine_is_the_badly_scaled_one_turned():
    straight, turned = (GROUNDS[name][0].loss for name in ("badly scaled", "turned ravine"))
    w = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turn = torch.tensor([[1, -1], [1, 1]], dtype=torch.float64) / 2**0.5
    torch.testing.assert_close(turned(w), straight(w @ turn.T))


@pytest.mark.filterwarnings("error")  # a warning would land on stderr, in the notebook
@given(states)
@settings(max_examples=30, deadline=None)
def test_every_state_has_a_picture_and_a_sentence(state):
    figure = picture(**state)
    ET.fromstring(figure.svg())
    assert not any(word in figure.svg() for word in ("nan", "inf", "None"))
    assert figure.caption.startswith(state["surface"].capitalize())
    assert all(name in figure.caption for name in LOOKS)
    assert figure == picture(**state)


def test_all_four_paths_are_drawn():
    state = {"surface": "ravine", "x": -1.6, "y": 0.6, "steps": 30}
    all_ = race(*(state[k] for k in ("surface", "x", "y", "steps")), tuple(RATES))
    front = picture(**state).panels[0].front
    for i in range(4):
        assert polyline(MAP.at(all_.path[:, i, RATES.index(0.05)])) in front


def test_the_lines_differ_without_colour():
    assert len({(look.get("stroke-dasharray"), look.get("stroke_dasharray")) for look in LOOKS.values()}) == 4
    for panel in picture().panels:
        lines = ET.fromstring(f"<g>{panel.front}</g>").iter("path")
        dashes = {line.get("stroke"): line.get("stroke-dasharray") for line in lines if line.get("fill") == "none"}
        assert {dashes[look["stroke"]] for look in LOOKS.values()} == {
            l_.get("stroke_dasharray") for l_ in LOOKS.values()
        }


def test_a_rate_between_the_stops_is_raced_too():
    figure = picture("bowl", adam=0.123)
    assert "Adam (0.123) " in figure.caption


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"surface": "hill"}, "no surface 'hill'; there are 'bowl', 'ravine'"),
        ({"x": float("nan")}, "finite x"),
        ({"adam": -0.1}, "rates ≥ 0"),
        ({"sgd": float("inf")}, "finite x, y"),
        ({"steps": 0}, "steps ≥ 1"),
    ],
)
def test_a_bad_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        picture(**state)


def test_the_widget_shows_the_picture_of_its_knobs():
    widget = OptimizerRace(surface="saddle", adam=0.07, steps=80)
    assert (widget.x, widget.y) == GROUNDS["saddle"][0].start
    assert widget.figure() == picture(**widget.state)
    back = widget.back
    widget.sgd = 0.013  # between two stops of the slider
    assert widget.figure() == picture(**widget.state)
    assert widget.back == back
    widget.surface = "bowl"
    assert widget.back != back
    assert OptimizerRace(x=0.25).x == 0.25


def test_the_map_can_be_dragged_from_edge_to_edge():
    for knob, span in (("x", OptimizerRace.drag["xs"]), ("y", OptimizerRace.drag["ys"])):
        assert [KNOBS[knob].values[0], KNOBS[knob].values[-1]] == span


def test_a_loss_that_has_become_no_number_does_not_come_back_from_below():
    """Inf − inf: the line left through the top, and must not cross the chart some steps later."""
    loss = np.array([1.0, 1e200, np.inf, np.nan, np.nan])
    runner = Runner("SGD", 10.0, np.zeros((5, 2)), loss, np.inf, "diverges")
    (d,) = re.findall(r'<path d="M([^"]*)" [^>]*stroke="var\(--accent\)"', curves([runner], 4))
    heights = np.cumsum([float(v) for v in d.replace("l", " ").split()][1::2])
    assert heights.max() < CHART.top + CHART.height
    assert heights[2:].max() < 0
