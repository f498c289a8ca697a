import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.regularization import l2_objective
from course.widgets import RegularizationPath
from course.widgets.regularization import CHART, EXPONENTS, WRONG, _pictures, path, picture

KNOBS = RegularizationPath.knobs()
states = st.fixed_dictionaries({name: st.sampled_from(knob.values) for name, knob in KNOBS.items()})


def at(log_lam):
    return EXPONENTS.index(log_lam)


@pytest.mark.parametrize("wrong", ["none", "30 %"])
def test_each_point_of_the_path_is_the_minimum_of_the_objective(wrong):
    """The gradient of R vanishes: computed by autograd from the objective that the exercise teaches."""
    n, found = 50, path(50, wrong)
    generator = torch.Generator().manual_seed(6)
    x, y = _pictures("train")
    chosen = torch.randperm(len(x), generator=generator)[:n]
    bad = torch.randperm(n, generator=generator)[: round((0 if wrong == "none" else 0.3) * n)]
    shifts = torch.randint(1, 10, (n,), generator=generator)
    y = y[chosen].clone()
    y[bad] = (y[bad] + shifts[bad]) % 10
    target = torch.eye(10, dtype=torch.float64)[y]
    inputs = x[chosen] - x[chosen].mean(0)
    for i in (8, 16, 24):
        w = found.weights[i].clone().requires_grad_()
        b = target.mean(0).requires_grad_()
        loss = 0.5 * (inputs @ w + b - target).square().sum(1).mean()
        torch.testing.assert_close(loss.detach(), found.loss[i])
        grads = torch.autograd.grad(l2_objective(loss, [w], 10 ** EXPONENTS[i]), (w, b))
        assert max(g.abs().max() for g in grads) < 1e-9


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(KNOBS["n"].values), st.sampled_from(WRONG))
def test_along_the_path_weights_shrink_and_the_loss_grows(n, wrong):
    found = path(n, wrong)
    assert (found.half_norm.diff() < 0).all()
    assert (found.loss.diff() > -1e-12).all()


def test_a_preset_shows_what_it_says():
    shown = {name: (preset, path(preset["n"], preset["wrong"])) for name, preset in RegularizationPath.presets.items()}
    preset, found = shown["Learned by heart"]
    assert found.training[at(preset["log_lam"])] < 0.05
    assert found.validation[at(preset["log_lam"])] > found.validation.min() + 0.15
    preset, found = shown["Just right"]
    assert found.validation.argmin() == at(preset["log_lam"])
    preset, found = shown["Too much"]
    assert found.validation[at(preset["log_lam"])] > 0.85
    preset, found = shown["Right labels"]
    assert found.validation[at(preset["log_lam"])] < found.validation.min() + 0.01
    preset, found = shown["Much data"]
    assert found.validation[0] < found.validation.min() + 0.01, "no decay is needed"


def test_more_wrong_labels_want_more_decay():
    best = [EXPONENTS[int(path(100, wrong).validation.argmin())] for wrong in ("none", "30 %", "50 %")]
    assert best == sorted(best)
    assert best[0] < best[-1]


@pytest.mark.filterwarnings("error")
@given(states)
@settings(max_examples=15, deadline=None)
def test_every_state_has_a_picture_and_a_sentence(state):
    figure = picture(**state)
    ET.fromstring(figure.svg())
    assert not any(word in figure.svg().split("base64")[0] for word in ("nan", "inf", "None"))
    assert f"{state['n']} digits" in figure.caption
    assert figure == picture(**state)


def test_the_lines_differ_without_colour():
    lines = ET.fromstring(f"<g>{picture().panels[1].back}</g>").iter("path")
    dashes = {e.get("stroke"): e.get("stroke-dasharray") for e in lines if e.get("fill") == "none"}
    assert dashes["var(--cool)"] != dashes["var(--accent)"]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"log_lam": float("nan")}, "log_lam"),
        ({"log_lam": 3.0}, "log_lam"),
        ({"n": 5}, "10 ≤ n"),
        ({"wrong": "most"}, "wrong among"),
        ({"digit": "12"}, "a digit"),
    ],
)
def test_a_bad_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        picture(**state)


def test_the_widget_shows_the_picture_of_its_knobs_and_can_be_dragged():
    widget = RegularizationPath(n=300, wrong="none")
    assert widget.figure() == picture(**widget.state)
    widget.log_lam = 1.0
    assert widget.figure() == picture(**widget.state)
    assert [KNOBS["log_lam"].values[0], KNOBS["log_lam"].values[-1]] == RegularizationPath.drag["xs"] == list(CHART.x)


def test_a_class_that_no_label_names_has_no_weights_to_magnify():
    figure = picture(n=20, wrong="30 %", digit="3")
    assert "No training digit has label 3" in figure.panels[0].back
    assert "10⁻¹²" not in figure.svg()
