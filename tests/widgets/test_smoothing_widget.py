import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import digits
from course.descent import SGD
from course.smoothing import expected_calibration_error, log_odds_gap, smooth_labels, soft_cross_entropy
from course.widgets import SmoothingExplorer
from course.widgets.smoothing import ALPHA, BINS, EPS, ERROR, LEADS, RATE, STEPS, TRUE, K, losses, picture, trained

KNOBS = SmoothingExplorer.knobs()
states = st.fixed_dictionaries({name: st.sampled_from(knob.values) for name, knob in KNOBS.items()})

# What the notebook says about each preset: how sure the classifier is.
STORY = {
    "One-hot": "so too sure",
    "A little": "so not sure enough",
    "Too much": "so not sure enough",
    "Wrong labels": "so too sure",
    "Wrong labels, smoothed": "so about right",
}


def test_every_preset_has_its_story():
    assert list(STORY) == list(SmoothingExplorer.presets)


@pytest.mark.parametrize("name", STORY)
def test_a_preset_shows_what_it_says(name):
    preset = SmoothingExplorer.presets[name]
    assert STORY[name] in picture(**preset).caption
    assert set(preset) == set(KNOBS), "a preset that leaves a knob alone shows something else each time"
    if preset["eps"]:
        assert abs(preset["lead"] - log_odds_gap(preset["eps"], K)) < 0.15


def test_a_little_smoothing_helps_and_more_is_needed_with_wrong_labels():
    clean, wrong = (trained(tuple(EPS), share, 100) for share in (0, 30))
    best = [EPS[int(t.error.argmin())] for t in (clean, wrong)]
    assert 0 < best[0] <= 0.1 < best[1]
    for t in (clean, wrong):
        assert (t.confidence.diff() < 0.01).all()


def test_the_classifiers_are_trained_by_the_loss_of_the_course():
    (x, y), (xt, yt) = ((a.flatten(1) * 2 - 1, b) for a, b in map(digits, ("train", "test")))
    kept = torch.randperm(len(x), generator=torch.Generator().manual_seed(8))[:50]
    w = torch.nn.Parameter(torch.zeros(64, K))
    optimizer = SGD([w], RATE, ALPHA)
    for _ in range(STEPS):
        optimizer.zero_grad()
        soft_cross_entropy(x[kept] @ w, smooth_labels(y[kept], K, 0.2)).backward()
        optimizer.step()
    error = expected_calibration_error((xt @ w).softmax(1).detach(), yt, BINS)
    torch.testing.assert_close(trained(tuple(EPS), 0, 50).error[EPS.index(0.2)], error, rtol=1e-3, atol=1e-4)


def test_the_loss_is_least_at_the_gap():
    leads = torch.linspace(-2, 12, 1401, dtype=torch.float64)
    for eps in (0.05, 0.2, 0.6):
        assert abs(leads[losses(leads, eps).argmin()] - log_odds_gap(eps, K)) < 0.006
    assert losses(leads, 0.0).argmin() == len(leads) - 1


@pytest.mark.filterwarnings("error")  # a warning would land on stderr, in the notebook
@given(states)
@settings(max_examples=25, deadline=None)
def test_every_state_has_a_picture_and_a_sentence(state):
    figure = picture(**state)
    ET.fromstring(figure.svg())
    assert not any(word in figure.svg() for word in ("nan", "inf", "None"))
    assert figure.caption.startswith("ε = ")
    assert "calibration error" in figure.caption
    assert figure == picture(**state)


def test_the_target_is_drawn_as_it_is():
    front = ET.fromstring(f"<g>{picture(eps=0.2).panels[0].front}</g>")
    heights = [float(bar.get("height")) for bar in front.iter("rect")]
    assert len(heights) == K
    assert heights[TRUE] / heights[0] == pytest.approx(0.8 / (0.2 / 9), rel=0.05)


def test_an_eps_between_the_stops_is_trained_too():
    assert picture(eps=0.123).caption.startswith("ε = 0.123")


@pytest.mark.parametrize("state", [{"eps": 0.7}, {"eps": -0.1}, {"lead": float("nan")}, {"wrong": 95}, {"pictures": 3}])
def test_a_bad_state_is_refused(state):
    with pytest.raises(ValueError, match=r"ε in \[0, 0.6\]"):
        picture(**state)


def test_the_widget_shows_the_picture_of_its_knobs():
    widget = SmoothingExplorer(eps=0.4, wrong=30)
    assert widget.figure() == picture(**widget.state)
    back = widget.back
    widget.eps = 0.05
    assert widget.figure() == picture(**widget.state)
    assert widget.back == back
    assert widget.lead in LEADS


def test_the_chart_can_be_dragged_from_edge_to_edge():
    assert SmoothingExplorer.drag["xs"] == [EPS[0], EPS[-1]] == list(ERROR.x)
