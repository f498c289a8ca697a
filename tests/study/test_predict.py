"""Predictions: each answer follows from the numbers, and a card says what was predicted beside what was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from course import effects
from course.effects import Picture, Prediction
from course.study import NoPrediction, predict

LEDGER = Path(__file__).parents[2] / "docs" / "ledger.json"
ASKING = [e for e in effects.every() if e.prediction]


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, float]]:
    """Means over the ledger's seeds, by experiment."""
    rows = json.loads(LEDGER.read_text(encoding="utf-8"))
    return {row["effect"]: {name: value[0] for name, value in row["numbers"].items()} for row in rows}


def test_each_section_from_01_on_asks_at_least_once():
    assert {e.section for e in ASKING} >= set(effects.sections()) - {"tour"}


@pytest.mark.parametrize("effect", ASKING, ids=[e.name for e in ASKING])
def test_the_answer_follows_from_the_numbers(effect, measured):
    """The ledger's means and numbers that are far off give different answers; all are options."""
    asked, numbers = effect.prediction, measured[effect.name]
    right = asked.answer(numbers)
    others = {
        asked.answer({**numbers, name: other})
        for name, value in numbers.items()
        for other in (0.0, value / 50, 50 * value + 1, -value)
    }
    assert others - {right}, "no number changes this answer"
    assert {right, *others} <= set(range(len(asked.options)))
    assert len(set(asked.options)) == len(asked.options) >= 3
    assert asked.told(numbers) != asked.told({name: 2 * value + 1 for name, value in numbers.items()})
    assert asked.options[right] not in asked.question


def test_the_right_option_is_not_always_in_the_same_place(measured):
    assert len({e.prediction.answer(measured[e.name]) for e in ASKING}) >= 2


@pytest.fixture
def guess():
    """A question about a quick experiment whose third option comes true; its figure is left out."""
    made = predict("pixels.fragile")
    made.effect = replace(made.effect, draw=lambda _: Picture(None, "A figure."))
    return made


def test_with_a_prediction_both_are_shown(guess):
    for option, verdict in ((0, "a surprise"), (2, "as predicted")):
        guess.choose(option)
        shown = guess.show()
        assert verdict in repr(shown)
        assert guess.prediction.options[option] in repr(shown.card)
        assert guess.prediction.options[2] in repr(shown.card)
        assert "%" in repr(shown.card)
        assert shown._repr_html_().startswith("<p>A figure.</p>")
    for wrong in (3, "A", None, True):
        with pytest.raises(ValueError, match=r"0 … 2 \(A is 0, C is 2\)"):
            guess.choose(wrong)


def test_without_one_the_answer_is_folded(guess):
    before, folded = guess.show()._repr_html_().split("<details")
    assert "A figure." in folded, "the picture would give it away"
    assert "A figure." not in before
    assert [before.count(option) for option in guess.prediction.options] == [1, 1, 1]
    assert [folded.count(option) for option in guess.prediction.options] == [0, 0, 1]
    assert guess.prediction.question[:30] in before


def test_without_a_front_end_the_question_can_be_read(guess):
    data, _ = guess._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    for form in ("text/html", "text/plain"):
        assert all(option in data[form] for option in guess.prediction.options)
    assert "<details" not in data["text/html"], "nothing is measured yet"


def test_while_nbgrader_runs_it_is_skipped(guess, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert "skipped" in guess._repr_mimebundle_()["text/plain"]
    guess.effect = replace(guess.effect, run=lambda _: pytest.fail("run"), draw=lambda _: pytest.fail("drawn"))
    assert guess.show().card is None


def test_the_measured_side_comes_from_this_run(guess):
    asked = Prediction("Which?", ("a", "b", "c"), lambda n: int(n["k"]), lambda n: f"k = {n['k']:g}")
    guess.prediction = asked
    guess.effect = replace(guess.effect, run=lambda seed: {"k": float(seed)})
    assert [repr(guess.show(seed).card).splitlines()[-1] for seed in (0, 1)] == [
        "Measured: a. k = 0",
        "Measured: b. k = 1",
    ]


def test_unknown_ones_are_explained():
    with pytest.raises(NoPrediction, match=r"pixels\.fragile"):
        predict("tour.texture")
    with pytest.raises(effects.UnknownEffect, match=r"descent\.local_minimum"):
        predict("descent.local_minimun")
