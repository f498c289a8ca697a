"""What an equivalence is: two functions that give the same, a convention to mind, and how close they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course.neutral import neutral

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
            with neutral(seed):
                ours, theirs = map(_numbers, self.both(torch.Generator().manual_seed(seed)))
            if ours.shape != theirs.shape:
                raise ValueError(f"{self.reference} gives {tuple(ours.shape)}, {self.peer} {tuple(theirs.shape)}")
            found = max(found, float((ours - theirs).abs().max()))
        return found

    def resolve(self) -> tuple[Any, Any]:
        """Both functions; an ImportError if a name leads nowhere."""
        return _resolve(f"course.{self.reference}"), _resolve(self.peer)


def _resolve(name: str) -> Any:
    """What a dotted name stands for; an attribute comes before a module that is called the same."""
    first, *rest = name.split(".")
    found, so_far = import_module(first), first
    for part in rest:
        so_far += f".{part}"
        found = getattr(found, part) if hasattr(found, part) else import_module(so_far)
    return found


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
        measured = "not installed"
    names = f"{{py:obj}}`{e.reference.partition('.')[2]} <course.{e.reference}>`<br>{_breakable(e.peer)}"
    return f"| {names} | {_cell(e.convention)} | {_number(e.within)} | {measured} |"


def _number(value: float) -> str:
    """One digit, as 2e-5."""
    mantissa, exponent = f"{value:.0e}".split("e")
    return "0" if not value else f"{value:.2g}" if value >= 0.01 else f"{mantissa}e−{-int(exponent)}"


def _breakable(name: str) -> str:
    """A dotted name that may go on in the next line after any dot."""
    return f"<code>{name.replace('.', '.<wbr>')}</code>"


def _cell(text: str) -> str:
    """Text in a table: a | would end its cell."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
