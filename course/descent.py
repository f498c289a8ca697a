"""Loss, gradient descent, stochastic gradient descent, momentum (lecture section 03).

Notation: parameters w (or Θ), gradient g = ∇L, learning rate η (`lr`), momentum α (`momentum`),
batch size B. Tensors live where their inputs live; randomness comes in as a `torch.Generator`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor], Tensor]
NO_LABEL = torch.iinfo(torch.int64).min
Rate = float | Tensor

# ----------------------------------------------------------------------------------------------- loss


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of class scores, without overflow.

    L = 1/N Σᵢ (log Σₖ exp zᵢₖ − zᵢ,yᵢ), with z the logits; the log-sum-exp subtracts the row's maximum first.

    Args:
        logits: scores z, any real numbers, shape (N, K).
        y: class ids 0 … K−1, shape (N,), integer.

    Returns:
        The mean loss in nats, shape (), differentiable with ∂L/∂z = (softmax(z) − onehot(y)) / N.

    Raises:
        ValueError: shapes do not fit together, or N = 0.

    Source: lecture, "Model training overview"; log-sum-exp: Blanchard, Higham & Higham (2021).
    """
    if logits.ndim != 2 or y.shape != logits.shape[:1] or not len(y):
        raise ValueError(f"need logits (N, K) and y (N,), N > 0; got {tuple(logits.shape)}, {tuple(y.shape)}")
    # log_softmax, not logsumexp(z) − z_y: that difference of two large numbers would lose its digits. nll_loss picks
    # the labels' entries, in half the time of a gather with its gradient; there is no label that it may pass over.
    return F.nll_loss(torch.log_softmax(logits, dim=1), y.long(), ignore_index=NO_LABEL)


# ----------------------------------------------------------------------------- gradient descent, momentum


def gd_step(w: Tensor, grad: Tensor, lr: float) -> Tensor:
    """One step of gradient descent: w − η∇L.

    Args:
        w: parameters, any shape.
        grad: gradient of the loss at w, same shape.
        lr: learning rate η ≥ 0.

    Returns:
        The new parameters; `w` is left as it was.

    Source: lecture, "Gradient descent algorithm".
    """
    return w - lr * grad


def momentum_step(w: Tensor, grad: Tensor, delta: Tensor, lr: Rate, alpha: Rate) -> tuple[Tensor, Tensor]:
    """One step of gradient descent with momentum: Δ ← αΔ + ∇L, then w ← w − ηΔ.

    η stands outside Δ and ∇L has no factor (1 − α), as in `torch.optim.SGD` without dampening.

    Args:
        w: parameters, any shape.
        grad: gradient of the loss at w, same shape.
        delta: the accumulated gradient Δ so far, same shape; zeros before the first step.
        lr: learning rate η ≥ 0.
        alpha: momentum α in [0, 1); 0 is plain gradient descent.

    Returns:
        The new w and the new Δ; the arguments are left as they were.

    Source: lecture, "The momentum SGD"; Polyak (1964).
    """
    delta = alpha * delta + grad
    return w - lr * delta, delta


def gradient_of(loss: Loss, w: Tensor) -> Tensor:
    """∇L at w, by automatic differentiation; same shape as w, no graph attached.

    A loss that returns one number per point (shape (…,) for w of shape (…, D)) is summed first,
    so that many points are differentiated at once.
    """
    with torch.enable_grad():
        point = w.detach().requires_grad_()
        return torch.autograd.grad(loss(point).sum(), point)[0]


def gradient_descent(loss: Loss, w0: Tensor, lr: Rate, steps: int, momentum: Rate = 0.0) -> Tensor:
    """The path w⁽⁰⁾ … w⁽ˢᵗᵉᵖˢ⁾ of gradient descent, with momentum where α > 0.

    Args:
        loss: differentiable function of w; one number, or one per leading index of w (many starts at once).
        w0: start, any shape.
        lr: learning rate η; a tensor that broadcasts against w gives each start its own.
        steps: number of steps, ≥ 0.
        momentum: α in [0, 1), or a tensor likewise.

    Returns:
        Trajectory of shape (steps + 1, *w0.shape); entry 0 is w0.

    Raises:
        ValueError: steps < 0.

    Source: lecture, "Gradient descent algorithm" and "The momentum SGD".
    """
    if steps < 0:
        raise ValueError(f"steps must be ≥ 0, got {steps}")
    w, delta, path = w0.detach(), torch.zeros_like(w0), [w0.detach().clone()]
    for _ in range(steps):
        w, delta = momentum_step(w, gradient_of(loss, w), delta, lr, momentum)
        path.append(w)
    return torch.stack(path)


# -------------------------------------------------------------------------------------- mini-batches, SGD


def minibatches(n: int, size: int, generator: torch.Generator | None = None) -> list[Tensor]:
    """A random partition of the indices 0 … n−1 into batches of B = `size`; the last may be smaller.

    Args:
        n: number of samples N, ≥ 0.
        size: batch size B, ≥ 1.
        generator: source of the permutation; the batches are on its device. Each call draws a new one.

    Returns:
        ⌈N/B⌉ index tensors (int64) which together hold each index once.

    Raises:
        ValueError: size < 1 or n < 0.

    Source: lecture, "Stochastic gradient descent".
    """
    if size < 1 or n < 0:
        raise ValueError(f"need n ≥ 0 and size ≥ 1, got n = {n}, size = {size}")
    device = generator.device if generator is not None else "cpu"
    return list(torch.randperm(n, generator=generator, device=device).split(size)) if n else []


class SGD(torch.optim.Optimizer):
    """Stochastic gradient descent with momentum: Δ ← αΔ + ∇L, w ← w − ηΔ, for all parameters at once.

    Agrees with `torch.optim.SGD` to rounding; Δ is kept as `momentum_buffer`, as there.

    Args:
        params: parameters or parameter groups.
        lr: learning rate η ≥ 0.
        momentum: α in [0, 1); 0 is plain SGD and keeps no state.

    Raises:
        ValueError: lr < 0, or momentum outside [0, 1).

    Source: lecture, "The momentum SGD".
    """

    def __init__(self, params: Any, lr: float, momentum: float = 0.0) -> None:
        if not lr >= 0:
            raise ValueError(f"learning rate must be ≥ 0, got {lr}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
        super().__init__(params, {"lr": lr, "momentum": momentum})

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
                self._move(params, [p.grad for p in params], group["lr"], group["momentum"])
        return loss

    def _move(self, params: list[Tensor], grads: list[Tensor], lr: float, momentum: float) -> None:
        if momentum:
            fresh = [p for p in params if "momentum_buffer" not in self.state[p]]
            for p in fresh:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p, memory_format=torch.preserve_format)
            deltas = [self.state[p]["momentum_buffer"] for p in params]
            torch._foreach_mul_(deltas, momentum)
            torch._foreach_add_(deltas, grads)
            grads = deltas
        torch._foreach_add_(params, grads, alpha=-lr)


def sgd_epoch(model: torch.nn.Module, batches: Iterable[tuple[Tensor, Tensor]], lr: float) -> float:
    """One pass of plain SGD over mini-batches (x, y); each is used once, with a fresh gradient.

    Args:
        model: maps x to logits (B, K); changed in place.
        batches: pairs of inputs and class ids; their sizes may differ.
        lr: learning rate η ≥ 0.

    Returns:
        The mean loss over samples, Σ_b B_b L_b / Σ_b B_b, each L_b before its step.

    Raises:
        ValueError: there is no batch, or lr < 0.

    Source: lecture, "Model training based on stochastic gradient descent".
    """
    if not lr >= 0:
        raise ValueError(f"learning rate must be ≥ 0, got {lr}")
    params, total, count = [p for p in model.parameters() if p.requires_grad], 0.0, 0
    for x, y in batches:
        loss = cross_entropy(model(x), y)
        # Straight to the gradients: with small batches an optimizer's book-keeping takes a quarter of the time.
        pairs = zip(params, torch.autograd.grad(loss, params, allow_unused=True), strict=True)
        moved = {p: g for p, g in pairs if g is not None}
        with torch.no_grad():
            torch._foreach_add_(list(moved), list(moved.values()), alpha=-lr)
        total, count = total + loss.item() * len(y), count + len(y)
    if not count:
        raise ValueError("no batches: nothing to train on")
    return total / count


def iterate_batches(
    x: Tensor, y: Tensor, size: int, generator: torch.Generator | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of shuffled mini-batches (x[i], y[i]); see `minibatches`."""
    for i in minibatches(len(x), size, generator):
        yield x[i.to(x.device)], y[i.to(y.device)]


def train(
    model: torch.nn.Module,
    x: Tensor,
    y: Tensor,
    lr: float,
    epochs: int,
    size: int,
    generator: torch.Generator | None = None,
) -> list[float]:
    """The training loop: `epochs` passes of SGD over freshly shuffled mini-batches of `size` samples.

    Args:
        model: maps x to logits (B, K); changed in place.
        x: inputs, shape (N, …).
        y: class ids, shape (N,).
        lr: learning rate η.
        epochs: passes over the data, ≥ 0.
        size: batch size B.
        generator: decides the order of the samples.

    Returns:
        The mean loss of each epoch, as in `sgd_epoch`.

    Raises:
        ValueError: x and y differ in length, or there is no sample.

    Source: lecture, "Model training based on stochastic gradient descent".
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} inputs, but {len(y)} labels")
    return [sgd_epoch(model, iterate_batches(x, y, size, generator), lr) for _ in range(epochs)]


# --------------------------------------------------------------------------------------- gradient noise


def per_sample_gradients(model: torch.nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """∇L of each sample on its own, all parameters flattened: shape (N, P). One vectorised backward pass.

    The model must treat samples apart (no batch normalisation in training mode).
    """
    params = {k: v.detach() for k, v in model.named_parameters()}

    def loss(params: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        return cross_entropy(torch.func.functional_call(model, params, (image[None],)), label[None])

    grads = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(params, x, y)
    return torch.cat([g.flatten(1) for g in grads.values()], dim=1)


def gradient_noise(
    gradients: Tensor, sizes: Sequence[int], draws: int, generator: torch.Generator | None = None
) -> Tensor:
    """How far the mini-batch gradient strays from the full one: mean of ‖g_B − ḡ‖² over random batches.

    For batches drawn without replacement the expectation is σ²/B · (N − B)/(N − 1), with σ² the mean of
    ‖gᵢ − ḡ‖²: it falls as 1/B while B is small against N, and is 0 at B = N.

    Args:
        gradients: one gradient per sample, shape (N, P), e.g. from `per_sample_gradients`.
        sizes: batch sizes B, each in 1 … N.
        draws: random batches per size.
        generator: source of the batches, on the gradients' device.

    Returns:
        One mean squared distance per size, shape (len(sizes),).

    Raises:
        ValueError: a size outside 1 … N, or draws < 1.

    Source: lecture, "Stochastic gradient descent"; finite-population variance: Cochran (1977), theorem 2.2.
    """
    n = len(gradients)
    if draws < 1 or any(not 1 <= b <= n for b in sizes):
        raise ValueError(f"need draws ≥ 1 and sizes in 1 … {n}, got draws = {draws}, sizes = {list(sizes)}")
    centred = gradients - gradients.mean(0)
    noise = []
    for size in sizes:
        order = torch.rand(draws, n, generator=generator, device=gradients.device).argsort(1)[:, :size]
        weights = torch.zeros(draws, n, device=gradients.device, dtype=gradients.dtype)
        weights.scatter_(1, order, 1 / size)
        noise.append((weights @ centred).square().sum(1).mean())
    return torch.stack(noise)


# ------------------------------------------------------------------------------------------ 2-D surfaces


@dataclass(frozen=True)
class Surface:
    """A loss over the plane: `loss` maps points (…, 2) to values (…,)."""

    name: str
    formula: str
    loss: Loss
    minimum: tuple[float, float] | None
    start: tuple[float, float]
    reach: float = 2.0


def _xy(w: Tensor) -> tuple[Tensor, Tensor]:
    return w[..., 0], w[..., 1]


def ravine(kappa: float = 100.0) -> Surface:
    """The quadratic ½(x² + κy²): a valley κ times steeper across than along; minimum at 0."""

    def loss(w: Tensor) -> Tensor:
        x, y = _xy(w)
        return 0.5 * (x**2 + kappa * y**2)

    return Surface("ravine", f"½(x² + {kappa:g}y²)", loss, (0.0, 0.0), (-1.6, 0.6))


def _two_wells(w: Tensor) -> Tensor:
    x, y = _xy(w)
    return (x**2 - 1) ** 2 + 0.3 * x + y**2


def _saddle(w: Tensor) -> Tensor:
    x, y = _xy(w)
    return x**2 + (y**2 - 1) ** 2 / 4


def _bowl(w: Tensor) -> Tensor:
    return w.square().sum(-1)


SURFACES: dict[str, Surface] = {
    s.name: s
    for s in (
        Surface("bowl", "x² + y²", _bowl, (0.0, 0.0), (-1.6, 1.2)),
        ravine(20.0),
        Surface("local minimum", "(x² − 1)² + 0.3x + y²", _two_wells, (-1.0356, 0.0), (1.8, 1.2)),
        Surface("saddle", "x² + ¼(y² − 1)²", _saddle, (0.0, 1.0), (-1.8, 0.01)),
    )
}
