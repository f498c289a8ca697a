"""The gate is green for every exercise, and it can fail: each kind of weak exercise is caught, with its culprit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from course import exercises
from course.check import gate
from course.cli import app
from course.exercises.exercise import Case, Draw, Exercise, Misconception, Property, mistakes

NAMES = [e.name for e in exercises.every()]


@pytest.mark.parametrize(("seed", "name"), enumerate(NAMES), ids=NAMES)
def test_sound(seed: int, name: str) -> None:
    """Each at a seed of its own; `course verify --seeds` tries more."""
    assert [str(c) for c in gate.verify([exercises.get(name)], [seed])] == []


# ------------------------------------------------------------------------------- a sound exercise, and how to spoil it


def double(x):
    return 2 * x


def twice(x):
    return x + x


def triple(x):
    """This is three times x."""
    return 3 * x


def half(x):
    """This is half of x."""
    return x / 2


def square(x):
    """This is x squared."""
    return x * x


def cases(draw: Draw) -> list[Case]:
    return [
        Case("three", (torch.tensor([3.0]),), "hand"),
        Case("a vector", (draw.normal(4),)),
        Case("a matrix", (draw.normal(2, 3),)),
    ]


SOUND = Exercise(
    name="planted.double",
    title="Twice as much",
    signature="double(x)",
    points=1,
    minutes=2,
    difficulty=1,
    reference=double,
    cases=cases,
    misconceptions=mistakes(triple, half, square),
    alternatives=(twice,),
    idea="Two of them are once more.",
    pseudocode="y ← x + x",
)


def planted(**changes: Any) -> Exercise:
    return dataclasses.replace(SOUND, **changes)


def only_two(draw: Draw) -> list[Case]:
    return [Case("two", (torch.tensor([2.0]),), "hand"), Case("two again", (2 + 0 * draw.normal(2),))]


def same_for_every_seed(draw: Draw) -> list[Case]:
    return cases(Draw(0))


def tiny(draw: Draw) -> list[Case]:
    return [Case("tiny", (1e-7 * draw.normal(3),), "hand"), Case("tiny, more", (1e-7 * draw.normal(5),))]


def squares_again(x):
    """This is x to the power of two."""
    return x**2


def crashes(x):
    raise RuntimeError("no answer today")


def negative(x):
    return -2 * x


def identity(x):
    return x


def a_list_for_matrices(x):
    return list(2 * x) if x.ndim > 1 else 2 * x


def always_positive(inputs: Any, answer: Any) -> str | None:
    return None if bool((answer >= 0).all()) else "must not be negative"


def raises(inputs: Any, answer: Any) -> str | None:
    raise KeyError("a property that stumbles")


def never(inputs: Any, answer: Any) -> bool:
    return False


def says_nothing(inputs: Any, answer: Any) -> str | None:
    return None


WEAK: dict[str, tuple[Exercise, str, str]] = {
    "reference rejected by its own property": (
        planted(properties=(Property("positive", always_positive),)),
        "a right answer is rejected",
        "reference",
    ),
    "one case, on which a mistake is right": (planted(cases=only_two), "a wrong answer survives", "square"),
    "inputs below the tolerance": (planted(cases=tiny), "a wrong answer survives", "triple"),
    "mistake without a name": (
        planted(misconceptions=(*SOUND.misconceptions, Misconception("unseen", "Nobody sees it.", negative, never))),
        "a misconception is not named",
        "unseen",
    ),
    "mistake taken for another": (
        planted(misconceptions=mistakes(triple, half, square, squares_again)),
        "a misconception is taken for square",
        "squares_again",
    ),
    "alternative rejected": (planted(alternatives=(twice, negative)), "a right answer is rejected", "negative"),
    "alternative crashes": (planted(alternatives=(crashes,)), "a right answer is rejected", "crashes"),
    "reference crashes": (planted(reference=crashes), "a right answer is rejected", "reference"),
    "stub passes": (
        planted(given=Misconception("as_given", "As given.", double)),
        "the stub is not seen as such",
        "stub",
    ),
    "impostor survives": (planted(reference=identity, alternatives=()), "an impostor survives", "echoes_argument_0"),
    "nothing judged but the form": (
        planted(compare=False, properties=(Property("nothing", says_nothing),), alternatives=()),
        "an impostor survives",
        "returns_zeros_of_the_right_shape",
    ),
    "replayed answers survive": (
        planted(compare=False, properties=(Property("nothing", says_nothing),), alternatives=()),
        "an impostor survives",
        "replays_answers_to_other_inputs",
    ),
    "form depends on the case": (
        planted(
            compare=False,
            properties=(Property("nothing", says_nothing),),
            reference=a_list_for_matrices,
            alternatives=(),
        ),
        "another form than in the first case",
        "a matrix",
    ),
    "too few mistakes": (planted(misconceptions=mistakes(triple, half)), "too few misconceptions", "exercise"),
    "two mistakes of one name": (planted(misconceptions=mistakes(triple, half, half)), "misconception twice", "half"),
    "seed has no effect": (
        planted(cases=same_for_every_seed),
        "inputs do not depend on the seed",
        "reference",
    ),
    "no first hint": (planted(idea=" "), "no hint", "idea"),
    "no second hint": (planted(pseudocode=""), "no hint", "pseudocode"),
    "an answer is shown that nobody proved": (planted(shown=negative), "an unproven answer is shown", "negative"),
    "no points": (planted(points=0), "bad description", "exercise"),
    "signature of another function": (planted(signature="triple(x)"), "bad description", "exercise"),
    "nothing to judge by": (planted(compare=False), "nothing is judged", "exercise"),
    "answers are no plain data": (planted(reference=lambda x: object()), "no plain data", "reference"),
}


def test_the_exercise_that_is_spoilt_below_is_sound() -> None:
    assert gate.verify([SOUND], range(3)) == []


@pytest.mark.parametrize("weakness", list(WEAK))
def test_the_gate_catches_a_weak_exercise(weakness: str) -> None:
    exercise, what, who = WEAK[weakness]
    found = gate.verify([exercise], [0, 1])
    assert (what, who) in {(c.what, c.who) for c in found}, [str(c) for c in found]
    assert all(c.exercise == "planted.double" for c in found)
    assert all(c.detail for c in found)


def test_a_property_that_stumbles_is_a_culprit_not_a_crash() -> None:
    found = gate.verify([planted(properties=(Property("stumbles", raises),))], [0])
    assert any(c.who == "reference" for c in found)
    assert any("a property that stumbles" in c.detail for c in found)


def test_a_mistake_that_one_seed_forgives_is_caught_at_that_seed() -> None:
    def forgiving(draw: Draw) -> list[Case]:
        return only_two(draw) if draw.generator.initial_seed() == 2 else cases(draw)

    found = [c for c in gate.verify([planted(cases=forgiving)], range(4)) if c.what == "a wrong answer survives"]
    assert [(c.seed, c.who) for c in found] == [(2, "square")]


def test_one_weak_exercise_does_not_hide_another() -> None:
    first, second = WEAK["too few mistakes"][0], WEAK["alternative rejected"][0]
    found = gate.verify([first, second], [0])
    assert {c.what for c in found} == {"too few misconceptions", "a right answer is rejected"}


def test_progress_is_told_once_per_exercise_and_seed() -> None:
    told: list[str] = []
    gate.verify([SOUND, planted(name="planted.twin", signature="twin(x)")], range(3), told.append)
    assert told == ["planted.double"] * 3 + ["planted.twin"] * 3


def test_culprits_are_plain_rows() -> None:
    (culprit,) = gate.verify([WEAK["too few mistakes"][0]], [0])
    assert set(json.loads(json.dumps(culprit.row()))) == {"exercise", "seed", "what", "who", "detail"}
    assert all(part in str(culprit) for part in ("planted.double", "too few misconceptions", "2 are known"))


# ------------------------------------------------------------------------------------------------ course verify


def verify(monkeypatch: pytest.MonkeyPatch, *registry: Exercise, arguments: tuple[str, ...] = ()) -> Any:
    monkeypatch.setattr(exercises, "every", lambda: registry)
    return CliRunner().invoke(app, ["verify", "--seeds", "2", *arguments])


def test_the_command_exits_0_for_sound_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    result = verify(monkeypatch, SOUND)
    assert result.exit_code == 0, result.output
    assert "2 right answers pass" in " ".join(result.output.split())
    assert "3 mistakes fail" in " ".join(result.output.split())


@pytest.mark.parametrize("weakness", ["one case, on which a mistake is right", "alternative rejected", "stub passes"])
def test_the_command_exits_1_and_names_the_culprit(weakness: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exercise, what, who = WEAK[weakness]
    result = verify(monkeypatch, SOUND, exercise)
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert exercise.name in output
    assert what in output
    assert who in output


def test_the_command_writes_culprits_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    exercise, what, who = WEAK["alternative rejected"]
    result = verify(monkeypatch, exercise, arguments=("--json", str(tmp_path / "rows.json")))
    assert result.exit_code == 1
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert {(r["what"], r["who"]) for r in rows} == {(what, who)}
    assert [p.name for p in tmp_path.iterdir()] == ["rows.json"], "no temporary file is left"


def test_json_on_standard_output_is_nothing_but_json(monkeypatch: pytest.MonkeyPatch) -> None:
    exercise, what, _ = WEAK["alternative rejected"]
    result = verify(monkeypatch, exercise, arguments=("--json", "-"))
    assert result.exit_code == 1
    assert {r["what"] for r in json.loads(result.stdout)} == {what}
    assert json.loads(verify(monkeypatch, SOUND, arguments=("--json", "-")).stdout) == []
