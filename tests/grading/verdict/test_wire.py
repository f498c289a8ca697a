"""Answers travel unharmed, and whatever else comes out of a sandbox is refused."""

from __future__ import annotations

import json
import math
import pickle
import random
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course import exercises
from course.check.answers import Foreign, same
from course.check.evidence import plan, run
from course.check.judge import judge
from course.check.observe import Observation
from course.grading.verdict import MAX_BYTES, wire
from course.grading.verdict.wire import Malformed, decode, encode

TYPES = sorted(wire.TYPES | set(wire.PAIRS), key=str)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["ä\x00\ud800", "</script>"]),
    st.builds(Foreign, st.text(max_size=10)),
    st.builds(
        lambda kind, shape: torch.randint(0, 2, shape).to(kind),
        st.sampled_from(TYPES),
        st.lists(st.integers(0, 3), max_size=3),
    ),
    st.builds(lambda kind: np.arange(6).reshape(2, 3).astype(kind), st.sampled_from(["f4", "f8", "i2", "u1", "?"])),
)
answers = st.recursive(leaves, lambda x: st.one_of(st.lists(x, max_size=3), st.dictionaries(st.text(), x, max_size=3)))


def strange(answer: Any) -> bool:
    """Whether there is something in it that no reference returns, so that `same` does not know it."""
    if isinstance(answer, list | dict):
        return any(map(strange, answer.values() if isinstance(answer, dict) else answer))
    return isinstance(answer, Foreign | np.ndarray) or (torch.is_tensor(answer) and answer.is_complex())


def one(**more: Any) -> bytes:
    """An observation, as a process would send it."""
    return encode([Observation(**more)])


def forged(**changes: Any) -> bytes:
    """The same with other fields than `encode` would write."""
    header = json.loads(wire._metadata(one(answer=1.0))[wire.KEY])
    header[0] |= changes
    return safetensors.torch.save({}, {wire.KEY: json.dumps(header)})


@given(answers)
@settings(deadline=None)
def test_every_plain_answer_comes_back_as_it_went(answer: Any) -> None:
    (back,) = decode(one(answer=answer, printed="hi", warned=("a", "b"), edited=("w",), seconds=0.5), 1)
    assert str(back.answer) == str(answer)
    if not strange(answer):
        assert same(answer, back.answer)
    assert (back.printed, back.warned, back.edited, back.seconds) == ("hi", ("a", "b"), ("w",), 0.5)


def test_strange_memory_layouts_travel() -> None:
    odd = [torch.arange(6.0).reshape(2, 3).T, torch.ones(3)[:0], torch.ones(2, dtype=torch.complex64).conj()]
    odd += [torch.ones(()).expand(4), np.arange(4.0)[::-1], np.arange(4, dtype=">i4"), np.ones(2, np.longdouble)]
    (back,) = decode(one(answer=odd), 1)
    for sent, got in zip(odd, back.answer, strict=True):
        assert np.array_equal(np.asarray(sent.resolve_conj() if torch.is_tensor(sent) else sent), np.asarray(got))


@pytest.mark.parametrize("name", ["descent.gd_step", "descent.momentum_step", "features.hog"])
def test_a_verdict_is_the_same_on_both_sides_of_the_wall(name: str) -> None:
    exercise = exercises.get(name)
    cases = plan(exercise, 77)
    for function in (exercise.reference, exercise.stub, *(m.implementation for m in exercise.misconceptions)):
        seen = run(exercise, function, cases)
        here, there = (judge(exercise, 77, o) for o in (seen, decode(encode(seen), len(cases))))
        for field in ("status", "sentence", "layer", "misconception", "passed", "remarks", "printed", "points"):
            assert getattr(here, field) == getattr(there, field)


def test_after_a_time_out_one_observation_stands_for_the_rest() -> None:
    late = Observation(timed_out=True)
    assert [o.timed_out for o in decode(encode([Observation(), late, late]), 3)] == [False, True, True]


def test_an_answer_too_large_to_travel_becomes_a_note() -> None:
    huge = torch.zeros(MAX_BYTES // 8)
    (back,) = decode(one(answer=[huge, huge]), 1)
    assert isinstance(back.answer[1], Foreign)
    assert "more numbers" in back.answer[1].type_name


@pytest.mark.parametrize(
    "changes",
    [
        {"error": 7},
        {"inside": "yes"},
        {"edited": "w"},
        {"warned": [1]},
        {"seconds": -1},
        {"seconds": True},
        {"seconds": math.inf},
        {"answer": {"tensor": "float32"}},
        {"answer": {"tensor": 0}},
        {"answer": {"tensor": ["float32", [1]]}},
        {"answer": {"tensor": [0, []]}},
        {"answer": {"dict": [["a"]]}},
        {"answer": {"dict": {"a": 1}}},
        {"answer": {"pickle": "gASV"}},
        {"answer": {"array": ["float32", []], "tensor": ["float32", []]}},
        {"answer": {}},
        {"answer": [0] * 200_000},
    ],
    ids=str,
)
def test_a_forged_field_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        decode(forged(**changes), 1)


def test_a_deep_answer_is_refused() -> None:
    deep: Any = 0
    for _ in range(wire.MAX_DEPTH + 5):
        deep = [deep]
    with pytest.raises(Malformed):
        decode(forged(answer=deep), 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 8,
        b"\xff" * 100,
        pickle.dumps(1),
        (10**7).to_bytes(8, "little") + b" " * 100,
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        b"x" * (MAX_BYTES + 1),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_what_is_no_answer_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        decode(content, 1)


def test_the_number_of_observations_must_be_right() -> None:
    with pytest.raises(Malformed, match="2 observations"):
        decode(one(), 2)


def test_the_decoder_stands_any_damage() -> None:
    """Bytes flipped, cut, doubled and moved, thousands of times: observations come out, or `Malformed`."""
    draw = random.Random(5)
    honest = one(answer={"w": [torch.arange(6.0), 1.5, "a"], "n": np.arange(3)}, printed="x", error="E", edited=("w",))
    survived = 0
    for _ in range(4_000):
        content = bytearray(honest)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(content))
            match draw.randrange(4):
                case 0:
                    content[at] = draw.randrange(256)
                case 1:
                    del content[at : at + draw.randint(1, 30)]
                case 2:
                    content[at:at] = content[draw.randrange(len(content)) :][: draw.randint(1, 30)]
                case 3:
                    content[at : at + 1] = draw.choice([b'"', b"{", b"[", b"9" * 20, b"null", b"-", b"e9999", b"\\u"])
            if not content:
                break
        try:
            (seen,) = decode(bytes(content), 1)
        except Malformed:
            continue
        survived += 1
        assert isinstance(seen, Observation)
        assert seen.error is None or isinstance(seen.error, str)
    assert 0 < survived < 4_000


def test_an_answer_is_not_larger_than_what_was_sent() -> None:
    """A million times the same array would be large only where somebody puts it together."""
    with pytest.raises(Malformed, match="more numbers than were sent"):
        decode(with_numbers(torch.zeros(3), [{"tensor": ["float32", [3]]}] * 2), 1)


@pytest.mark.parametrize(
    "shape", [[-1], [-3, -1], [3.0], [True, 3], ["3"], 3, None, [2**40, 0], [[3]], [10**30], [4], [1] * 65]
)
def test_a_forged_shape_is_refused(shape: Any) -> None:
    with pytest.raises(Malformed):
        decode(with_numbers(torch.zeros(3), {"tensor": ["float32", shape]}), 1)


@pytest.mark.parametrize("numbers", [torch.zeros(3, 1), torch.zeros(()), torch.zeros(3).to(torch.float8_e4m3fn)])
def test_forged_numbers_are_refused(numbers: torch.Tensor) -> None:
    with pytest.raises(Malformed, match="in no order"):
        decode(with_numbers(numbers, {"tensor": ["float32", [1]]}), 1)


def test_arrays_of_one_type_do_not_touch_each_other() -> None:
    sent = [torch.arange(3), torch.zeros(0, 2), torch.tensor(7), torch.arange(4).view(2, 2), torch.zeros(0)]
    (back,) = decode(one(answer=sent), 1)
    assert [x.tolist() for x in back.answer] == [x.tolist() for x in sent]
    assert [x.shape for x in back.answer] == [x.shape for x in sent]


def with_numbers(numbers: torch.Tensor, answer: Any) -> bytes:
    """An observation with this answer, and these numbers to take it from."""
    rows = json.loads(wire._metadata(one())[wire.KEY])
    rows[0]["answer"] = answer
    return safetensors.torch.save({"float32": numbers}, {wire.KEY: json.dumps(rows)})
