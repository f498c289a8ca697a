"""Optimizers that give each weight its own learning rate: Adagrad, Adam, AdamW (lecture section 05).

Notation: gradient g = ∇L, learning rate η (`lr`), moments m and v, weight decay λ; all products, squares and roots
are element by element. The steps are functions, one formula each; the optimizers do the same for all parameters of a
network at once, and keep their state under PyTorch's names, so that a `state_dict` can move between ours and theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

# -------------------------------------------------------------------------------------------------- steps


def adagrad_step(w: Tensor, grad: Tensor, v: Tensor, lr: float, eps: float = 1e-10) -> tuple[Tensor, Tensor]:
    """One step of Adagrad: v ← v + g², then w ← w − η / (√v + ε) · g.

    v only grows, so every weight's rate η/√v only falls: fastest where gradients have been large.

    Args:
        w: parameters, any shape.
        grad: gradient g at w, same shape.
        v: sum of squared gradients so far, same shape; zeros before the first step.
        lr: learning rate η ≥ 0.
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
    lr: float,
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
        lr: learning rate η ≥ 0.
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
    lr: float,
    weight_decay: float = 0.01,
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
        lr: learning rate η ≥ 0.
        weight_decay: λ ≥ 0.
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


class _Adaptive(torch.optim.Optimizer):
    """What the optimizers have in common: checks, the closure, and one call per parameter group."""

    buffers: tuple[str, ...] = ()
    """Names of the state kept for each weight, PyTorch's."""

    def __init__(self, params: Any, **defaults: Any) -> None:
        for name in ("lr", "weight_decay"):
            if not defaults.get(name, 0) >= 0:
                raise ValueError(f"{name} must be ≥ 0, got {defaults[name]}")
        if not defaults["eps"] > 0:
            raise ValueError(f"eps must be > 0, got {defaults['eps']}")
        if not all(0 <= beta < 1 for beta in defaults.get("betas", ())):
            raise ValueError(f"betas must lie in [0, 1), got {defaults['betas']}")
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Move every parameter that has a gradient; returns the closure's loss, if one was given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                grads = [p.grad for p in params]
                self._move(group, params, grads, [self._state(p) for p in params])
        return loss

    def _state(self, p: Tensor) -> dict[str, Tensor]:
        """The state of a parameter with the number of this step already in it; zeros before the first."""
        if p.grad is not None and p.grad.is_sparse:
            raise ValueError("sparse gradients are not supported: use sparse=False in the embedding")
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            for name in self.buffers:
                state[name] = torch.zeros_like(p, memory_format=torch.preserve_format)
        state["step"] += 1
        return state

    def _move(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Tensor]]
    ) -> None:
        raise NotImplementedError


class Adagrad(_Adaptive):
    """`adagrad_step` for all parameters: v ← v + g², w ← w − η / (√v + ε) · g.

    Agrees with `torch.optim.Adagrad` to rounding.

    Args:
        params: parameters or parameter groups.
        lr: learning rate η ≥ 0.
        eps: ε > 0.

    Raises:
        ValueError: a number outside its range, or (in `step`) sparse gradients.

    Source: lecture, "Adagrad"; Duchi, Hazan & Singer (2011).
    """

    buffers = ("sum",)

    def __init__(self, params: Any, lr: float = 0.01, eps: float = 1e-10) -> None:
        super().__init__(params, lr=lr, eps=eps)

    def _move(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Tensor]]
    ) -> None:
        v = [state["sum"] for state in states]
        torch._foreach_addcmul_(v, grads, grads)
        root = torch._foreach_sqrt(v)
        torch._foreach_add_(root, group["eps"])
        torch._foreach_addcdiv_(params, grads, root, -group["lr"])


class Adam(_Adaptive):
    """`adam_step` for all parameters: w ← w − η m̂ / (√v̂ + ε).

    Agrees with `torch.optim.Adam` to rounding.

    Args:
        params: parameters or parameter groups.
        lr: learning rate η ≥ 0.
        betas: β₁ and β₂ in [0, 1).
        eps: ε > 0.

    Raises:
        ValueError: a number outside its range, or (in `step`) sparse gradients.

    Source: lecture, "Adam"; Kingma & Ba (2015).
    """

    buffers = ("exp_avg", "exp_avg_sq")

    def __init__(
        self, params: Any, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps)

    def _move(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Tensor]]
    ) -> None:
        beta1, beta2 = group["betas"]
        m, v = ([state[name] for state in states] for name in self.buffers)
        steps = [state["step"].item() for state in states]
        torch._foreach_lerp_(m, grads, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
        root = torch._foreach_sqrt(v)
        torch._foreach_div_(root, [(1 - beta2**t) ** 0.5 for t in steps])
        torch._foreach_add_(root, group["eps"])
        torch._foreach_addcdiv_(params, m, root, [-group["lr"] / (1 - beta1**t) for t in steps])


class AdamW(Adam):
    """`adamw_step` for all parameters: w ← (1 − ηλ) w − η m̂ / (√v̂ + ε).

    Agrees with `torch.optim.AdamW` to rounding.

    Args:
        params: parameters or parameter groups.
        lr: learning rate η ≥ 0.
        betas: β₁ and β₂ in [0, 1).
        eps: ε > 0.
        weight_decay: λ ≥ 0.

    Raises:
        ValueError: a number outside its range, or (in `step`) sparse gradients.

    Source: lecture, "Weight decay"; Loshchilov & Hutter (2019).
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        _Adaptive.__init__(self, params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _move(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Tensor]]
    ) -> None:
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        super()._move(group, params, grads, states)
