"""What an equivalence is: two functions that give the same, a convention to mind, and how close they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course.neutral import neutral, one_thread

Both = Callable[[torch.Generator], tuple[Any, Any]]


@dataclass(frozen=True)
class Equivalence:
    """One of our functions, and one of another library that gives the same numbers.

    Attributes:
        reference: ours, e.g. `schedules.step_decay`.
        peer: theirs, e.g. `torch.optim.lr_scheduler.StepLR`.
        convention: how one call translates into the other; where they part.
        within: the largest difference of any two numbers that is allowed; 0 where they are the same bits.
        both: random inputs → ours and theirs, numbers in the same order. It imports the other library.
    """

    reference: str
    peer: str
    convention: str
    within: float
    both: Both

    @property
    def section(self) -> str:
        """The lecture section: the reference's first name."""
        return self.reference.split(".")[0]

    def largest_difference(self, seeds: Iterable[int]) -> float:
        """The largest difference of any two numbers, over random inputs of these seeds.

        Raises:
            ImportError: the other library is not installed. ValueError: the answers are of different shapes.
        """
        found = 0.0
        for seed in seeds:
            with neutral(seed), one_thread():
                ours, theirs = map(_numbers, self.both(torch.Generator().manual_seed(seed)))
            if ours.shape != theirs.shape:
                raise ValueError(f"{self.reference} gives {tuple(ours.shape)}, {self.peer} {tuple(theirs.shape)}")
            found = max(found, float((ours - theirs).abs().max()))
        return found

    def resolve(self) -> tuple[Any, Any]:
        """Both functions; an ImportError or AttributeError if a name leads nowhere."""
        return resolve_name(f"course.{self.reference}"), resolve_name(self.peer)


def _numbers(answer: Any) -> Tensor:
    """All numbers of an answer, in a row."""
    if isinstance(answer, (list, tuple)):
        return torch.cat([_numbers(part) for part in answer])
    return torch.as_tensor(np.asarray(answer.detach() if isinstance(answer, Tensor) else answer)).double().flatten()


def row(equivalence: Equivalence, seeds: range) -> str:
    """A line of the table; what is not installed is not measured."""
    e = equivalence
    try:
        measured = _number(e.largest_difference(seeds))
    except ImportError:
        measured = "not measured here"
    return f"| `{e.reference}` | `{e.peer}` | {_cell(e.convention)} | {_number(e.within)} | {measured} |"


def _number(value: float) -> str:
    return f"{value:.0e}".replace("e-0", "e-").replace("e+00", "") if value else "none"


def _cell(text: str) -> str:
    """Text in a table: a | would end its cell."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
