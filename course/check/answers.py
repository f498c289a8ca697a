"""Answers as plain data, and whether two of them agree.

Whatever a student's function returns is reduced to numbers, strings, lists, dictionaries and plain CPU tensors
before anything is compared, so that no method of a student's object is ever called by the judge.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

MAX_NODES = 100_000
MAX_NUMBERS = 50_000_000
MAX_TEXT = 2_000


@dataclass(frozen=True)
class Foreign:
    """Something that is no plain data: only the name of its type is kept."""

    type_name: str


@dataclass(frozen=True)
class Difference:
    """Where two answers part: `kind` is "form" (type, shape, number of entries) or "value"."""

    kind: str
    sentence: str
    expected: Any = None
    got: Any = None


@dataclass
class Traits:
    """What was true of the tensors before they were reduced, and how much has been reduced so far."""

    devices: set[str] = field(default_factory=set)
    requires_grad: bool = False
    nodes: int = 0


class NotPlain(TypeError):
    """A reference returned something that is no plain data."""


def plain(value: Any, traits: Traits, depth: int = 0) -> Any:
    """Reduce a value to plain data; tensors come back detached, on the CPU, as copies.

    Types are looked up with `type`, and methods on the base class: a subclass may answer anything.
    """
    kind = type(value)
    traits.nodes += 1
    if depth > 8 or traits.nodes > MAX_NODES:
        return Foreign("a very large or deeply nested structure")
    if value is None or kind in (bool, float):
        return value
    if kind is int:
        return value if abs(value) < 10**300 else Foreign("an enormous integer")
    if kind is str:
        return value[:MAX_TEXT]
    if issubclass(kind, Tensor):
        return _plain_tensor(value, traits)
    if issubclass(kind, np.ndarray | np.generic):
        return _plain_array(np.array(value, subok=False))
    if issubclass(kind, list | tuple):
        base: Any = list if issubclass(kind, list) else tuple
        return [plain(v, traits, depth + 1) for v in base.__iter__(value)]
    if issubclass(kind, dict):
        pairs = dict.items(value)
        return {k if type(k) is str else f"a {type(k).__name__}": plain(v, traits, depth + 1) for k, v in pairs}
    if inspect.iscoroutine(value):
        value.close()  # or Python complains on stderr that nobody awaited it
    return Foreign(kind.__name__)


def _plain_tensor(value: Tensor, traits: Traits) -> Any:
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        traits.devices.add(value.device.type)
        traits.requires_grad |= value.requires_grad
        if value.device.type == "meta" or value.layout != torch.strided or value.is_quantized:
            return Foreign(f"a tensor on device {value.device}, layout {value.layout}, type {value.dtype}")
        if value.numel() > MAX_NUMBERS:
            return Foreign(f"a tensor of {value.numel()} numbers, too many to look at")
        return value.detach().as_subclass(Tensor).cpu().clone()


def _plain_array(value: np.ndarray) -> Any:
    if value.dtype.kind not in "biuf":
        return Foreign(f"a NumPy array of type {value.dtype}")
    if value.ndim:
        return value if value.size <= MAX_NUMBERS else Foreign("an enormous NumPy array")
    return {"b": bool, "f": float}.get(value.dtype.kind, int)(value)


def fresh(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies of the inputs that a function may do with as it likes; what was one object twice still is."""
    return tuple(map(_copier(), inputs))


def _copier() -> Callable[[Any], Any]:
    """Like `copy.deepcopy`, which takes ten times as long for a small tensor as the copying does."""
    memo: dict[int, Any] = {}

    def copied(value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (int, float, bool, str):
            return value
        if id(value) not in memo:
            if kind in (list, tuple):
                memo[id(value)] = kind(map(copied, value))
            elif kind is Tensor and _is_simple(value):
                memo[id(value)] = value.clone()
            else:
                return copy.deepcopy(value, memo)
        return memo[id(value)]

    return copied


def _is_simple(x: Tensor) -> bool:
    """Whether its clone is its deep copy: numbers side by side, and nothing else."""
    return x.layout is torch.strided and x.is_contiguous() and not x.requires_grad


def same(a: Any, b: Any) -> bool:
    """Whether two plain values are exactly alike, NaN being equal to NaN."""
    return type(a) is type(b) and difference(a, b, 0.0, 0.0) is None


# ------------------------------------------------------------------------------------------------ compare


def difference(
    expected: Any, got: Any, rtol: float, atol: float, where: str = "", values: bool = True
) -> Difference | None:
    """The first difference between two plain values, or None.

    Numbers agree within atol + rtol·|expected|, whatever their floating-point type; NaN and ±∞ only with
    themselves. With `values=False` only the form counts, and lists may differ in length.
    """
    if isinstance(expected, Tensor):
        return _tensor(expected, got, rtol, atol, where, values)
    if isinstance(expected, bool | str) or expected is None:
        return None if type(got) is type(expected) and (got == expected or not values) else _form(where, expected, got)
    if isinstance(expected, int | float):
        return _number(expected, got, rtol, atol, where, values)
    if isinstance(expected, dict):
        return _mapping(expected, got, rtol, atol, where, values)
    if isinstance(expected, list):
        return _sequence(expected, got, rtol, atol, where, values)
    raise NotPlain(f"a reference must return plain data, not {type(expected).__name__}")


def _tensor(expected: Tensor, got: Any, rtol: float, atol: float, where: str, values: bool) -> Difference | None:
    if not isinstance(got, Tensor):
        return _form(where, expected, got)
    if _is_float(expected) and not _is_float(got):
        return _problem("form", where, f"has type {_dtype(got)}; it needs a floating-point type", expected, got)
    if not _is_float(expected) and (_is_float(got) or got.is_complex()):
        return _problem("form", where, f"has type {_dtype(got)}; it needs whole numbers", expected, got)
    if not values:
        return None
    if got.shape != expected.shape:
        text = f"has shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
        return _problem("form", where, text, expected, got)
    if got.dtype == expected.dtype and torch.equal(expected, got):  # mostly, and thirty times as fast as what follows
        return None
    a, b = expected.double(), got.double()
    close = torch.isclose(b, a, rtol=rtol, atol=atol, equal_nan=True)
    if bool(close.all()):
        return None
    return _problem("value", where, _which(close, a, b), expected, got)


def _which(close: Tensor, expected: Tensor, got: Tensor) -> str:
    wrong = int((~close).sum())
    if expected.ndim == 0:
        return "is {}, expected {}".format(*_told_apart(got.item(), expected.item()))
    at = tuple(int(i) for i in (~close).nonzero()[0])
    place = "[" + ", ".join(map(str, at)) + "]"
    found = "at {} it is {}, expected {}".format(place, *_told_apart(got[at].item(), expected[at].item()))
    if close.numel() == 1:
        return f"is off: {found}"
    return f": {wrong} of {close.numel()} numbers {'is' if wrong == 1 else 'are'} off; {found}"


def _number(expected: float, got: Any, rtol: float, atol: float, where: str, values: bool) -> Difference | None:
    if (isinstance(got, Tensor) and got.numel() == 1) or (isinstance(got, np.ndarray) and got.size == 1):
        got = got.item()
    if isinstance(got, bool) or not isinstance(got, int | float):
        return _form(where, expected, got)
    if not values or _close(expected, got, rtol, atol):
        return None
    return _problem("value", where, "is {}, expected {}".format(*_told_apart(got, expected)), expected, got)


def _close(expected: float, got: float, rtol: float, atol: float) -> bool:
    if isinstance(got, int) and abs(got) > 10**300:
        return False  # too large for a float, so far from every expected number
    if not math.isfinite(expected) or not math.isfinite(got):
        return expected == got or (math.isnan(expected) and math.isnan(got))
    return abs(got - expected) <= atol + rtol * abs(expected)


def _mapping(expected: dict, got: Any, rtol: float, atol: float, where: str, values: bool) -> Difference | None:
    if not isinstance(got, dict):
        return _form(where, expected, got)
    shared = [key for key in expected if key in got]
    # A wrong type explains more than wrong numbers elsewhere, so it is looked for first.
    for key in sorted(shared, key=lambda k: isinstance(got[k], type(expected[k]))):
        found = difference(expected[key], got[key], rtol, atol, _join(where, key), values)
        if found:
            return found
    missing = next((key for key in expected if key not in got), None)
    return None if missing is None else _problem("form", where, f"lacks {missing}", expected, got)


def _sequence(expected: list, got: Any, rtol: float, atol: float, where: str, values: bool) -> Difference | None:
    if not isinstance(got, list):
        return _form(where, expected, got)
    if values and len(got) != len(expected):
        return _problem("form", where, f"has {len(got)} entries, expected {len(expected)}", expected, got)
    if not values and expected:
        expected = [expected[0]] * len(got)
    for i, (a, b) in enumerate(zip(expected, got, strict=False)):
        found = difference(a, b, rtol, atol, f"{where or 'answer'}[{i}]", values)
        if found:
            return found
    return None


def _join(where: str, key: str) -> str:
    return f"{where}, {key}" if where else key


def _is_float(value: Tensor) -> bool:
    return value.dtype.is_floating_point


def _dtype(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _problem(kind: str, where: str, text: str, expected: Any, got: Any) -> Difference:
    return Difference(kind, f"{where or 'the answer'}{'' if text.startswith(':') else ' '}{text}", expected, got)


def _form(where: str, expected: Any, got: Any) -> Difference:
    wanted = expected if isinstance(expected, str) and " " in expected else describe(expected)
    text = f"{where or 'the answer'} is {describe(got)}; expected {wanted}"
    if got is None:
        text += " (is there a return, and does it return this?)"
    elif isinstance(got, np.ndarray):
        text += " (stay in torch: NumPy arrays carry no gradient and cannot move to a GPU)"
    elif isinstance(expected, Tensor) and isinstance(got, list) and got and all(isinstance(v, Tensor) for v in got):
        text += " (torch.stack makes one tensor of a list of tensors)"
    elif isinstance(expected, Tensor) and isinstance(got, int | float) and not isinstance(got, bool):
        text += " (a plain number has no gradient: leave out .item() and float())"
    return Difference("form", text, expected, got)


# ------------------------------------------------------------------------------------------------ describe


def describe(value: Any) -> str:
    """What a value is, in words: its type and shape."""
    if value is None:
        return "None"
    if isinstance(value, Foreign):
        return f"of type {value.type_name}"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {value.shape}"
    if isinstance(value, bool):
        return f"the truth value {value}"
    if isinstance(value, int | float | str):
        return f"the text {value[:60]!r}" if isinstance(value, str) else f"the number {number(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"of type {type(value).__name__}"


def number(value: float, digits: int = 4) -> str:
    """A number as people write it: four significant digits if nothing else is said, a true minus sign."""
    if isinstance(value, bool | int):
        return str(value)
    return f"{value:.{digits}g}".replace("-", "−")


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ."""
    pairs = ((number(a, digits), number(b, digits)) for digits in range(4, 18))
    return next((pair for pair in pairs if pair[0] != pair[1]), (number(a), number(b)))


def show(value: Any, limit: int = 12) -> str:
    """A value for a report: small ones in full, large ones by shape and first numbers; never long."""
    text = _show(value, limit)
    return text if len(text) <= 600 else text[:600] + " …"


def _show(value: Any, limit: int) -> str:
    if isinstance(value, Tensor):
        if value.numel() <= limit:
            return _nested(value.tolist())
        first = ", ".join(number(v) for v in value.flatten()[:4].tolist())
        return f"shape {tuple(value.shape)}: {first}, …"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        shown = ", ".join(_show(v, max(2, limit // 2)) for v in value[:4])
        rest = ", …" if len(value) > 4 else ""
        return f"[{shown}{rest}]" if isinstance(value, list) else f"({shown}{rest})"
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_show(v, limit)}" for k, v in value.items())
    return describe(value)


def _nested(value: Any) -> str:
    return "[" + ", ".join(map(_nested, value)) + "]" if isinstance(value, list) else number(value)


def size(value: Any) -> int:
    """How many numbers a plain value holds; used to pick the smallest failing input."""
    if isinstance(value, Tensor):
        return value.numel()
    if isinstance(value, list | tuple):
        return sum(map(size, value))
    return sum(map(size, value.values())) if isinstance(value, dict) else 1
