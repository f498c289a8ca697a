"""Which operations, how likely and how strong: AutoAugment's policies and RandAugment.

Drawing is separate from applying: `draw_policy` and `draw_randaugment` say what happens to each picture, as operations
and magnitudes (N, steps), and `course.augmentation.apply_steps` does it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course.augmentation._checks import device_of, pictures
from course.augmentation.operations import NAMES, RANDAUGMENT, SIGNED, apply_steps, number, strengths

Step = tuple[str, float, int]
"""Operation, probability, level 0 … 9."""

Policy = Sequence[Sequence[Step]]
"""Sub-policies, each of them steps one after the other."""

SVHN_POLICY: Policy = (
    (("ShearX", 0.9, 7), ("Invert", 0.2, 3)),
    (("ShearY", 0.7, 6), ("Solarize", 0.4, 8)),
    (("ShearX", 0.9, 4), ("AutoContrast", 0.8, 3)),
    (("Invert", 0.9, 3), ("Equalize", 0.6, 3)),
    (("ShearY", 0.8, 5), ("AutoContrast", 0.7, 3)),
)
"""The five sub-policies on the lecture's slide, found on SVHN. Invert, AutoContrast and Equalize ignore their level."""

LEVELS = 10
"""How many levels AutoAugment has."""

# ---------------------------------------------------------------------------------------------- AutoAugment


def apply_policy(
    x: Tensor, policy: Policy = SVHN_POLICY, generator: torch.Generator | None = None, per_batch: bool = False
) -> Tensor:
    """AutoAugment: each picture goes through one sub-policy, drawn at random, whose steps happen by their probability.

    Args:
        x: pictures (N, C, H, W) with C = 1 or 3, uint8 or floating point in [0, 1].
        policy: sub-policies of steps (operation, probability, level 0 … 9).
        generator: where the randomness comes from.
        per_batch: one sub-policy for all pictures, as the slide has it ("randomly select a group for each batch");
            the paper draws one for each picture. Whether a step happens, and its sign, is drawn per picture either way.

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: a step is not valid, or x is not a batch of pictures.

    Source: lecture, "AutoAugment & RandAugment"; Cubuk et al., "AutoAugment" (2019).
    """
    count, _, H, W = pictures(x).shape
    return apply_steps(x, *draw_policy(count, policy, H, W, generator, per_batch))


def draw_policy(
    n: int,
    policy: Policy,
    H: int,
    W: int,
    generator: torch.Generator | None = None,
    per_batch: bool = False,
) -> tuple[Tensor, Tensor]:
    """What AutoAugment does to each of n pictures of size H × W; see `apply_policy`.

    Returns:
        Operations, int64 (n, steps), with Identity where a step does not happen, and magnitudes (n, steps), with signs.

    Raises:
        ValueError: a step is not valid.
    """
    names, probability, levels = _table(policy)
    device = device_of(generator)
    group = torch.randint(len(policy), (1 if per_batch else n,), generator=generator, device=device).expand(n)
    happens = torch.rand(n, names.shape[1], generator=generator, device=device) < probability.to(device)[group]
    operation, level = names.to(device)[group], levels.to(device)[group]
    magnitude = _signed(operation, level, LEVELS, H, W, generator)
    return torch.where(happens, operation, 0), torch.where(happens, magnitude, 0.0)


def _table(policy: Policy) -> tuple[Tensor, Tensor, Tensor]:
    """Operation, probability and level of each step, (sub-policies, steps) each; short sub-policies are filled up."""
    steps = max((len(group) for group in policy), default=0)
    if not steps:
        raise ValueError("a policy needs at least one sub-policy with at least one step")
    for name, probability, level in (step for group in policy for step in group):
        number(name)
        if not 0 <= probability <= 1 or level not in range(LEVELS):
            raise ValueError(
                f"need a probability in [0, 1] and a level 0 … {LEVELS - 1}, got {(name, probability, level)}"
            )
    nothing: Step = ("Identity", 0.0, 0)
    rows = [[*group, *[nothing] * (steps - len(group))] for group in policy]
    return (
        torch.tensor([[number(name) for name, _, _ in row] for row in rows]),
        torch.tensor([[float(probability) for _, probability, _ in row] for row in rows]),
        torch.tensor([[level for _, _, level in row] for row in rows]),
    )


# ---------------------------------------------------------------------------------------------- RandAugment


def randaugment(x: Tensor, n: int = 2, m: int = 9, generator: torch.Generator | None = None, bins: int = 31) -> Tensor:
    """RandAugment: each picture goes through n operations, drawn from the fourteen with equal probability, at level m.

    Args:
        x: pictures (N, C, H, W) with C = 1 or 3, uint8 or floating point in [0, 1].
        n: N of the lecture: how many operations one after the other, ≥ 0.
        m: M of the lecture: how strong, 0 … bins − 1.
        generator: where the randomness comes from.
        bins: number of levels, 31 as in torchvision; with bins = 11, m = 9 is nine tenths of the most.

    Returns:
        Shape and dtype of x.

    Raises:
        ValueError: a number outside its range, or x is not a batch of pictures.

    Source: lecture, "AutoAugment & RandAugment"; Cubuk et al., "RandAugment" (2020).
    `torchvision.transforms.v2.RandAugment` takes the same operations for all pictures of a batch.
    """
    count, _, H, W = pictures(x).shape
    return apply_steps(x, *draw_randaugment(count, n, m, H, W, generator, bins))


def draw_randaugment(
    pictures: int, n: int, m: int, H: int, W: int, generator: torch.Generator | None = None, bins: int = 31
) -> tuple[Tensor, Tensor]:
    """What RandAugment does to each of so many pictures of size H × W; see `randaugment`.

    Returns:
        Operations, int64 (pictures, n), and magnitudes (pictures, n), with signs.

    Raises:
        ValueError: a number outside its range.
    """
    if n < 0 or m not in range(bins):
        raise ValueError(f"need n ≥ 0 and m in 0 … {bins - 1}, got n = {n} and m = {m}")
    device = device_of(generator)
    operation = torch.randint(len(RANDAUGMENT), (pictures, n), generator=generator, device=device)
    return operation, _signed(operation, torch.full_like(operation, m), bins, H, W, generator)


def _signed(operation: Tensor, level: Tensor, bins: int, H: int, W: int, generator: torch.Generator | None) -> Tensor:
    """Magnitudes of operations at their levels, where an operation has two directions in either of them."""
    device = operation.device
    both = torch.tensor([name in SIGNED for name in NAMES], device=device)
    backwards = torch.rand(operation.shape, generator=generator, device=device) < 0.5
    size = strengths(bins, H, W).to(device)[operation, level]
    return torch.where(both[operation] & backwards, -size, size)
