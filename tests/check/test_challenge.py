"""Challenges: points by thresholds, what is refused, and how it reads."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from course import exercises
from course.check import CheckFailed, check
from course.check.challenge import attempt, enter, measured
from course.check.observe import Observation
from course.check.report import VERDICT_MIME
from course.exercises.recipe.best_recipe import CHALLENGE, _rebuilt, baseline
from course.grading.verdict.wire import decode, encode
from course.recipe import Budget, Network


def short(x, y, budget, generator):
    """Hardly trained."""
    budget.spend(budget.left - 300)
    return baseline(x, y, budget, generator)


def test_points_come_in_steps():
    assert CHALLENGE.points == 8
    assert [CHALLENGE.worth(s) for s in (0.0, 0.8399, 0.84, 0.869, 0.87, 1.0)] == [0, 0, 2, 6, 8, 8]


def test_it_is_found_by_name_but_is_no_exercise():
    assert exercises.get("recipe.best_recipe") is CHALLENGE
    assert CHALLENGE not in exercises.every()
    assert exercises.challenges("descent") == ()


def test_an_entry_is_measured_and_repeatable():
    first, again = (check(CHALLENGE.name, short, seed=5) for _ in range(2))
    assert first.row() == again.row()
    assert 0.2 < first.score < 0.95
    assert repr(first) == repr(first.points)
    assert first._repr_mimebundle_()[VERDICT_MIME]["score"] == first.score
    assert "12 000 of 12 000" in first.sentence
    assert check(CHALLENGE.name, short, seed=6).score != first.score


def test_nothing_that_is_handed_over_tells_the_test():
    told, tested = [], []

    def asking(x, y, budget, generator):
        told.extend([generator.initial_seed(), torch.initial_seed()])

    def noting(packed, generator):
        tested.append(generator.initial_seed())
        return 0.0, ""

    enter(dataclasses.replace(CHALLENGE, pack=lambda *_: {}, measure=noting), asking, 5)
    assert len(told) == 2
    assert not {5, *tested} & set(told)


def test_the_step_reached_decides():
    easy = dataclasses.replace(CHALLENGE, steps=((0.0, 1.0), (1.0, 5.0)))
    entry = enter(easy, short, 1)
    assert (entry.status, entry.points) == ("partial", 1.0)
    assert "100 % would be worth 5 points" in entry.sentence
    assert enter(dataclasses.replace(CHALLENGE, steps=((0.0, 8.0),)), short, 1).passed


def second_budget(x, y, budget, generator):
    return Network(Budget(), generator)


def trained_elsewhere(x, y, budget, generator):
    other = Network(Budget(), generator)
    other(x)
    mine = Network(budget, generator)
    mine.load_state_dict(other.state_dict())
    return mine


def in_parts(x, y, budget, generator):
    network = Network(budget, generator)
    for _ in range(41):
        network.head(network.body(x))
    return network


def too_much(x, y, budget, generator):
    network = Network(budget, generator)
    for _ in range(41):
        network(x)
    return network


def recount(x, y, budget, generator):
    budget.pictures = 10**6
    return too_much(x, y, budget, generator)


def rebuilt(x, y, budget, generator):
    network = Network(budget, generator)
    network.body[0] = torch.nn.Conv2d(3, 16, 3, padding=1)  # one that does not pay
    return network


def of_another_kind(x, y, budget, generator):
    class Constant(Network):
        def forward(self, x):
            return torch.eye(3)[torch.zeros(len(x), dtype=torch.long)]

    return Constant(budget, generator)


def own_norm(x, y, budget, generator):
    class Zero(torch.nn.BatchNorm2d):
        def forward(self, x):
            return 0 * x

    return Network(budget, generator, Zero)


def not_finite(x, y, budget, generator):
    network = Network(budget, generator)
    torch.nn.init.constant_(network.head.bias, float("nan"))
    return network


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *_: None, "return the trained network"),
        (lambda *_: torch.nn.Linear(1, 1), "type Linear"),
        (second_budget, "second budget"),
        (trained_elsewhere, "second budget"),
        (too_much, "BudgetSpent"),
        (in_parts, "BudgetSpent"),
        (recount, "counter was changed"),
        (rebuilt, "rebuilt"),
        (of_another_kind, "rebuilt"),
        (not_finite, "finite"),
        (own_norm, "there is a Zero"),
        (lambda *_: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_is_refused(function, said):
    entry = enter(CHALLENGE, function, 0)
    assert (entry.status, entry.points, entry.score) == ("failed", 0.0, None)
    assert said in entry.sentence
    assert said.split()[0] in entry.html()


@pytest.mark.parametrize(
    "norm",
    [
        None,
        torch.nn.BatchNorm2d,
        lambda n: torch.nn.GroupNorm(4, n, eps=1e-3),
        lambda n: torch.nn.InstanceNorm2d(n, affine=True),
        lambda n: torch.nn.BatchNorm2d(n, affine=False),
    ],
)
def test_what_is_packed_is_built_again_and_answers_alike(norm):
    """In grading, a network is measured in another process than the one that trained it."""
    trained = []

    def brief(x, y, budget, generator):
        trained.append(Network(budget, generator, norm))
        trained[0](x[:50]).sum().backward()
        return trained[0]

    (seen,) = decode(encode([attempt(CHALLENGE, brief, 3)]), 1)
    assert seen.error is None, seen.message
    network, used = _rebuilt(seen.answer)
    assert used == 50
    x = torch.rand(20, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(network.eval()(x), trained[0].eval()(x))


@pytest.mark.parametrize(
    "forged",
    [
        {},
        [],
        None,
        1.0,
        {"norms": [], "weights": {}, "used": 0},
        {"norms": [{"kind": "Sequential"}] * 4, "weights": {}, "used": 0},
        {"norms": [{"kind": "Identity"}] * 4, "weights": {"head.weight": torch.ones(3)}, "used": 0},
        {"norms": [{"kind": "Identity"}] * 4, "weights": [1], "used": "x"},
    ],
)
def test_a_forged_network_earns_nothing(forged):
    entry = measured(CHALLENGE, Observation(answer=forged), 1)
    assert (entry.points, entry.score) == (0.0, None)
    assert "no network of this challenge" in entry.sentence
    assert "names and shapes" in entry.sentence


def test_a_stub_is_calmly_unwritten_and_time_is_limited():
    def stub(*_):
        raise NotImplementedError

    def forever(*_):
        while True:
            pass

    assert enter(CHALLENGE, stub, 0).status == "unwritten"
    assert "within 0.2 seconds" in enter(dataclasses.replace(CHALLENGE, seconds=0.2), forever, 0).sentence
    with pytest.raises(TypeError, match="Leave out the parentheses"):
        check(CHALLENGE.name, 3)


def test_grading_raises_for_nothing(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(CheckFailed, match="best_recipe: Nothing came back"):
        check(CHALLENGE.name, lambda *_: None)
