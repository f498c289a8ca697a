"""How the steps are driven: several in a row, each with its own gradient and learning rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from course.exercises.exercise import Unusable


def sequence(name: str, step: Callable[..., Any], start: dict[str, Tensor], count: int) -> dict[str, Any]:
    """The values after each of `count` steps; step(i, *state) returns the new state.

    Args:
        name: of the student's function, for messages.
        step: drives one step.
        start: names and values of the state, in the order in which the function returns it.
        count: number of steps.
    """
    state, found = tuple(start.values()), dict[str, Any]()
    for i in range(count):
        state = step(i, *state)
        if not isinstance(state, list | tuple) or len(state) != len(start):
            raise Unusable(
                f"{name} must return {len(start)} tensors, `{', '.join(start)}`; it returned {_what(state)}."
            )
        named = {f"step {i + 1}: new {key}": value for key, value in zip(start, state, strict=True)}
        if not all(isinstance(value, Tensor) for value in state):
            return found | named
        found |= {key: value.detach().clone() for key, value in named.items()}
    return found


def _what(answer: Any) -> str:
    if answer is None:
        return "None: is there a return"
    return f"{len(answer)} things" if type(answer) in (list, tuple) else f"one thing of type {type(answer).__name__}"
