"""What every exercise of every section must be."""

from __future__ import annotations

import copy
import inspect
import math
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from course import exercises
from course.check.evidence import plan, run

NAMES = [e.name for e in exercises.every()]


@pytest.fixture(params=NAMES)
def exercise(request: pytest.FixtureRequest) -> exercises.Exercise:
    return exercises.get(request.param)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        yield from chain.from_iterable(map(leaves, value))
    elif isinstance(value, dict):
        yield from chain.from_iterable(map(leaves, value.values()))
    else:
        yield value


def fingerprint(value: Any) -> Any:
    """Byte for byte, with dtypes and shapes."""
    if isinstance(value, Tensor):
        return (str(value.dtype), tuple(value.shape), value.numpy().tobytes())
    if isinstance(value, list | tuple):
        return [fingerprint(v) for v in value]
    return (type(value).__name__, repr(value))


# ------------------------------------------------------------------------------------------------- registry


def test_registry() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 7
    assert "descent" in exercises.sections()
    assert [e.name for s in exercises.sections() for e in exercises.of_section(s)] == NAMES
    assert all(exercises.get(n).name == n for n in NAMES)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("descent.gd_stpe", "descent.gd_step"),
        ("gd_step", "descent.gd_step"),
        ("schedules.momentum_step", "descent.momentum_step"),
        ("descent.cross-entropy", "descent.cross_entropy"),
        ("zzz", "descent.train"),
        ("", "descent.train"),
        (None, "descent.train"),
    ],
)
def test_unknown_names_list_near_ones(asked: Any, near: str) -> None:
    with pytest.raises(exercises.UnknownExercise, match=re.escape(near)) as caught:
        exercises.get(asked)
    assert isinstance(caught.value, LookupError)
    assert "\n" not in str(caught.value)


def test_unknown_sections_list_the_sections() -> None:
    with pytest.raises(exercises.UnknownExercise, match="descent"):
        exercises.of_section("decent")


def test_mistakes_need_a_sentence() -> None:
    def silent(w: Any) -> Any:
        return w

    with pytest.raises(ValueError, match="silent"):
        exercises.mistakes(silent)


# ---------------------------------------------------------------------------------------------- description


def test_name_title_points(exercise: exercises.Exercise) -> None:
    assert re.fullmatch(r"[a-z]+\.[A-Za-z][A-Za-z0-9_]*", exercise.name)
    assert exercise.title
    assert exercise.title[0].isupper()
    assert not exercise.title.endswith(".")
    assert len(exercise.title) <= 45
    assert exercise.points in (1, 1.5, 2, 3, 4, 5)
    assert 2 <= exercise.minutes <= 40
    assert exercise.difficulty in (1, 2, 3)
    assert 0.5 <= exercise.seconds <= 30
    # hog accepts any tiny ε, wherever it stands: on faint pictures that shows in the fourth digit
    assert 0 < exercise.rtol <= (1.5e-3 if exercise.name == "features.hog" else 1e-3)
    assert 0 < exercise.atol <= 1e-3


def test_harder_exercises_take_no_less_time_than_warm_ups() -> None:
    by_difficulty = {d: [e.minutes for e in exercises.every() if e.difficulty == d] for d in (1, 3)}
    assert max(by_difficulty[1]) <= min(by_difficulty[3])


def test_the_signature_is_how_the_function_is_called(exercise: exercises.Exercise) -> None:
    head, arguments = re.fullmatch(r"(\w+)\(([\w, ]+)\)", exercise.signature).groups()  # type: ignore[union-attr]
    names = arguments.split(", ")
    assert head == exercise.function
    called: list[tuple[Any, ...]] = []

    def listens(*args: Any, **kwargs: Any) -> Any:
        assert not kwargs
        called.append(args)
        return exercise.reference(*args)

    run(exercise, listens, exercise.draw(0)[:1])
    assert {len(args) for args in called} == {len(names)}
    for function in (exercise.reference, *exercise.alternatives, *(m.implementation for m in exercise.misconceptions)):
        parameters = list(inspect.signature(function).parameters.values())
        needed = [p for p in parameters if p.default is p.empty]
        assert [p.name for p in parameters][: len(names)] == names, function
        assert len(needed) <= len(names), function


def test_inputs_have_the_names_of_the_drive(exercise: exercises.Exercise) -> None:
    assert all(len(case.inputs) == len(exercise.arguments) for case in exercise.draw(0))
    assert exercise.may_edit <= set(exercise.arguments)


def test_layers_start_and_end_alike(exercise: exercises.Exercise) -> None:
    assert exercise.layers[:2] == ("runs", "shape and type")
    assert exercise.layers[-1] == "side effects"
    assert ("properties" in exercise.layers) == bool(exercise.properties)
    kinds = [c.kind for c in exercise.draw(0)]
    if exercise.compare:
        assert kinds.count("hand") >= 1
        assert kinds.count("varied") >= 2
    assert kinds == sorted(kinds, key=("hand", "varied").index), "cases by hand come first"


def sentences(exercise: exercises.Exercise) -> list[str]:
    known = (*exercise.misconceptions, *((exercise.given,) if exercise.given else ()))
    return [m.sentence for m in known] + ([exercise.note] if exercise.note else [])


def test_sentences_can_be_read(exercise: exercises.Exercise) -> None:
    for text in sentences(exercise):
        assert text[0].isupper() or text[0] in "αβΔηε" or text.split()[0].isidentifier() or "(" in text.split()[0], text
        assert text[-1] in ".?!", f"no full stop: {text}"
        assert 20 <= len(text) <= 200, text
        assert "  " not in text, text
        assert "\n" not in text, text
        assert text.count("`") % 2 == 0, text
        assert text.count("(") == text.count(")"), text


def test_mistakes_have_names_of_their_own(exercise: exercises.Exercise) -> None:
    names, texts = [m.name for m in exercise.misconceptions], [m.sentence for m in exercise.misconceptions]
    assert len(set(names)) == len(names) >= 3
    assert len(set(texts)) == len(texts)
    assert all(n.isidentifier() for n in names)
    assert not set(names) & {a.__name__ for a in exercise.alternatives}
    assert len(exercise.alternatives) >= 2


def test_labels_and_properties_can_be_read(exercise: exercises.Exercise) -> None:
    labels = [c.label for c in exercise.draw(0)]
    assert len(set(labels)) == len(labels)
    assert all(3 <= len(text) <= 70 for text in (*labels, *(p.name for p in exercise.properties)))


def test_the_module_and_the_drive_are_described(exercise: exercises.Exercise) -> None:
    for thing in (inspect.getmodule(exercise.cases), exercise.drive, exercise.cases):
        text = " ".join((inspect.getdoc(thing) or "").split())
        assert text.endswith("."), thing


# -------------------------------------------------------------------------------------------------- inputs


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_the_same_seed_draws_the_same_bytes(exercise: exercises.Exercise, seed: int) -> None:
    torch.manual_seed(1)
    first = [(c.label, c.kind, fingerprint(c.inputs)) for c in exercise.draw(seed)]
    torch.manual_seed(2)
    second = [(c.label, c.kind, fingerprint(c.inputs)) for c in exercise.draw(seed)]
    assert first == second


@pytest.mark.parametrize("setting", ["dtype", "device"])
def test_torchs_defaults_do_not_change_the_inputs(exercise: exercises.Exercise, setting: str) -> None:
    """A student's notebook may set them; the grader, elsewhere, plans the same inputs from the same seed."""
    before = [fingerprint(c.inputs) for c in plan(exercise, 5)]
    try:
        torch.set_default_dtype(torch.float64) if setting == "dtype" else torch.set_default_device("meta")
        cases = plan(exercise, 5)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert [fingerprint(c.inputs) for c in cases] == before


def test_different_seeds_draw_different_inputs(exercise: exercises.Exercise) -> None:
    drawn = [[fingerprint(c.inputs) for c in exercise.draw(seed)] for seed in range(4)]
    assert all(a != b for i, a in enumerate(drawn) for b in drawn[:i])
    varied = [[fingerprint(c.inputs) for c in exercise.draw(seed) if c.kind == "varied"] for seed in (0, 1)]
    moved = sum(a != b for a, b in zip(*varied, strict=True))
    assert moved >= 2, "at least two varied cases differ from seed to seed"


def test_drawing_leaves_the_global_generator_alone(exercise: exercises.Exercise) -> None:
    before = torch.get_rng_state()
    exercise.draw(3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", [0, 7])
def test_inputs_are_plain_data(exercise: exercises.Exercise, seed: int) -> None:
    for case in exercise.draw(seed):
        assert fingerprint(copy.deepcopy(case.inputs)) == fingerprint(case.inputs)
        for leaf in leaves(case.inputs):
            assert type(leaf) in (bool, int, float, str, Tensor), leaf
            if isinstance(leaf, Tensor):
                assert not leaf.requires_grad
                assert leaf.is_contiguous()
                assert leaf.device.type == "cpu"
                assert bool(torch.isfinite(leaf.double()).all())
                assert fingerprint(load(save({"x": leaf}))["x"]) == fingerprint(leaf)
            elif isinstance(leaf, float):
                assert math.isfinite(leaf)


def test_the_two_tensors_of_a_case_share_no_memory(exercise: exercises.Exercise) -> None:
    """Otherwise editing one argument in place would look like editing another."""
    for case in exercise.draw(0):
        tensors = [leaf for leaf in leaves(case.inputs) if isinstance(leaf, Tensor) and leaf.numel()]
        places = [t.untyped_storage().data_ptr() for t in tensors]
        assert len(set(places)) == len(places)


@pytest.mark.parametrize("seed", [0, 1])
def test_reference_answers_are_finite(exercise: exercises.Exercise, seed: int) -> None:
    for seen in run(exercise, exercise.reference, plan(exercise, seed)):
        assert seen.error is None, seen.message
        assert not seen.printed
        assert not seen.warned
        assert not set(seen.edited)
        for leaf in leaves(seen.answer):
            assert bool(torch.isfinite(torch.as_tensor(leaf, dtype=torch.float64)).all())


def test_one_check_is_quick(exercise: exercises.Exercise) -> None:
    """A class of two hundred is graded in minutes: the reference's share of one check stays under 0.2 s."""
    run(exercise, exercise.reference, exercise.draw(0))
    assert min(sum(o.seconds for o in run(exercise, exercise.reference, plan(exercise, s))) for s in range(3)) < 0.2
