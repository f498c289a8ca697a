"""What a function did, as bytes: a safetensors file, with everything that is no array in its metadata as JSON.

The file has one array for each type of number: all numbers of that type, in the order in which the metadata name them.
One for each array of the answer would take longer than the answer: most consist of many small ones.

Nothing in it is code, and reading it runs nothing. What comes back from a sandbox may be anything: `decode` either
returns plain data within known limits, or raises `Malformed`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from course.check.answers import MAX_NODES, Foreign
from course.check.observe import Observation
from course.grading.verdict import MAX_BYTES

MAX_HEADER = 8_000_000
MAX_DEPTH = 40
MAX_DIMENSIONS = 64  # torch has no more
TEXT = {"message": 2_000, "line": 2_000, "printed": 4_000, "error": 200}
FLAGS = ("inside", "timed_out", "unwritten", "requires_grad")
WORDS = {"edited": 50, "warned": 20, "devices": 10}
KEY = "observations"
# No complex numbers: safetensors stores them since lately only. They travel as pairs of real ones.
TYPES = frozenset(
    getattr(torch, name)
    for name in ("float64", "float32", "float16", "bfloat16", "bool", "uint8", "int8", "int16", "int32", "int64")
)
PAIRS = {torch.complex64: torch.float32, torch.complex128: torch.float64}


class Malformed(ValueError):
    """These bytes are no observations."""


# ------------------------------------------------------------------------------------------------ encode


def encode(seen: Sequence[Observation]) -> bytes:
    """Observations as bytes; an answer that is too large to travel is replaced by a note that it was."""
    numbers = _Numbers()
    rows: list[Any] = []
    for at, one in enumerate(seen):
        if at and one is seen[at - 1]:
            rows.append("same")  # after a time-out the rest is not tried
            continue
        row: dict[str, Any] = {name: getattr(one, name) for name in (*TEXT, *FLAGS)}
        row |= {name: sorted(getattr(one, name)) if name == "devices" else list(getattr(one, name)) for name in WORDS}
        rows.append(row | {"seconds": one.seconds, "answer": _node(one.answer, numbers)})
    return safetensors.torch.save(numbers.together(), {KEY: json.dumps(rows)})


class _Numbers:
    """What arrays consist of, up to a limit."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Tensor]] = {}
        self._room = MAX_BYTES * 3 // 4

    def keep(self, array: Tensor) -> tuple[str, list[int]] | None:
        """Its type and shape, by which it is found again; None if there is no room for it."""
        self._room -= array.numel() * array.element_size()
        if self._room < 0:
            return None
        name = str(array.dtype).removeprefix("torch.")
        self._parts.setdefault(name, []).append(array.view(-1))
        return name, list(array.shape)

    def together(self) -> dict[str, Tensor]:
        """All of them, by type."""
        return {name: torch.cat(parts) for name, parts in self._parts.items()}


def _node(value: Any, numbers: _Numbers) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_node(v, numbers) for v in value]
    if isinstance(value, dict):
        return {"dict": [[key, _node(v, numbers)] for key, v in value.items()]}
    if isinstance(value, Foreign):
        return {"foreign": value.type_name[:200]}
    kind = "array" if isinstance(value, np.ndarray) else "tensor"
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8 or not value.dtype.isnative:
            value = value.astype(value.dtype.kind + str(min(8, value.dtype.itemsize)))
        value = torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape))
    flat = value.detach().resolve_conj().resolve_neg().contiguous()
    if flat.dtype in PAIRS:
        kind, flat = "complex", torch.view_as_real(flat).contiguous()
    if flat.dtype not in TYPES:
        return {"foreign": f"a tensor of type {str(flat.dtype).removeprefix('torch.')}"}
    about = numbers.keep(flat)
    if about is None:
        return {"foreign": f"more numbers than can be looked at ({tuple(value.shape)} among them)"}
    return {kind: about}


# ------------------------------------------------------------------------------------------------ decode


def decode(content: bytes, count: int) -> list[Observation]:
    """`count` observations.

    Raises:
        Malformed: whatever is wrong with them.
    """
    if len(content) > MAX_BYTES:
        raise Malformed(f"the answer has {len(content):,} bytes; at most {MAX_BYTES:,} are looked at")
    try:
        rows = json.loads(_metadata(content)[KEY])
        numbers = _Found(safetensors.torch.load(content))
        if not isinstance(rows, list) or len(rows) != count:
            raise Malformed(f"{count} observations were asked for")
        seen: list[Observation] = []
        nodes = [MAX_NODES]
        for row in rows:
            seen.append(seen[-1] if row == "same" and seen else _observation(row, numbers, nodes))
    except Malformed:
        raise
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, OverflowError) as error:
        raise Malformed(f"{type(error).__name__}: {error!s:.200}") from error
    except (RecursionError, MemoryError, struct.error) as error:
        raise Malformed(type(error).__name__) from error
    return seen


class _Found:
    """The numbers that came, to be taken in order, each once: an answer is no larger than what was sent."""

    def __init__(self, numbers: dict[str, Tensor]) -> None:
        if any(n.ndim != 1 or n.dtype not in TYPES for n in numbers.values()):
            raise Malformed("its numbers are in no order, or of a type that does not travel")
        self._numbers, self._taken = numbers, dict.fromkeys(numbers, 0)

    def take(self, name: str, shape: Any) -> Tensor:
        """The next ones of a type, as an array of this shape."""
        if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
            raise Malformed("an array has no shape, or too many dimensions")
        if not all(type(s) is int and 0 <= s < 2**40 for s in shape):
            raise Malformed("an array's shape is none")
        first, count = self._taken[name], math.prod(shape)
        if first + count > len(self._numbers[name]):
            raise Malformed("an array has more numbers than were sent")
        self._taken[name] += count
        return self._numbers[name].narrow(0, first, count).view(shape)


def _metadata(content: bytes) -> dict[str, str]:
    (length,) = struct.unpack("<Q", content[:8])
    if length > MAX_HEADER:
        raise Malformed("its header is too long")
    header = json.loads(content[8 : 8 + length])
    found: dict[str, str] = header["__metadata__"]
    return found


def _observation(row: Any, numbers: _Found, nodes: list[int]) -> Observation:
    seen = Observation(answer=_value(row["answer"], numbers, nodes))
    for name, limit in TEXT.items():
        text = row[name]
        if not isinstance(text, str) and not (name == "error" and text is None):
            raise Malformed(f"{name} is no text")
        setattr(seen, name, text if text is None else text[:limit])
    for name in FLAGS:
        if not isinstance(row[name], bool):
            raise Malformed(f"{name} is neither true nor false")
        setattr(seen, name, row[name])
    for name, limit in WORDS.items():
        words = row[name]
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise Malformed(f"{name} is no list of words")
        kept = [word[:300] for word in words[:limit]]
        setattr(seen, name, frozenset(kept) if name == "devices" else tuple(kept))
    seconds = row["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise Malformed("seconds is no duration")
    seen.seconds = float(seconds)
    return seen


def _value(node: Any, numbers: _Found, nodes: list[int], depth: int = 0) -> Any:
    nodes[0] -= 1
    if nodes[0] < 0 or depth > MAX_DEPTH:
        raise Malformed("the answer is too deeply nested, or has too many parts")
    if node is None or isinstance(node, bool | float | str):
        return node
    if isinstance(node, int):
        return node if abs(node) < 10**300 else Foreign("an enormous integer")
    if isinstance(node, list):
        return [_value(n, numbers, nodes, depth + 1) for n in node]
    if not isinstance(node, dict) or len(node) != 1:
        raise Malformed("an answer has a part of no known kind")
    ((kind, content),) = node.items()
    if kind == "dict":
        return {_text(key): _value(n, numbers, nodes, depth + 1) for key, n in content}
    if kind == "foreign":
        return Foreign(_text(content)[:200])
    name, shape = content
    return _array(kind, numbers.take(_text(name), shape))


def _array(kind: str, stored: Tensor) -> Any:
    if kind == "tensor":
        return stored
    if kind == "array":
        return stored.numpy()
    if kind == "complex" and stored.ndim and stored.shape[-1] == 2:
        return torch.view_as_complex(stored)
    raise Malformed(f"there is no kind {kind[:40]!r}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("a name is no text")
    return value
