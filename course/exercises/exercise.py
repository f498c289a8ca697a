"""What an exercise is: a value that says what is asked, on which inputs, and which mistakes it knows."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from course.neutral import neutral

Function = Callable[..., Any]


class Draw:
    """Random inputs from one seed: small helpers around a `torch.Generator`."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Standard normal numbers times `scale`, float32."""
        return torch.randn(shape, generator=self.generator) * scale

    def uniform(self, low: float, high: float) -> float:
        """One number from [low, high), rounded to three digits so that it reads well in a report."""
        return round(low + (high - low) * torch.rand((), generator=self.generator).item(), 3)

    def integer(self, low: int, high: int) -> int:
        """One integer from low … high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def labels(self, n: int, k: int) -> Tensor:
        """Class ids 0 … k−1, shape (n,), int64."""
        return torch.randint(k, (n,), generator=self.generator)

    def seed(self) -> int:
        """A seed for a generator that is handed to the student's function."""
        return self.integer(0, 2**31 - 1)


@dataclass(frozen=True)
class Case:
    """One set of inputs, plain data only: numbers, strings, tensors, and lists of them.

    `kind` says in which layer it is used: small enough to follow by hand, or one of several varied ones.
    """

    label: str
    inputs: tuple[Any, ...]
    kind: Literal["hand", "varied"] = "varied"


@dataclass(frozen=True)
class Property:
    """Something every right answer has: `broken(inputs, answer)` is None, or says what is wrong."""

    name: str
    broken: Callable[[tuple[Any, ...], Any], str | None]


@dataclass(frozen=True)
class Misconception:
    """A small wrong implementation and the sentence for whoever wrote something that behaves like it.

    Behaviour is compared on the inputs of the check; where a right answer is free to draw its own random
    numbers, `recognise(inputs, answer)` says instead whether an answer shows this mistake. `variants` are the same
    mistake with other numbers in it (another ε, say).
    """

    name: str
    sentence: str
    implementation: Function
    recognise: Callable[[tuple[Any, ...], Any], bool] | None = None
    variants: tuple[Function, ...] = ()


def mistakes(*functions: Function, **recognised: tuple[Function, Callable[..., bool]]) -> tuple[Misconception, ...]:
    """Misconceptions from functions: the function's name is the name, its docstring the sentence."""
    plain = [Misconception(f.__name__, _sentence(f), f) for f in functions]
    return (*plain, *(Misconception(n, _sentence(f), f, r) for n, (f, r) in recognised.items()))


def mistake(function: Function, *variants: Function) -> Misconception:
    """One misconception, as `mistakes` makes it, that is also recognised when it is written in these other ways."""
    return Misconception(function.__name__, _sentence(function), function, variants=variants)


def _sentence(function: Function) -> str:
    text = " ".join((function.__doc__ or "").split())
    if not text:
        raise ValueError(f"misconception {function.__name__!r} needs a docstring: the sentence a student reads")
    return text


class Unusable(ValueError):
    """Raised by a drive for an answer of the wrong kind; the message is a sentence for the student."""


def call(function: Function, *inputs: Any) -> Any:
    """Drive a plain function: its answer to these arguments."""
    return function(*inputs)


class Lent:
    """Copies of one tensor, for a drive that calls a function several times on it.

    A function that changes its argument must not spoil the next call, or the report would speak of something else. With
    `returned` at the end, the tensor itself takes over what was changed, so that the check sees it.
    """

    def __init__(self, original: Tensor) -> None:
        self.original, self._copies = original, list[Tensor]()

    def copy(self) -> Tensor:
        """A copy for one call."""
        self._copies.append(self.original.clone())
        return self._copies[-1]

    def returned(self) -> None:
        """All calls are over."""
        with torch.no_grad():
            changed = [c for c in self._copies if not torch.equal(c, self.original)]
            if changed:
                self.original.copy_(changed[0])


def backpropagated(y: Tensor, **live: Tensor) -> dict[str, Tensor]:
    """The gradient of Σ wᵢ·yᵢ for each of these tensors that require it, as "gradient for NAME".

    The weights w are fixed and all different, so that errors in several entries do not cancel; that of a single number
    is 1. Where y does not depend on a tensor, the gradient is 0.

    Raises:
        Unusable: autograd cannot follow y back to any of them.
    """
    weights = (1.0 + torch.arange(y.numel(), device=y.device)).sin().div(math.sin(1)).view(y.shape)
    found: tuple[Tensor | None, ...] = (None,) * len(live)
    if y.requires_grad:  # which a new leaf does as well, torch.tensor(…, requires_grad=True)
        found = torch.autograd.grad((weights * y).sum(), list(live.values()), allow_unused=True)
    if all(slope is None for slope in found):
        *most, last = live
        raise Unusable(
            f"autograd cannot follow your answer back to {', '.join(most)}{' and ' * bool(most)}{last}, so no network "
            "could learn through it: leave out .detach(), .item(), torch.tensor(…), NumPy and no_grad(), and leave "
            "backward() to the caller."
        )
    slopes = (torch.zeros_like(t) if slope is None else slope for t, slope in zip(live.values(), found, strict=True))
    return {f"gradient for {name}": slope for name, slope in zip(live, slopes, strict=True)}


def gradients(function: Function, **leaves: Tensor) -> dict[str, Tensor]:
    """`backpropagated` of `function(**leaves)`.

    Raises:
        Unusable: as there.
    """
    live = {name: t.detach().clone().requires_grad_() for name, t in leaves.items()}
    # The function gets copies: autograd forbids to change a leaf in place, and that is another matter than this one.
    return backpropagated(function(**{name: t.clone() for name, t in live.items()}), **live)


def unwritten(*_: Any, **__: Any) -> Any:
    """The stub of a student notebook."""
    raise NotImplementedError


@dataclass(frozen=True)
class Exercise:
    """One function a student writes, and everything needed to judge it.

    Args:
        name: `section.function`; the notebook's cells bear the function's name.
        title: a few words for tables.
        signature: how the function is called, e.g. `gd_step(w, grad, lr)`.
        points, minutes, difficulty: worth, time to plan for, and 1 (warm-up) to 3 (demanding).
        idea: the first hint: the thought in one to three sentences, without code.
        pseudocode: the second: a few lines in the lecture's symbols, no Python that could be pasted.
        reference: the right answer, from the library.
        shown: the right answer that the last hint sets beside a student's; the reference unless given. For references
            that do more than is asked for (blocks for the cache, other shapes), one of the alternatives reads better.
        cases: inputs from a `Draw`; those of kind "hand" first, edge cases before ordinary ones.
        drive: how the function is used; `drive(function, *inputs)` returns the answer as plain data.
            Its parameter names (after the function) name the inputs in messages.
        compare: whether the answer must equal the reference's (within rtol, atol); False where only the
            properties can judge because a right answer is free to choose (a random order, say).
        properties: what every right answer has.
        misconceptions: known mistakes.
        alternatives: right answers written another way; the gate makes sure that they pass.
        may_edit: inputs that may be changed in place, as optimizers do.
        given: the code students start from, if it is more than a stub (a bug hunt).
        telling: parts of the answer (keys) each of which can give a mistake away on its own, for those who made two.
        pictures: names of the inputs that are pictures and are shown as such; "answer" if the answer is one, too.
        note: one sentence for who is stuck at shapes or types.
        seconds: time limit of one call.
        forbidden: dotted names that do the whole job, pointed out to a person when a submission is reviewed:
            `torch.optim` and all below it, or `torch.nn.functional.cross_entropy(label_smoothing)`, a call with that
            argument. The library's own reference need not be listed. An alternative may use such a call: it is right to
            the check, and pointed out in a review.
        alike: whether right answers written independently are nearly the same but for names (a formula, a loop that
            everybody writes), so that a near-copy tells nothing.
    """

    name: str
    title: str
    signature: str
    points: float
    minutes: int
    difficulty: Literal[1, 2, 3]
    reference: Function
    cases: Callable[[Draw], list[Case]]
    misconceptions: tuple[Misconception, ...]
    idea: str = ""
    pseudocode: str = ""
    shown: Function | None = None
    alternatives: tuple[Function, ...] = ()
    drive: Callable[..., Any] = call
    compare: bool = True
    properties: tuple[Property, ...] = ()
    rtol: float = 1e-4
    atol: float = 1e-5
    may_edit: frozenset[str] = frozenset()
    given: Misconception | None = None
    telling: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    note: str = ""
    seconds: float = 5.0
    forbidden: tuple[str, ...] = ()
    alike: bool = False

    @property
    def section(self) -> str:
        """The lecture section, e.g. `descent`."""
        return self.name.split(".")[0]

    @property
    def function(self) -> str:
        """The name of the function to write, e.g. `gd_step`."""
        return self.name.split(".")[1]

    @property
    def stub(self) -> Function:
        """What a student starts from."""
        return self.given.implementation if self.given else unwritten

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        if self.drive is call:
            return tuple(inspect.signature(self.reference).parameters)
        return tuple(inspect.signature(self.drive).parameters)[1:]

    @property
    def layers(self) -> tuple[str, ...]:
        """What is checked, in order."""
        middle = ("properties",) if self.properties else ()
        by_value = ("by hand", *middle, "varied cases") if self.compare else middle
        return ("runs", "shape and type", *by_value, "side effects")

    def draw(self, seed: int) -> list[Case]:
        """The cases of this seed: the same seed always gives the same inputs."""
        with neutral():
            return self.cases(Draw(seed))
