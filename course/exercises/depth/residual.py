"""Exercise depth.residual: a block with a gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import depth
from course.exercises.depth.common import mixing
from course.exercises.exercise import Case, Draw, Exercise, gradients, mistake, mistakes


def drive(residual: Callable[..., Any], x: Tensor, weight: Tensor, offset: Tensor, b: Tensor) -> Any:
    """One block, whose branch is f(x) = offset · (1 + ½ sin(weight x)), and its gradients."""
    leaves = {"x": x.clone(), "branch": offset.clone()}
    gates = b.clone()
    y = residual(x, mixing(weight, offset), b)
    if not isinstance(y, Tensor):
        return {"y": y}
    return {"y": y} | gradients(lambda x, branch: residual(x, mixing(weight, branch), gates), **leaves)


def cases(draw: Draw) -> list[Case]:
    """One sample by hand, all gates open, all closed, then mixed ones; as many samples as channels or columns."""

    def data(label: str, *shape: int, b: list[int] | None = None) -> Case:
        n, d = shape[:2]
        gates = torch.tensor(b or draw.labels(n, 2).tolist(), dtype=torch.float32)
        if b is None:
            gates[draw.integer(0, n // 2 - 1)], gates[draw.integer(n // 2, n - 1)] = 1.0, 0.0
        # as large as x, of both signs: sums on both sides of 0
        signs = torch.ones(d)
        signs[::2] = -1
        offset = signs * torch.tensor([draw.uniform(0.8, 1.6) for _ in range(d)])
        return Case(label, (draw.normal(*shape).abs(), draw.normal(d, d), offset, gates))

    by_hand = (torch.tensor([[7.0, 1.0], [7.0, 1.0]]), torch.zeros(2, 2), torch.tensor([2.0, -4.0]))
    n = draw.integer(4, 6)
    return [
        Case("f(x) = (2, −4); x = (7, 1) with b = 1 and with b = 0", (*by_hand, torch.tensor([1.0, 0.0])), "hand"),
        data("all blocks active", 3, 4, b=[1, 1, 1]),
        data("no block active: the identity", 3, 4, b=[0, 0, 0]),
        data("as many samples as features", n, n),
        data("more samples than features", 7, 3),
        data("feature maps", 4, 3, 4, 4, b=[0, 1, 1, 0]),
        data("feature maps as wide as the batch", n, 2, 3, n),
    ]


def _per_sample(b: Tensor, x: Tensor) -> Tensor:
    return b.view(-1, *[1] * (x.ndim - 1))


def no_activation(x, branch, b):
    """No activation comes after the sum: the block ends with the ReLU of x + b·f(x)."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return x + b * branch(x)


def identity_dropped(x, branch, b):
    """b = 0 gives 0: the identity is lost. Only the branch has a gate, x itself always passes."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (b * (x + branch(x))).relu()


def identity_gated(x, branch, b):
    """The gate sits on the identity, b·x + f(x); it belongs to the branch, x + b·f(x)."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (b * x + branch(x)).relu()


def gate_reversed(x, branch, b):
    """b = 1 leaves the branch out; it must be b = 0 that does."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (x + (1 - b) * branch(x)).relu()


def no_gate(x, branch, b):
    """The gate is not used: multiply the branch by b."""
    return (x + branch(x)).relu()


def no_identity(x, branch, b):
    """The identity is missing: add x to the gated branch."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (b * branch(x)).relu()


def activation_on_branch(x, branch, b):
    """The ReLU acts on the branch, before the sum; it must come after the sum, ReLU(x + b·f(x))."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return x + b * branch(x).relu()


def input_gated(x, branch, b):
    """The gate sits on the branch's input, f(b·x); f(0) need not be 0, so multiply the output, b·f(x)."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (x + branch(b * x)).relu()


def either_or(x, branch, b):
    """b = 1 gives the branch alone, b = 0 the identity; with b = 1 it must be their sum."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (b * branch(x) + (1 - b) * x).relu()


def branch_twice(x, branch, b):
    """The branch sees its own answer: call it once, on x."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (x + b * branch(branch(x))).relu()


def subtracted(x, branch, b):
    """The branch is subtracted; a residual block adds it."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (x - b * branch(x)).relu()


def one_gate_for_all(x, branch, b):
    """One gate decides for all samples; each sample has a gate of its own."""
    return (x + b[0] * branch(x)).relu()


def any_gate_for_all(x, branch, b):  # noqa: D103 - the same mistake
    return (x + branch(x)).relu() if b.any() else x.relu()


def every_gate_for_all(x, branch, b):  # noqa: D103 - the same mistake
    return (x + branch(x)).relu() if b.all() else x.relu()


def averaged_gate(x, branch, b):
    """The mean gate is used for all samples; each sample has a gate of its own."""
    return (x + b.mean() * branch(x)).relu()


def gates_along_columns(x, branch, b):
    """The gates run along the last axis, not along the samples: reshape b to (N, 1, …), so that it has x's axes."""
    if x.shape[-1] == len(b):
        return (x + b * branch(x)).relu()
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (x + b * branch(x)).relu()


def branch_detached(x, branch, b):
    """The values are right, but no gradient reaches the branch, so it would never learn: leave out .detach() and
    no_grad()."""
    with torch.no_grad():
        change = _per_sample(b, x) * branch(x)
    return (x + change).relu()


def identity_detached(x, branch, b):
    """The values are right, but no gradient passes along the identity, which is what residual blocks are for: leave out
    .detach(), .data, no_grad()."""
    return (x.detach() + _per_sample(b, x) * branch(x)).relu()


def sigmoid_for_relu(x, branch, b):
    """The activation is another one: this block ends with a ReLU."""
    b = b.view(-1, *[1] * (x.ndim - 1))
    return (x + b * branch(x)).sigmoid()


def leaky_for_relu(x, branch, b):  # noqa: D103 - the same mistake
    return torch.nn.functional.leaky_relu(x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x))


def gelu_for_relu(x, branch, b):  # noqa: D103 - the same mistake
    return torch.nn.functional.gelu(x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x))


def capped_relu(x, branch, b):  # noqa: D103 - the same mistake
    return torch.nn.functional.relu6(x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x))


def where_gate_opens(x, branch, b):  # noqa: D103
    return torch.where(_per_sample(b, x) > 0, x + branch(x), x).clamp(min=0)


def survivors_only(x, branch, b):  # noqa: D103
    out = x.clone()
    rows = b.bool()
    if rows.any():
        out[rows] = out[rows] + branch(x[rows])
    return torch.relu(out)


def as_written(x, branch, b):  # noqa: D103
    b = b.view(-1, *[1] * (x.ndim - 1))
    return torch.relu(x + b * branch(x))


def einsum(x, branch, b):  # noqa: D103
    return torch.nn.functional.relu(x + torch.einsum("n,n...->n...", b, branch(x)))


def in_place(x, branch, b):  # noqa: D103
    out = branch(x).mul_(_per_sample(b, x))
    return out.add_(x).relu_()


def one_by_one(x, branch, b):  # noqa: D103
    rows = [x[i : i + 1] + branch(x[i : i + 1]) if b[i] else x[i : i + 1] for i in range(len(x))]
    return torch.cat(rows).relu()


EXERCISE = Exercise(
    name="depth.residual",
    title="A residual block with a gate",
    signature="residual(x, branch, b)",
    points=2,
    minutes=6,
    difficulty=1,
    idea=(
        "There is one gate for each sample, but a branch gives many numbers for each sample. Let the gate spread "
        "over all of them by giving it axes of length 1; then it is the formula as it stands."
    ),
    pseudocode="""
    b ← shape (N, 1, …, 1), with as many axes as x
    y ← x + b · f(x)
    y ← max(y, 0), entry by entry
    """,
    reference=depth.residual,
    shown=as_written,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            no_activation,
            identity_dropped,
            identity_gated,
            gate_reversed,
            no_gate,
            no_identity,
            activation_on_branch,
            input_gated,
            either_or,
            branch_twice,
            subtracted,
            averaged_gate,
            gates_along_columns,
            branch_detached,
            identity_detached,
        ),
        mistake(one_gate_for_all, any_gate_for_all, every_gate_for_all),
        mistake(sigmoid_for_relu, leaky_for_relu, gelu_for_relu, capped_relu),
    ),
    alternatives=(as_written, where_gate_opens, survivors_only, einsum, in_place, one_by_one),
    telling=("y",),
    note="b has one number per sample: reshape it to (N, 1, …, 1), with as many axes as x, before multiplying.",
    forbidden=("torchvision.ops.stochastic_depth", "torchvision.ops.StochasticDepth", "timm.layers", "course.depth"),
)
