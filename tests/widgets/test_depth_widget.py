import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course.depth import expected_depth, survival_probabilities
from course.widgets import BlockLights
from course.widgets.depth import GRID, STEPS, draws, picture

KNOBS = BlockLights.knobs()
states = st.fixed_dictionaries({name: st.sampled_from(knob.values) for name, knob in KNOBS.items()})

# What each preset shows: words of its caption.
STORY = {
    "Linear, to one half": ("along a line to 0.5", "expected, Σp: 8.8"),
    "The same for all": ("p = 0.5 for all", "expected, Σp: 6.0"),
    "An ordinary ResNet": ("none is left out", "the same network each time"),
    "54 blocks": ("40 different networks", "expected, Σp: 40.2"),
    "Down to nothing": ("along a line to 0.", "expected, Σp: 5.5"),
}


def test_every_preset_has_its_story():
    assert list(STORY) == list(BlockLights.presets)


@pytest.mark.parametrize("name", STORY)
def test_a_preset_shows_what_it_says(name):
    preset = BlockLights.presets[name]
    assert all(words in picture(**preset).caption for words in STORY[name]), picture(**preset).caption
    assert set(preset) == set(KNOBS), "a preset that leaves a knob alone shows something else each time"


def test_the_probabilities_are_those_of_the_library():
    found = draws("linear", 9, 0.5, 0)
    np.testing.assert_allclose(found.survival, survival_probabilities(9, 0.5))
    assert found.expected == pytest.approx(expected_depth(survival_probabilities(9, 0.5)).item())
    assert found.probable @ np.arange(10) == pytest.approx(found.expected)
    assert found.gates.shape == (STEPS, 9)


def test_blocks_survive_as_often_as_they_should():
    gates = np.concatenate([draws("linear", 6, 0.4, seed).gates for seed in range(50)])
    p = survival_probabilities(6, 0.4).numpy()
    assert (np.abs(gates.mean(0) - p) < 5 * np.sqrt(p * (1 - p) / len(gates))).all()


@pytest.mark.filterwarnings("error")  # a warning would land on stderr, in the notebook
@given(states)
@settings(max_examples=30, deadline=None)
def test_every_state_has_a_picture_and_a_sentence(state):
    figure = picture(**state)
    ET.fromstring(figure.svg())
    assert not any(word in figure.svg() for word in ("nan", "inf", "None"))
    gates = draws(*(state[k] for k in ("rule", "blocks", "p_last", "seed"))).gates
    assert f"Step {state['step']}: {gates[state['step'] - 1].sum()} active" in figure.caption
    assert figure == picture(**state)


def test_each_active_block_is_lit():
    gates = draws("linear", 12, 0.5, 0).gates[:30]
    lit = ET.fromstring(f"<g>{picture(step=30).panels[0].front}</g>").find("path").get("d")
    assert lit.count("M") == gates.sum()


@pytest.mark.parametrize(
    "state", [{"rule": "square"}, {"step": 0}, {"step": 41}, {"blocks": 0}, {"p_last": 1.1}, {"seed": -1}]
)
def test_a_bad_state_is_refused(state):
    with pytest.raises(ValueError, match="need a rule"):
        picture(**state)


def test_the_widget_shows_the_picture_of_its_knobs():
    widget = BlockLights(blocks=9, p_last=0.2)
    assert widget.figure() == picture(**widget.state)
    back = widget.back
    widget.step = 7
    assert widget.figure() == picture(**widget.state)
    assert widget.back == back, "the ground is sent once"
    widget.blocks = 18
    assert widget.back != back


def test_the_grid_can_be_dragged_from_edge_to_edge():
    assert BlockLights.drag["xs"] == list(GRID.x)
    assert KNOBS["step"].values == list(range(1, STEPS + 1))


def test_one_is_one():
    assert picture(blocks=1, step=1).caption.startswith("1 block, p falls")
    assert picture(step=1).caption.endswith("In 1 step: one network.")
    assert "p = 1 for all" in picture(p_last=1.0).caption, "a line that does not fall"
