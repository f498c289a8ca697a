"""Weight decay, early stopping, averages of weights, dropout (lecture section 06).

Notation: parameters Θ, one of them w, gradient g = ∇L, learning rate η (`lr`), strength of the decay λ (`lam`), memory
of the average β (`beta`), probability of dropping p. Randomness comes in as a `torch.Generator`.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from course.descent import Rate

# -------------------------------------------------------------------------------------------- weight decay


def l2_objective(loss: Tensor, params: Iterable[Tensor], lam: float, matrices_only: bool = False) -> Tensor:
    """The regularised objective R = L + ½ λ ‖Θ‖², whose gradient is ∇L + λΘ.

    Args:
        loss: L, shape ().
        params: the parameters Θ, tensors of any shape; ‖Θ‖² is the sum of all their squared numbers.
        lam: λ ≥ 0.
        matrices_only: leave out tensors with fewer than two dimensions: biases, scale and shift of a normalisation.

    Returns:
        R, shape (); differentiable.

    Raises:
        ValueError: λ < 0.

    Source: lecture, "Regularization and weight decay".
    """
    if not lam >= 0:
        raise ValueError(f"lam must be ≥ 0, got {lam}")
    squares = [p.square().sum() for p in params if p.ndim >= 2 or not matrices_only]
    return loss + 0.5 * lam * sum(squares)


def decay_step(w: Tensor, grad: Tensor, lr: Rate, lam: Rate) -> Tensor:
    """One step of gradient descent on R = L + ½ λ ‖w‖², written as weight decay: w ← (1 − λη) w − η g.

    Args:
        w: parameters, any shape.
        grad: g = ∇L at w, of the loss alone, same shape.
        lr: learning rate η ≥ 0, or a tensor that broadcasts against w.
        lam: λ ≥ 0, likewise.

    Returns:
        The new w; the arguments are left as they were.

    Source: lecture, "Regularization and weight decay".
    """
    return (1 - lam * lr) * w - lr * grad


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Two parameter groups for an optimizer: matrices and kernels decay, biases and normalisation's parameters do not.

    Args:
        model: whose parameters need a gradient.
        weight_decay: λ ≥ 0 of those with at least two dimensions.

    Raises:
        ValueError: λ < 0.
    """
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay must be ≥ 0, got {weight_decay}")
    params = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in params if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in params if p.ndim < 2], "weight_decay": 0.0},
    ]


# ------------------------------------------------------------------------------------------- early stopping


class Validated(Protocol):
    """What early stopping looks at: `course.training.History`, or anything with this list."""

    validation_accuracy: list[float]


class EarlyStopping:
    """Remembers the model with the best validation accuracy, and says when there was none better for too long.

    A callback for `fit`: `stop = EarlyStopping(model, patience=3)`, `fit(…, validation=…, after_epoch=[stop])`, and
    afterwards `stop.restore()`. Its answer is true, and training ends, after `patience` epochs in a row that brought
    no accuracy above the best so far; an equal one is not better. The state kept is a copy of all that the model's
    `state_dict` holds, running statistics included.

    Args:
        model: the model that is trained.
        patience: epochs to wait, ≥ 1.

    Attributes:
        best: highest validation accuracy so far; −∞ before the first epoch.
        epoch: the epoch that brought it, counted from 1; 0 before.

    Raises:
        ValueError: patience < 1.

    Source: lecture, "Early stopping"; Prechelt, "Early stopping – but when?" (1998).
    """

    def __init__(self, model: nn.Module, patience: int) -> None:
        if patience < 1:
            raise ValueError(f"patience must be ≥ 1, got {patience}")
        self.model, self.patience = model, patience
        self.best, self.epoch = -math.inf, 0
        self._waited = self._seen = 0
        self._state: dict[str, Any] | None = None

    def __call__(self, history: Validated) -> bool:
        """After an epoch: note its validation accuracy, the last in the history; whether to stop.

        Raises:
            ValueError: the history has no validation accuracy.
        """
        if not history.validation_accuracy:
            raise ValueError("early stopping needs validation data: fit(…, validation=(x, y))")
        self._seen += 1
        self._waited += 1
        if history.validation_accuracy[-1] > self.best:
            self.best, self.epoch, self._waited = history.validation_accuracy[-1], self._seen, 0
            self._state = copy.deepcopy(self.model.state_dict())
        return self._waited >= self.patience

    def restore(self) -> None:
        """Put the best state back into the model.

        Raises:
            RuntimeError: no epoch has been seen.
        """
        if self._state is None:
            raise RuntimeError("there is no state to restore: no epoch with a finite validation accuracy has been seen")
        self.model.load_state_dict(self._state)


# -------------------------------------------------------------------------------------- averages of weights


def ema_update(average: Sequence[Tensor], weights: Sequence[Tensor], beta: float, every: int = 1) -> list[Tensor]:
    """One update of the exponential moving average: Θ̄ ← βᵏ Θ̄ + (1 − βᵏ) Θ, k being the steps since the last one.

    Updated after every step (k = 1) this is the lecture's Θ̄ ← β Θ̄ + (1 − β) Θ. Updated every k steps, β to the power
    of k remembers as many steps as before, about 1/(1 − β). Start with Θ̄ = Θ₀.

    Args:
        average: Θ̄, a list of tensors.
        weights: Θ, tensors of the same shapes; they are left as they are.
        beta: β in [0, 1], for one step.
        every: k ≥ 1.

    Returns:
        The new Θ̄, new tensors.

    Raises:
        ValueError: a number outside its range, or lists that differ in length.

    Source: lecture, "Model weight averaging"; Polyak & Juditsky (1992).
    """
    _check_average(beta, every)
    if len(average) != len(weights):
        raise ValueError(f"need as many averages as weights, got {len(average)} and {len(weights)}")
    memory = beta**every
    return [memory * a + (1 - memory) * w for a, w in zip(average, weights, strict=True)]


class EMA(nn.Module):
    """A copy of a model whose weights are the moving average of the model's: `ema_update` for all of them.

    `ema = EMA(model)` starts the average at the present weights; `ema.update(model)` belongs after each step, such as
    in `fit(…, after_step=[lambda _: ema.update(model)])`; `ema(x)` is the averaged model's answer, in evaluation mode.

    Batch normalisation's running mean and variance are averaged too, since they belong to the weights they were
    measured with; what is no floating-point number (a counter) is copied. With `average_buffers=False` all buffers are
    copied. In either case `torch.optim.swa_utils.update_bn` can measure the statistics anew. After a first update to
    copy Θ₀, `torch.optim.swa_utils.AveragedModel` agrees to rounding (its `use_buffers` is our `average_buffers`).

    Args:
        model: what is copied; its parameters are not changed.
        beta: β in [0, 1], for one step.
        every: move the average at every k-th update only, then with βᵏ.
        average_buffers: see above.
        compiled: compile the update: one pass over the memory. The second update takes the compiler some seconds.

    Raises:
        ValueError: a number outside its range, or (in `update`) a model of another form.

    Source: lecture, "Model weight averaging".
    """

    def __init__(
        self,
        model: nn.Module,
        beta: float = 0.9998,
        every: int = 1,
        average_buffers: bool = True,
        compiled: bool = False,
    ) -> None:
        super().__init__()
        _check_average(beta, every)
        self.module = copy.deepcopy(model).requires_grad_(False)
        self.beta, self.every, self.average_buffers, self.compiled = beta, every, average_buffers, compiled
        self.updates = 0
        self._program = torch.compile(_blend, dynamic=False) if compiled else _blend
        self.eval()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's answer."""
        return self.module(*args, **kwargs)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Note that the model has made a step; move the average if it is time."""
        self.updates += 1
        if self.updates % self.every:
            return
        mine, its = self._parts(self.module), self._parts(model)
        if [t.shape for part in mine for t in part] != [t.shape for part in its for t in part]:
            raise ValueError("the model has other parameters or buffers than the one that EMA was made with")
        (averages, copies), (weights, originals) = mine, its
        on_device = [w if w.device == a.device else w.to(a.device) for a, w in zip(averages, weights, strict=True)]
        self._move(averages, on_device)
        if copies:
            torch._foreach_copy_(copies, originals)

    def _parts(self, model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        """What is averaged, and what is copied."""
        averaged: list[Tensor] = list(model.parameters())
        copied: list[Tensor] = []
        for buffer in model.buffers():
            (averaged if self.average_buffers and buffer.is_floating_point() else copied).append(buffer)
        return averaged, copied

    def _move(self, averages: list[Tensor], weights: list[Tensor]) -> None:
        share = 1 - self.beta**self.every
        if self.compiled and self.updates > self.every:  # averages that are updated once need no compiler
            try:
                self._program(averages, weights, share)
                return
            except Exception as problem:
                self.compiled = False
                reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
                warnings.warn(
                    f"EMA goes on uncompiled, with the same results, since torch.compile failed ({reason})",
                    stacklevel=4,
                )
        torch._foreach_lerp_(averages, weights, share)

    def get_extra_state(self) -> int:
        """How many updates there were: part of the `state_dict`."""
        return self.updates

    def set_extra_state(self, state: int) -> None:
        """Go on counting from there."""
        self.updates = int(state)


def _blend(averages: list[Tensor], weights: list[Tensor], share: float) -> None:
    for a, w in zip(averages, weights, strict=True):
        a.copy_(a + share * (w - a))


def _check_average(beta: float, every: int) -> None:
    if not 0 <= beta <= 1:
        raise ValueError(f"beta must lie in [0, 1], got {beta}")
    if every < 1 or int(every) != every:
        raise ValueError(f"every must be a whole number ≥ 1, got {every}")


# -------------------------------------------------------------------------------------------------- dropout


def dropout_mask(
    shape: Sequence[int], p: float, generator: torch.Generator | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Which numbers stay: True with probability 1 − p, each drawn by itself.

    Args:
        shape: of the mask.
        p: probability of dropping, in [0, 1].
        generator: source of the randomness, on the same device.
        device: where the mask shall live.

    Raises:
        ValueError: p is no probability.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is a probability, in [0, 1]; got {p}")
    return torch.rand(tuple(shape), generator=generator, device=device) >= p


def dropout(x: Tensor, p: float, training: bool, generator: torch.Generator | None = None) -> Tensor:
    """Set each number to 0 with probability p and divide the others by 1 − p; out of training, change nothing.

    The division keeps the expectation: E[dropout(x)] = x, so that nothing need be done at test time.

    Args:
        x: activations, any shape.
        p: probability of dropping, in [0, 1]; 1 drops everything.
        training: whether to drop at all.
        generator: source of the mask, on x's device.

    Returns:
        Same shape and type as x; differentiable.

    Raises:
        ValueError: p is no probability.

    Source: lecture, summary; Srivastava et al. (2014), in the "inverted" form of PyTorch.
    """
    keep = dropout_mask(x.shape, p, generator, x.device) if training else None
    if keep is None or p == 0:
        return x
    return torch.where(keep, x / max(1 - p, torch.finfo(x.dtype).tiny), 0)


class Dropout(nn.Module):
    """`dropout` as a layer, with a generator of its own, so that a training can be repeated.

    Args:
        p: probability of dropping, in [0, 1].
        generator: source of the masks.
    """

    def __init__(self, p: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.p, self.generator = p, generator

    def forward(self, x: Tensor) -> Tensor:
        """Drops in training mode only."""
        return dropout(x, self.p, self.training, self.generator)
