"""What a challenge is: train something, within a budget, that is then measured on pictures nobody has seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from course.neutral import neutral

Function = Callable[..., Any]


class Rejected(ValueError):
    """An entry that cannot be measured; the message is a sentence for the student."""


@dataclass(frozen=True)
class Challenge:
    """A task without one right answer: the better the result, the more points.

    Args:
        name: `section.function`; the notebook's cells bear the function's name.
        title, signature, minutes, difficulty, idea, pseudocode, shown: as of an exercise.
        steps: (share of right answers, points) in rising order; the last ones are the points of the whole.
        reference: a function that reaches all points.
        prepare: generator → the function's arguments, and what `pack` needs besides its answer.
        pack: the function's answer, what `prepare` gave → the same as plain data (numbers, strings, tensors, lists and
            dictionaries of them), from which `measure` can build it again. Raises `Rejected` if it is no answer.
        measure: plain data, generator → share of right answers, and what was used. Raises `Rejected`, too. In grading
            this runs elsewhere than all of the above, and believes nothing.
        seconds: time limit.
        forbidden, alike: as of an exercise, for a review.
    """

    name: str
    title: str
    signature: str
    minutes: int
    difficulty: Literal[1, 2, 3]
    steps: tuple[tuple[float, float], ...]
    reference: Function
    prepare: Callable[[torch.Generator], tuple[tuple[Any, ...], Any]]
    pack: Callable[[Any, Any], Any]
    measure: Callable[[Any, torch.Generator], tuple[float, str]]
    seconds: float = 120.0
    forbidden: tuple[str, ...] = ()
    alike: bool = False
    idea: str = ""
    pseudocode: str = ""
    shown: Function | None = None

    @property
    def section(self) -> str:
        """The lecture section."""
        return self.name.split(".")[0]

    @property
    def function(self) -> str:
        """The name of the function to write."""
        return self.name.split(".")[1]

    @property
    def points(self) -> float:
        """Points of the highest step."""
        return self.steps[-1][1]

    def worth(self, share: float) -> float:
        """Points for a share of right answers."""
        return max((points for least, points in self.steps if share >= least), default=0.0)

    def start(self, seed: int) -> int:
        """From where to train with this seed: a digest, from which there is no way back to the seed and to the test.

        Only this may be told to a process in which a student's code runs: it can read every number there.
        """
        return _digest(f"{self.name} start {seed}")

    def train(self, function: Function, start: int) -> Any:
        """Let a function train from a `start`, from which all randomness comes; its answer as plain data.

        Raises:
            Rejected: the answer cannot be measured. Whatever else the function raises passes through.
        """
        with neutral(start):
            inputs, kept = self.prepare(torch.Generator().manual_seed(start))
            return self.pack(function(*inputs), kept)

    def score(self, packed: Any, seed: int) -> tuple[float, str]:
        """Measure what came of training with this seed: the share of right answers, and what was used.

        Raises:
            Rejected: it cannot be measured.
        """
        test = _digest(f"{self.name} test {seed}")
        with neutral(test):
            return self.measure(packed, torch.Generator().manual_seed(test))


def _digest(text: str) -> int:
    """A number below 2⁶³ that does not tell what it was made of."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def share_right(model: torch.nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers, in evaluation mode, a thousand pictures at a time."""
    model.eval()
    with torch.no_grad():
        right = [(model(a).argmax(1) == b).sum().item() for a, b in zip(x.split(1000), y.split(1000), strict=True)]
    return sum(right) / len(y)
