"""Exercise regularization.l2_objective: the loss, and half of λ times the squared norm of the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import regularization
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes


def drive(
    l2_objective: Callable[..., Any], loss: Tensor, params: list[Tensor], lam: float, matrices_only: bool
) -> dict[str, Any]:
    """The objective, and its gradient: the loss has slope 1 in each parameter, and the value `loss` here."""
    live = [p.clone().requires_grad_() for p in params]
    slope = torch.stack([p.sum() for p in live]).sum()
    given, handed = loss + (slope - slope.detach()), list(live)
    value = l2_objective(given, handed, lam, matrices_only)
    # It got stand-ins, so what it did to them is done to the arguments: whoever looks for edits looks there.
    loss.copy_(given.detach().reshape(()))
    params[:] = [p.detach() if isinstance(p, Tensor) else p for p in handed]
    if not isinstance(value, Tensor):
        plain = "a plain number has no gradient (leave out .item(), float())"
        what = plain if isinstance(value, int | float) else f"it returned a value of type {type(value).__name__}"
        raise Unusable(f"l2_objective must return a tensor with one number: {what}.")
    if value.numel() != 1:
        raise Unusable(f"R is one number; what came back has shape {tuple(value.shape)}.")
    value = value.reshape(())
    grads = torch.autograd.grad(value, live, allow_unused=True) if value.requires_grad else [None] * len(live)
    found = {f"gradient of params[{i}]": torch.zeros_like(p) if g is None else g for i, (p, g) in _pairs(live, grads)}
    return {"R": value.detach()} | found


def _pairs(live: list[Tensor], grads: Any) -> Any:
    return enumerate(zip(live, grads, strict=True))


def cases(draw: Draw) -> list[Case]:
    """Two weights by hand; a network's matrices and vectors, with all of them and with the matrices alone."""

    def run(label: str, shapes: tuple[tuple[int, ...], ...], matrices_only: bool, lam: float | None = None) -> Case:
        strength = draw.uniform(0.3, 2.5) if lam is None else lam
        return Case(
            label, (torch.tensor(draw.uniform(0.5, 3)), [draw.normal(*s) for s in shapes], strength, matrices_only)
        )

    by_hand = (torch.tensor(1.0), [torch.tensor([[3.0, 0.0]]), torch.tensor([[-4.0]])], 0.5, False)
    layer, norm = ((3, 4), (3,)), ((2, 3, 3, 3), (2,), (2,), (4, 2), (4,))
    fresh = [draw.normal(3, 2), torch.zeros(3)]
    return [
        Case("L = 1, weights 3, 0 and −4, λ = 0.5", by_hand, "hand"),
        run("λ = 0", layer, False, 0.0),
        run("one matrix", ((draw.integer(2, 4), 3),), True),
        run("a matrix and its bias, both", layer, False),
        run("a matrix and its bias, the matrix alone", layer, True),
        run("kernels, normalisation and a linear layer, all", norm, False),
        run("kernels, normalisation and a linear layer, matrices only", norm, True),
        run("a matrix, its bias and a single number, the matrix alone", (*layer, ()), True),
        run("a matrix, its bias and a single number, all", (*layer, ()), False),
        run("a small matrix and a long vector, the matrix alone", ((2, 2), (7,)), True),
        run("one output, 1×1 kernels, the matrices alone", ((1, 4), (1,), (2, 3, 1, 1), (2,), (2, 1)), True),
        Case("a bias that is still 0", (torch.tensor(draw.uniform(0.5, 3)), fresh, draw.uniform(0.3, 2.5), False)),
        run("a strong λ", ((5, 2), (5,), (2, 5), (2,)), draw.integer(0, 1) == 1, draw.uniform(5, 20)),
    ]


def no_half(loss, params, lam, matrices_only):
    """The factor ½ is missing: R = L + ½ λ ‖Θ‖². It makes the gradient ∇L + λΘ, without a 2."""
    return loss + lam * sum((p**2).sum() for p in params if p.ndim > 1 or not matrices_only)


def norm_not_squared(loss, params, lam, matrices_only):
    """This adds the norm; it must be squared, ‖Θ‖², which is the plain sum of squares without a root."""
    return loss + 0.5 * lam * (sum((p**2).sum() for p in params if p.ndim > 1 or not matrices_only) + 1e-24).sqrt()


def norms_not_squared(loss, params, lam, matrices_only):
    """This adds up the norms of the tensors; each must be squared: ‖Θ‖² is the sum of all squares, without roots."""
    return loss + 0.5 * lam * sum(p.norm() for p in params if p.ndim > 1 or not matrices_only)


def mean_for_sum(loss, params, lam, matrices_only):
    """The squares are averaged; ‖Θ‖² is their sum, or large layers would hardly count."""
    return loss + 0.5 * lam * sum((p**2).mean() for p in params if p.ndim > 1 or not matrices_only)


def _mean_over_tensors(loss, params, lam, matrices_only):
    kept = [p for p in params if p.ndim > 1 or not matrices_only]
    return loss + 0.5 * lam * sum((p**2).sum() for p in kept) / len(kept)


def _mean_of_all(loss, params, lam, matrices_only):
    kept = [p.flatten() for p in params if p.ndim > 1 or not matrices_only]
    return loss + 0.5 * lam * (torch.cat(kept) ** 2).mean()


def absolute_values(loss, params, lam, matrices_only):
    """This adds up absolute values, the L1 norm; the lecture's regulariser adds up squares."""
    return loss + 0.5 * lam * sum(p.abs().sum() for p in params if p.ndim > 1 or not matrices_only)


def sum_then_square(loss, params, lam, matrices_only):
    """The numbers are summed before they are squared, so that plus and minus cancel; square each of them first."""
    return loss + 0.5 * lam * sum(p.sum() ** 2 for p in params if p.ndim > 1 or not matrices_only)


def always_all(loss, params, lam, matrices_only):
    """matrices_only is ignored: when it is true, tensors with one dimension (biases, normalisation) stay out."""
    return loss + 0.5 * lam * sum((p**2).sum() for p in params)


def never_vectors(loss, params, lam, matrices_only):
    """Biases are always left out; they count unless matrices_only is true."""
    return loss + 0.5 * lam * sum((p**2).sum() for p in params if p.ndim > 1)


def condition_reversed(loss, params, lam, matrices_only):
    """The condition is the wrong way round: vectors stay out when matrices_only is true, not when it is false."""
    return loss + 0.5 * lam * sum((p**2).sum() for p in params if p.ndim > 1 or matrices_only)


def vectors_only(loss, params, lam, matrices_only):
    """With matrices_only the vectors are kept and the matrices left out; keep those with ndim ≥ 2."""
    return loss + 0.5 * lam * sum((p**2).sum() for p in params if p.ndim < 2 or not matrices_only)


def kernels_left_out(loss, params, lam, matrices_only):
    """matrices_only keeps tensors with exactly two dimensions; a convolution's kernels have four and decay too."""
    return loss + 0.5 * lam * sum((p**2).sum() for p in params if p.ndim == 2 or not matrices_only)


def long_axes_counted(loss, params, lam, matrices_only):
    """A matrix with a single row or column, or a 1×1 kernel, was taken for a vector; what counts is how many dimensions
    there are (ndim), not how long they are."""
    return loss + 0.5 * lam * sum((p**2).sum() for p in params if p.squeeze().ndim > 1 or not matrices_only)


def _several_rows(loss, params, lam, matrices_only):
    kept = [p for p in params if not matrices_only or (p.ndim > 1 and min(p.shape[:2]) > 1)]
    return loss + 0.5 * lam * sum((p**2).sum() for p in kept)


def _more_than_a_row(loss, params, lam, matrices_only):
    kept = [p for p in params if not matrices_only or (p.ndim > 0 and p.numel() > p.shape[0])]
    return loss + 0.5 * lam * sum((p**2).sum() for p in kept)


def root_at_zero(loss, params, lam, matrices_only):
    """Where all numbers of a tensor are 0, as fresh biases are, the gradient is nan: a root has no slope there, even if
    it is squared afterwards. Add up the squares without taking a root."""
    kept = [p for p in params if p.ndim > 1 or not matrices_only]
    return loss + 0.5 * lam * sum((p**2).sum().sqrt() ** 2 for p in kept)


def list_cut_while_looping(loss, params, lam, matrices_only):
    """Tensors were taken out of a list while a loop ran over it, so that the loop missed the one after each: make a new
    list of those that count, [p for p in params if …]."""
    params = list(params)
    if matrices_only:
        for i, p in enumerate(params):
            if p.ndim < 2:
                params.pop(i)
    return loss + 0.5 * lam * sum((p**2).sum() for p in params)


def scalars_kept(loss, params, lam, matrices_only):
    """With matrices_only only tensors with exactly one dimension are left out; a single number has none and stays out
    too: keep those with ndim ≥ 2."""
    return loss + 0.5 * lam * sum((p**2).sum() for p in params if p.ndim != 1 or not matrices_only)


def first_only(loss, params, lam, matrices_only):
    """Only the first tensor counts; ‖Θ‖² runs over all of them: is a return inside the loop?"""
    for p in params:
        if p.ndim > 1 or not matrices_only:
            return loss + 0.5 * lam * (p**2).sum()
    return loss


def last_only(loss, params, lam, matrices_only):
    """Only the last tensor counts; in a loop each round must add to what is there, not begin with the loss again."""
    result = loss
    for p in params:
        if p.ndim > 1 or not matrices_only:
            result = loss + 0.5 * lam * (p**2).sum()
    return result


def loss_for_each_tensor(loss, params, lam, matrices_only):
    """The loss is added once for each tensor; it counts once, and the sum runs over the squares alone."""
    return sum(loss + 0.5 * lam * (p**2).sum() for p in params if p.ndim > 1 or not matrices_only)


def loss_forgotten(loss, params, lam, matrices_only):
    """This is the penalty alone; add it to the loss."""
    return 0.5 * lam * sum((p**2).sum() for p in params if p.ndim > 1 or not matrices_only)


def subtracted(loss, params, lam, matrices_only):
    """The penalty is subtracted, which rewards large weights; it must be added."""
    return loss - 0.5 * lam * sum((p**2).sum() for p in params if p.ndim > 1 or not matrices_only)


def no_lambda(loss, params, lam, matrices_only):
    """λ is missing: it says how much the penalty counts."""
    return loss + 0.5 * sum((p**2).sum() for p in params if p.ndim > 1 or not matrices_only)


def whole_times_lambda(loss, params, lam, matrices_only):
    """λ also multiplies the loss; only the penalty is weighted, R = L + ½ λ ‖Θ‖²."""
    return lam * (loss + 0.5 * sum((p**2).sum() for p in params if p.ndim > 1 or not matrices_only))


def no_gradient(loss, params, lam, matrices_only):
    """The value is right, but a gradient is lost, that of the loss, of the penalty or of both, so that training does
    not notice it: no detach, no .item(), no torch.tensor(…) and no no_grad()."""
    return loss + 0.5 * lam * sum((p.detach() ** 2).sum() for p in params if p.ndim > 1 or not matrices_only)


def _nothing_has_a_gradient(loss, params, lam, matrices_only):
    return no_gradient(loss, params, lam, matrices_only).detach()


def _loss_has_no_gradient(loss, params, lam, matrices_only):
    return loss.detach() + 0.5 * lam * sum((p**2).sum() for p in params if p.ndim > 1 or not matrices_only)


def by_loop(loss, params, lam, matrices_only):  # noqa: D103
    for p in params:
        if matrices_only and p.dim() < 2:
            continue
        loss = loss + lam / 2 * torch.sum(p * p)
    return loss


def one_vector(loss, params, lam, matrices_only):  # noqa: D103
    chosen = [p.flatten() for p in params if not matrices_only or len(p.shape) > 1]
    theta = torch.cat(chosen)
    return loss + 0.5 * lam * theta.dot(theta)


def by_norm(loss, params, lam, matrices_only):  # noqa: D103
    kept = [p for p in params if p.ndim > 1] if matrices_only else params
    return loss + 0.5 * lam * sum(torch.linalg.vector_norm(p) ** 2 for p in kept)


EXERCISE = Exercise(
    name="regularization.l2_objective",
    title="The L2-regularised objective",
    signature="l2_objective(loss, params, lam, matrices_only)",
    points=2,
    minutes=8,
    difficulty=1,
    idea=(
        "The price of a network is half of λ times the sum of all its squared numbers, added to the loss. Decide "
        "first which tensors pay, then sum; if you stay with tensors all the way, the gradient comes for free."
    ),
    pseudocode="""
    P ← all tensors, or those with two dimensions and more
    s ← Σ over tensors in P of (sum of their squared entries)
    R ← L + ½ · λ · s
    """,
    reference=regularization.l2_objective,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            no_half,
            norm_not_squared,
            norms_not_squared,
            absolute_values,
            sum_then_square,
            always_all,
            never_vectors,
            condition_reversed,
            vectors_only,
            kernels_left_out,
            scalars_kept,
            root_at_zero,
            list_cut_while_looping,
            first_only,
            last_only,
            loss_for_each_tensor,
            loss_forgotten,
            subtracted,
            no_lambda,
            whole_times_lambda,
        ),
        mistake(long_axes_counted, _several_rows, _more_than_a_row),
        mistake(mean_for_sum, _mean_of_all, _mean_over_tensors),
        mistake(no_gradient, _nothing_has_a_gradient, _loss_has_no_gradient),
    ),
    alternatives=(by_loop, one_vector, by_norm),
    note="Return one number as a tensor, made of `loss` and of the tensors in `params` with torch's operations.",
    forbidden=("course.regularization",),
)
