"""`plain` and `difference`, as mathematics: when two answers agree, and that nothing of the student's is kept."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from course.check.answers import Foreign, Traits, describe, difference, fresh, number, plain, same, show

quick = settings(max_examples=60, deadline=None)

RTOL, ATOL = 1e-4, 1e-5
FLOATS = st.floats(width=32)
FINITE = st.floats(-1e6, 1e6, width=32)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def tensors(elements: Any = FLOATS, shapes: Any = SHAPES) -> st.SearchStrategy[Tensor]:
    return hnp.arrays(np.float32, shapes, elements=elements).map(lambda a: torch.from_numpy(np.array(a)))


LEAVES = st.one_of(tensors(), st.floats(), st.integers(-(10**6), 10**6), st.booleans(), st.text(max_size=5), st.none())
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def agree(a: Any, b: Any) -> bool:
    return difference(a, b, RTOL, ATOL) is None


# ----------------------------------------------------------------------------------------------- difference


@quick
@given(VALUES)
def test_everything_agrees_with_itself(value: Any) -> None:
    assert difference(value, copy.deepcopy(value), 0.0, 0.0) is None
    assert same(value, copy.deepcopy(value))


@quick
@given(FINITE, FINITE)
def test_numbers_agree_exactly_within_tolerance(a: float, b: float) -> None:
    inside = abs(b - a) <= ATOL + RTOL * abs(a)
    on_the_edge = math.isclose(abs(b - a), ATOL + RTOL * abs(a), rel_tol=1e-6)
    assume(not on_the_edge)
    assert agree(a, b) == inside
    assert agree(torch.tensor([a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)) == inside


@quick
@given(FINITE, st.floats(-3, 3))
def test_agreement_is_symmetric_away_from_the_edge(a: float, factor: float) -> None:
    """atol + rtol·|a| and atol + rtol·|b| differ by at most rtol²-terms: within ±0.1 % of the edge order matters."""
    b = a + factor * (ATOL + RTOL * abs(a))
    assume(abs(abs(factor) - 1) > 1e-3)
    assume(abs(b - a) > 1e-9 or factor == 0)
    assert agree(a, b) == agree(b, a)


@quick
@given(tensors(), tensors())
def test_tensors_agree_in_both_orders_if_at_all_without_tolerance(a: Tensor, b: Tensor) -> None:
    assert (difference(a, b, 0, 0) is None) == (difference(b, a, 0, 0) is None)


@quick
@given(tensors(FINITE, hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=4)), st.data())
def test_one_number_off_is_found_and_named(a: Tensor, data: st.DataObject) -> None:
    at = tuple(data.draw(st.integers(0, n - 1)) for n in a.shape)
    b = a.double()
    b[at] += 1 + 1e-3 * abs(float(a[at]))
    found = difference(a, b, RTOL, ATOL)
    assert found is not None
    assert found.kind == "value"
    assert str(list(at)) in found.sentence


SPECIAL = [math.nan, math.inf, -math.inf, 0.0, 1e30]


@pytest.mark.parametrize("a", SPECIAL)
@pytest.mark.parametrize("b", SPECIAL)
@pytest.mark.parametrize("wrap", [float, torch.tensor, lambda x: [x, 1.0], lambda x: {"x": torch.tensor([1.0, x])}])
def test_nan_and_infinity_agree_only_with_themselves(a: float, b: float, wrap: Any) -> None:
    alike = a == b or (math.isnan(a) and math.isnan(b))
    assert agree(wrap(a), wrap(b)) == alike


@quick
@given(tensors(st.integers(-1000, 1000).map(float)))
def test_the_floating_point_type_does_not_matter(a: Tensor) -> None:
    for dtype in (torch.float64, torch.float32, torch.float16):
        assert agree(a, a.to(dtype).clone())
        assert agree(a.to(dtype), a)


@quick
@given(tensors(st.integers(-100, 100).map(float)))
def test_whole_numbers_are_no_floating_point_numbers(a: Tensor) -> None:
    for dtype in (torch.int64, torch.int32):
        assert not agree(a, a.to(dtype))
        assert not agree(a.to(dtype), a)
        assert agree(a.to(dtype), a.long())
    assert not agree(a, a.to(torch.complex64))
    assert not agree(a.long(), a.to(torch.complex64))


@quick
@given(tensors(FINITE), SHAPES)
def test_the_shape_matters(a: Tensor, shape: tuple[int, ...]) -> None:
    assume(tuple(a.shape) != shape)
    b = torch.zeros(shape)
    found = difference(a, b, 1e9, 1e9)
    assert found is not None
    assert found.kind == "form"
    assert str(tuple(shape)) in found.sentence
    assert str(tuple(a.shape)) in found.sentence


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (torch.ones(()), torch.ones(1)),
        (torch.ones(1), torch.ones(())),
        (torch.ones(2, 1), torch.ones(1, 2)),
        (torch.ones(3), torch.ones(1, 3)),
        (torch.ones(0), torch.ones(0, 1)),
        (torch.ones(2), [1.0, 1.0]),
        (torch.ones(2), np.ones(2)),
        (torch.ones(()), 1.0),
        (1.0, True),
        (1.0, "1.0"),
        (1.0, None),
        (True, 1),
        (None, 0),
        ("a", "b"),
        ([1.0], [1.0, 1.0]),
        ([1.0, 1.0], [1.0]),
        ([1.0], 1.0),
        ({"a": 1.0}, {"b": 1.0}),
        ({"a": 1.0, "b": 1.0}, {"a": 1.0}),
        ({"a": 1.0}, [1.0]),
        (1.0, Foreign("Thing")),
        (torch.ones(2), Foreign("Thing")),
        ([1.0], Foreign("Thing")),
        ({"a": 1.0}, Foreign("Thing")),
    ],
)
def test_forms_that_differ(expected: Any, got: Any) -> None:
    found = difference(expected, got, 1e9, 1e9)
    assert found is not None
    assert found.sentence


@pytest.mark.parametrize("got", [2, 2.0, torch.tensor(2.0), torch.tensor([2]), np.array([2.0])])
def test_a_number_is_taken_from_a_tensor_of_one(got: Any) -> None:
    assert agree(2.0, got)


@quick
@given(VALUES, st.integers(-(10**400), 10**400))
def test_huge_integers_never_agree_and_never_crash(value: Any, huge: int) -> None:
    assume(abs(huge) > 10**7)
    found = difference(value, huge, RTOL, ATOL)
    assert found is not None or (isinstance(value, float) and math.isclose(value, huge, rel_tol=1e-3))


@quick
@given(VALUES, VALUES)
def test_any_two_values_can_be_compared_described_and_shown(a: Any, b: Any) -> None:
    found = difference(a, b, RTOL, ATOL)
    assert found is None or (found.kind in ("form", "value") and found.sentence)
    for value in (a, b):
        assert isinstance(describe(value), str)
        assert isinstance(show(value), str)


def test_a_reference_that_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="plain data"):
        difference(Foreign("Thing"), 1.0, RTOL, ATOL)


# ---------------------------------------------------------------------------------------------------- plain


@quick
@given(VALUES)
def test_plain_data_stays_what_it_is(value: Any) -> None:
    once = plain(value, Traits(set()))
    assert difference(value, once, 0.0, 0.0) is None
    assert same(plain(once, Traits(set())), once)


def references(value: Any) -> list[int]:
    """Addresses of everything mutable in a value, tensor memory included."""
    if isinstance(value, Tensor):
        return [id(value), *([value.untyped_storage().data_ptr()] if value.numel() else [])]
    if isinstance(value, np.ndarray):
        return [id(value), *([value.ctypes.data] if value.size else [])]
    if isinstance(value, list | tuple):
        return [id(value), *(r for v in value for r in references(v))]
    if isinstance(value, dict):
        return [id(value), *(r for v in value.values() for r in references(v))]
    return []


@quick
@given(VALUES)
def test_no_reference_to_the_students_object_is_kept(value: Any) -> None:
    kept = plain(value, Traits(set()))
    assert not set(references(value)) & set(references(kept)) - {id(())}


class Odd(Tensor):
    pass


@pytest.mark.parametrize(
    "value",
    [
        torch.ones(2, requires_grad=True),
        torch.nn.Parameter(torch.ones(2)),
        torch.ones(2).as_subclass(Odd),
        torch.ones(2, 3).T,
        torch.ones(2).expand(3, 2),
        torch.ones(2, dtype=torch.bfloat16),
        torch.ones(4)[::2],
        (torch.ones(2, requires_grad=True) * 2),
    ],
)
def test_tensors_come_back_bare(value: Tensor) -> None:
    traits = Traits(set())
    bare = plain(value, traits)
    assert type(bare) is Tensor
    assert not bare.requires_grad
    assert bare.grad_fn is None
    assert bare.dtype == value.dtype
    assert bare.shape == value.shape
    assert traits.requires_grad == value.requires_grad
    assert traits.devices == {"cpu"}
    with torch.no_grad():
        bare.zero_()
    assert float(value.detach().double().sum()) > 0


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 1, iter([1]), {1}, 1j, b"x", np.array([None]), np.array(["a"]), torch.ones(2, device="meta")],
)
def test_what_is_no_plain_data_leaves_only_its_type(value: Any) -> None:
    kept = plain(value, Traits(set()))
    assert isinstance(kept, Foreign)
    assert isinstance(kept.type_name, str)


def test_numpy_scalars_are_numbers() -> None:
    for value in (np.float64(2), np.float32(2), np.int64(2), np.bool_(True)):
        assert type(plain(value, Traits(set()))) in (float, int, bool)


# ---------------------------------------------------------------------------------------------------- words


@quick
@given(st.floats(-1e300, 1e300))
def test_numbers_are_shown_to_four_digits(value: float) -> None:
    shown = number(value)
    assert "-" not in shown
    assert float(shown.replace("−", "-")) == pytest.approx(value, rel=1e-3)


@quick
@given(tensors(shapes=hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)))
def test_shown_tensors_stay_short(value: Tensor) -> None:
    big = value.expand(50, *value.shape)
    assert len(show(big)) < 400


@given(st.text(min_size=3_000, max_size=4_000) | st.lists(st.text(max_size=300), min_size=40, max_size=60))
@settings(max_examples=10, deadline=None)
def test_shown_texts_stay_short(value: Any) -> None:
    assert len(show(value)) < 1_500
    assert len(describe(value)) < 1_500


@quick
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_numbers_that_differ_are_shown_to_differ(value: float, factor: float) -> None:
    """ "Is 0.3679, expected 0.3679" tells nobody anything."""
    other = value + factor * (ATOL + RTOL * abs(value))
    tensors = [torch.tensor(x, dtype=torch.float64) for x in (value, other)]
    for expected, got in ((value, other), tensors):
        found = difference(expected, got, 0.0, 0.0)
        assert found is not None
        left, right = found.sentence.removeprefix("the answer is ").split(", expected ")
        assert left != right


def test_no_more_digits_are_shown_than_it_takes() -> None:
    for expected, got, said in (
        (0.36787944, 0.36789, "is 0.36789, expected 0.36788"),
        (0.5, 0.25, "is 0.25, expected 0.5"),
        (1.0, math.nan, "is nan, expected 1"),
    ):
        found = difference(expected, got, 0.0, 0.0)
        assert found is not None
        assert said in found.sentence
        found = difference(torch.tensor([0.0, expected]).double(), torch.tensor([0.0, got]).double(), 0.0, 0.0)
        assert found is not None
        assert f"at [1] it {said}" in found.sentence


@pytest.mark.parametrize(
    ("expected", "got", "said"),
    [
        (1.0, True, "the truth value True"),
        (torch.ones(()), False, "the truth value False"),
        (torch.ones(2, 3), [torch.ones(3), torch.ones(3)], "torch.stack"),
    ],
)
def test_what_came_instead_is_described(expected: Any, got: Any, said: str) -> None:
    found = difference(expected, got, RTOL, ATOL)
    assert found is not None
    assert said in found.sentence
    assert ".item()" not in found.sentence


@pytest.mark.parametrize("got", [[], [1.0, 2.0], [torch.ones(1), 2.0]])
def test_only_lists_of_tensors_can_be_stacked(got: Any) -> None:
    found = difference(torch.ones(2), got, RTOL, ATOL)
    assert found is not None
    assert "stack" not in found.sentence


@quick
@given(st.recursive(st.one_of(st.none(), st.text(), st.booleans(), st.floats(), tensors()), st.lists, max_leaves=8))
def test_copies_are_equal_and_apart(value: Any) -> None:
    (copied,) = fresh((value,))
    assert same(plain(copied, Traits()), plain(value, Traits()))
    for before, after in zip(leaves(value), leaves(copied), strict=True):
        assert after.data_ptr() != before.data_ptr() or not before.numel()


def leaves(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    "x",
    [
        torch.arange(6.0).view(2, 3).T,
        torch.ones(1).expand(3),
        torch.arange(6.0)[2:5],
        torch.ones(2, requires_grad=True),
        torch.eye(2).to_sparse(),
        torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last),
    ],
    ids=["transposed", "expanded", "part", "with gradient", "sparse", "channels last"],
)
def test_copies_lie_in_memory_as_the_inputs_do(x: Tensor) -> None:
    copied, again, others = fresh((x, x, [x]))
    assert copied is again is others[0] is not x
    assert (copied.layout, copied.requires_grad) == (x.layout, x.requires_grad)
    assert x.layout is not torch.strided or copied.stride() == x.stride()
    assert torch.equal(copied.to_dense(), x.to_dense())
