"""Optimizers that give each weight its own learning rate: Adagrad, Adam, AdamW (lecture section 05).

Notation: gradient g = ∇L, learning rate η (`lr`), moments m and v, weight decay λ; all products, squares and roots
are element by element. The steps are functions, one formula each; the optimizers do the same for all parameters of a
network at once, and keep their state under PyTorch's names, so that a `state_dict` can move between ours and theirs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from course.descent import Rate

# -------------------------------------------------------------------------------------------------- steps


def adagrad_step(w: Tensor, grad: Tensor, v: Tensor, lr: Rate, eps: float = 1e-10) -> tuple[Tensor, Tensor]:
    """One step of Adagrad: v ← v + g², then w ← w − η / (√v + ε) · g.

    v only grows, so every weight's rate η/√v only falls: fastest where gradients have been large.

    Args:
        w: parameters, any shape.
        grad: gradient g at w, same shape.
        v: sum of squared gradients so far, same shape; zeros before the first step.
        lr: learning rate η ≥ 0, or a tensor that broadcasts against w.
        eps: ε > 0, outside the root.

    Returns:
        The new w and the new v; the arguments are left as they were.

    Source: lecture, "Adagrad"; Duchi, Hazan & Singer (2011).
    """
    v = v + grad.square()
    return w - lr * grad / (v.sqrt() + eps), v


def adam_step(
    w: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: Rate,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of Adam: running means of g and g², corrected for their start at 0, then w ← w − η m̂ / (√v̂ + ε).

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ). At t = 1, m̂ = g and v̂ = g², so
    that the first step has size η whatever the gradient's scale.

    Args:
        w: parameters, any shape.
        grad: gradient g at w, same shape.
        m: running mean of g, same shape; zeros before the first step.
        v: running mean of g², likewise.
        t: number of this step, counted from 1.
        lr: learning rate η ≥ 0, or a tensor that broadcasts against w.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        eps: ε > 0, outside the root.

    Returns:
        The new w, m and v; the arguments are left as they were.

    Raises:
        ValueError: t < 1.

    Source: lecture, "Adam"; Kingma & Ba (2015), algorithm 1.
    """
    if t < 1:
        raise ValueError(f"steps are counted from 1, got t = {t}")
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad.square()
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adamw_step(
    w: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    t: int,
    lr: Rate,
    weight_decay: Rate = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of AdamW: Adam's step, and (1 − ηλ) w in place of w: decay outside the normalisation.

    w ← (1 − ηλ) w − η m̂ / (√v̂ + ε). Were λw added to the gradient instead, it would be divided by √v̂ like the rest:
    a weight whose gradient is 0 would move by about η whatever λ is.

    Args:
        w: parameters, any shape.
        grad: gradient g of the loss alone, without decay, same shape.
        m: running mean of g; zeros before the first step.
        v: running mean of g², likewise.
        t: number of this step, counted from 1.
        lr: learning rate η ≥ 0, or a tensor that broadcasts against w.
        weight_decay: λ ≥ 0, likewise.
        beta1: β₁ in [0, 1).
        beta2: β₂ in [0, 1).
        eps: ε > 0, outside the root.

    Returns:
        The new w, m and v; the arguments are left as they were.

    Raises:
        ValueError: t < 1.

    Source: lecture, "Adam / AdamW" and "Weight decay"; Loshchilov & Hutter (2019), algorithm 2, with η for their η_t α
    (and ηλ for their η_t λ), as in PyTorch.
    """
    return adam_step(w * (1 - lr * weight_decay), grad, m, v, t, lr, beta1, beta2, eps)


# --------------------------------------------------------------------------------------------- optimizers

BLOCK = 1 << 16
"""Weights that one CPU thread moves at a time, so that they, their gradients and moments stay in its cache."""

PROGRAMS = 8
"""So many sets of parameters are compiled for one optimizer; further ones are moved uncompiled."""

BACKEND = "inductor"
"""What torch.compile compiles with."""

Row = tuple[Tensor, ...]
"""A parameter, its gradient, and its state in the order of `buffers`."""


class _Adaptive(torch.optim.Optimizer):
    """What the optimizers have in common: checks, the closure, blocks, and the compiled update."""

    buffers: tuple[str, ...] = ()
    """Names of the state kept for each weight, PyTorch's."""

    fixed: dict[str, Any] = {}  # noqa: RUF012
    """PyTorch's options that are not offered here, with their only value: a `state_dict` has them for its sake."""

    compiled = False

    def __init__(self, params: Any, compiled: bool, **defaults: Any) -> None:
        self.compiled = compiled
        self._programs: dict[tuple[int, ...], Callable[..., None]] = {}
        self._last: dict[int, tuple[int, ...]] = {}
        _check_options({**self.fixed, **defaults}, self.fixed)
        super().__init__(params, {**self.fixed, **defaults})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own.

        Raises:
            ValueError: a number outside its range, or an option that is not offered here.
        """
        _check_options({**self.defaults, **param_group}, self.fixed)
        super().add_param_group(param_group)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "compiled": self.compiled}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Also how `load_state_dict` ends: nothing is taken over if the saved options are not offered here."""
        for group in state["param_groups"]:
            _check_options(group, self.fixed)
            for name, value in self.fixed.items():
                group.setdefault(name, value)
        super().__setstate__(state)
        self._programs, self._last = {}, {}

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Move every parameter that has a gradient; returns the closure's loss, if one was given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for i, group in enumerate(self.param_groups):
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                if p.grad.is_sparse:
                    raise ValueError("sparse gradients are not supported: use sparse=False in the embedding")
            if not params:
                continue
            states = [self._state(p) for p in params]
            torch._foreach_add_([s["step"] for s in states], 1)
            rows = [(p, p.grad, *[s[name] for name in self.buffers]) for p, s in zip(params, states, strict=True)]
            steps = [s["step"].item() for s in states]
            if self.compiled and self._move_compiled(i, group, rows, steps):
                continue
            for block, t in _blocks(rows, steps):
                self._move(group, t, *map(list, zip(*block, strict=True)))
        return loss

    def _state(self, p: Tensor) -> dict[str, Tensor]:
        """The state of a parameter; zeros before the first step."""
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            for name in self.buffers:
                state[name] = torch.zeros_like(p, memory_format=torch.preserve_format)
        return state

    def _move_compiled(self, index: int, group: dict[str, Any], rows: list[Row], steps: list[float]) -> bool:
        """Move all parameters if the same ones had gradients in the step before; whether that was done."""
        key, device = (index, *(p.data_ptr() for p, *_ in rows)), rows[0][0].device
        same, self._last[index] = self._last.get(index) == key, key
        if key not in self._programs:
            if not same or len(self._programs) >= PROGRAMS or any(p.device != device for p, *_ in rows):
                return False  # a set that came up only once is not worth the compiler's time
            self._programs[key] = _program(self._update)
        precise = any(p.dtype == torch.float64 for p, *_ in rows)
        numbers = [self._numbers(group, t) for t in steps]
        try:
            self._programs[key](
                rows, torch.tensor(numbers, dtype=torch.float64 if precise else torch.float32).to(device)
            )
        except Exception as problem:
            self.compiled = False
            warnings.warn(_uncompiled(type(self).__name__, problem), stacklevel=4)
        return self.compiled

    def _move(self, group: dict[str, Any], steps: list[float], *lists: list[Tensor]) -> None:
        """Move parameters, given their steps' numbers, the parameters, their gradients, and their state."""
        raise NotImplementedError

    @staticmethod
    def _update(p: Tensor, g: Tensor, *buffers_and_numbers: Tensor) -> Row:
        """The same for one parameter, to be compiled: new parameter and state from the old ones and `_numbers`."""
        raise NotImplementedError

    def _numbers(self, group: dict[str, Any], t: float) -> list[float]:
        """What the compiled update needs to know besides tensors. It gets them as a tensor, as they change."""
        raise NotImplementedError


def _check_options(options: dict[str, Any], fixed: dict[str, Any]) -> None:
    for name in ("lr", "weight_decay"):
        if not options.get(name, 0) >= 0:
            raise ValueError(f"{name} must be ≥ 0, got {options[name]}")
    if not options.get("eps", 1) > 0:
        raise ValueError(f"eps must be > 0, got {options['eps']}")
    if not all(0 <= beta < 1 for beta in options.get("betas", ())):
        raise ValueError(f"betas must lie in [0, 1), got {options['betas']}")
    for name, value in fixed.items():
        if options.get(name, value) != value:
            raise ValueError(f"{name}={options[name]} is not offered here, only {name}={value}: use torch.optim")


def _blocks(rows: list[Row], steps: list[float]) -> Iterator[tuple[list[Row], list[float]]]:
    """All rows on an accelerator; on the CPU large ones in parts that fit its cache, small ones together."""
    size, together, numbers = BLOCK * torch.get_num_threads(), list[Row](), list[float]()
    for row, t in zip(rows, steps, strict=True):
        if row[0].device.type != "cpu" or row[0].numel() <= size or not all(x.is_contiguous() for x in row):
            together.append(row)
            numbers.append(t)
            continue
        for parts in zip(*(x.view(-1).split(size) for x in row), strict=True):
            yield [parts], [t]
    if together:
        yield together, numbers


def _apply(update: Callable[..., Row], rows: list[Row], numbers: Tensor) -> None:
    for i in range(len(rows)):
        p, g, *buffers = rows[i]
        for old, new in zip((p, *buffers), update(p, g, *buffers, *numbers[i].unbind()), strict=True):
            old.copy_(new)


def _program(update: Callable[..., Row]) -> Callable[..., None]:
    """`_apply` compiled, for one set of parameters: one pass over the memory instead of one for each operation.

    torch.compile keeps at most eight versions of a function's code, so that each set needs a code object of its own.
    """
    own = FunctionType(_apply.__code__.replace(), _apply.__globals__, _apply.__name__, _apply.__defaults__)
    return partial(torch.compile(own, dynamic=False, backend=BACKEND), update)


def _uncompiled(name: str, problem: Exception) -> str:
    reason = " ".join(line.strip() for line in str(problem).strip().splitlines()[:2]) or type(problem).__name__
    return (
        f"{name}(compiled=True) goes on uncompiled, with the same results, since torch.compile failed ({reason}). "
        "On a CPU it needs a C++ compiler (Linux: g++, macOS: xcode-select --install, Windows: Visual C++)."
    )


class Adagrad(_Adaptive):
    """`adagrad_step` for all parameters: v ← v + g², w ← w − η / (√v + ε) · g.

    Agrees with `torch.optim.Adagrad` to rounding.

    Args:
        params: parameters or parameter groups.
        lr: learning rate η ≥ 0.
        eps: ε > 0.
        compiled: whether to compile the update; see `AdamW`.

    Raises:
        ValueError: a number outside its range, or (in `step`) sparse gradients.

    Source: lecture, "Adagrad"; Duchi, Hazan & Singer (2011).
    """

    buffers = ("sum",)
    fixed = {"lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0, "maximize": False}  # noqa: RUF012

    def __init__(self, params: Any, lr: float = 0.01, eps: float = 1e-10, compiled: bool = False) -> None:
        super().__init__(params, compiled, lr=lr, eps=eps)

    def _move(self, group: dict[str, Any], steps: list[float], *lists: list[Tensor]) -> None:
        params, grads, v = lists
        torch._foreach_addcmul_(v, grads, grads)
        root = torch._foreach_sqrt(v)
        torch._foreach_add_(root, group["eps"])
        torch._foreach_addcdiv_(params, grads, root, -group["lr"])

    @staticmethod
    def _update(p: Tensor, g: Tensor, *rest: Tensor) -> Row:
        v, lr, eps = rest
        v = v + g * g
        return p - lr * g / (v.sqrt() + eps), v

    def _numbers(self, group: dict[str, Any], t: float) -> list[float]:
        return [group["lr"], group["eps"]]


class Adam(_Adaptive):
    """`adam_step` for all parameters: w ← w − η m̂ / (√v̂ + ε).

    Agrees with `torch.optim.Adam` to rounding.

    Args:
        params: parameters or parameter groups.
        lr: learning rate η ≥ 0.
        betas: β₁ and β₂ in [0, 1).
        eps: ε > 0.
        compiled: whether to compile the update; see `AdamW`.

    Raises:
        ValueError: a number outside its range, or (in `step`) sparse gradients.

    Source: lecture, "Adam"; Kingma & Ba (2015).
    """

    buffers = ("exp_avg", "exp_avg_sq")
    fixed = {"weight_decay": 0, "amsgrad": False, "maximize": False, "decoupled_weight_decay": False}  # noqa: RUF012

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        compiled: bool = False,
    ) -> None:
        super().__init__(params, compiled, lr=lr, betas=betas, eps=eps)

    def _move(self, group: dict[str, Any], steps: list[float], *lists: list[Tensor]) -> None:
        params, grads, m, v = lists
        beta1, beta2 = group["betas"]
        if group["weight_decay"]:
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_lerp_(m, grads, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
        root = torch._foreach_sqrt(v)
        torch._foreach_div_(root, [(1 - beta2**t) ** 0.5 for t in steps])
        torch._foreach_add_(root, group["eps"])
        torch._foreach_addcdiv_(params, m, root, [-group["lr"] / (1 - beta1**t) for t in steps])

    @staticmethod
    def _update(p: Tensor, g: Tensor, *rest: Tensor) -> Row:
        m, v, decay, fresh1, beta2, fresh2, eps, rate = rest
        m = m + fresh1 * (g - m)
        v = beta2 * v + fresh2 * g * g
        return decay * p - rate * m / (v.sqrt() + eps), m, v

    def _numbers(self, group: dict[str, Any], t: float) -> list[float]:
        (beta1, beta2), lr = group["betas"], group["lr"]
        root = (1 - beta2**t) ** 0.5  # η m̂ / (√v̂ + ε) = (η root / (1 − β₁ᵗ)) m / (√v + ε root): a division less
        rate, eps = lr * root / (1 - beta1**t), group["eps"] * root
        return [1 - lr * group["weight_decay"], 1 - beta1, beta2, 1 - beta2, eps, rate]


class AdamW(Adam):
    """`adamw_step` for all parameters: w ← (1 − ηλ) w − η m̂ / (√v̂ + ε).

    Agrees with `torch.optim.AdamW` to rounding.

    Args:
        params: parameters or parameter groups.
        lr: learning rate η ≥ 0.
        betas: β₁ and β₂ in [0, 1).
        eps: ε > 0.
        weight_decay: λ ≥ 0.
        compiled: compile the update (`torch.compile`), so that it reads and writes each number once a step. Compiling
            takes about half a minute for a network of 60 parameter tensors, at the second step in which the same
            parameters have gradients, and again when others have; the next time it takes seconds. Learning rates
            may change at any time. Where there is no compiler, a warning says so, and the steps are made uncompiled.

    Raises:
        ValueError: a number outside its range, or (in `step`) sparse gradients.

    Source: lecture, "Weight decay"; Loshchilov & Hutter (2019).
    """

    fixed = {"amsgrad": False, "maximize": False, "decoupled_weight_decay": True}  # noqa: RUF012

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        compiled: bool = False,
    ) -> None:
        _Adaptive.__init__(self, params, compiled, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
