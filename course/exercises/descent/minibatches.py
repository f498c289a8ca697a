"""Exercise descent.minibatches: a fresh random partition each epoch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import islice, pairwise
from typing import Any

import torch
from torch import Tensor

from course import descent
from course.exercises.exercise import Case, Draw, Exercise, Property, Unusable, mistakes

Inputs = tuple[int, int, int]


def drive(minibatches: Callable[..., Any], n: int, size: int, seed: int) -> dict[str, Any]:
    """Two epochs from one generator, and the first epoch again from a generator with the same seed."""

    def epoch(generator: torch.Generator) -> Any:
        batches = minibatches(n, size, generator)
        if not hasattr(batches, "__iter__"):
            return batches
        # One batch more than any right answer has: a generator without an end is caught, not waited for.
        return [_indices(b) for b in islice(batches, n + 2)]

    generator = torch.Generator().manual_seed(seed)
    return {
        "first epoch": epoch(generator),
        "second epoch": epoch(generator),
        "first epoch again": epoch(torch.Generator().manual_seed(seed)),
    }


def _indices(batch: Any) -> Tensor:
    if isinstance(batch, list | tuple) and any(isinstance(i, Tensor) and i.ndim for i in batch):
        raise Unusable("A batch is a list that holds a tensor: unpack it, so that each batch is a tensor of indices.")
    return torch.as_tensor(batch).detach().clone()


def cases(draw: Draw) -> list[Case]:
    """Sizes that divide N, that do not, that exceed it."""
    size = draw.integer(5, 9)
    n = size * draw.integer(10, 12)  # never size², where two mistakes look alike
    return [
        Case("N is a multiple of B", (n, size, draw.seed()), "hand"),
        # so many in a batch that one batch more of nearly the same size would hold all
        Case("one sample is left for the last batch", (10 * size + 1, 2 * size, draw.seed())),
        Case("the last batch lacks one sample", (n + size - 1, size, draw.seed())),
        Case("one batch holds everything", (n, n, draw.seed())),
        Case("B larger than N", (n, n + 3, draw.seed())),
        Case("single samples", (draw.integer(32, 40), 1, draw.seed())),
    ]


def _flat(epoch: list[Tensor]) -> list[int]:
    return [int(i) for batch in epoch for i in batch.flatten().tolist()]


def _epochs(answer: dict[str, list[Tensor]]) -> list[list[int]]:
    return [_flat(answer[name]) for name in ("first epoch", "second epoch", "first epoch again")]


def _repeats(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    flat = _flat(answer["first epoch"])
    twice = next((i for i in flat if flat.count(i) > 1), None)
    return None if twice is None else f"index {twice} appears more than once in one epoch"


def _misses(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    for flat in _epochs(answer):
        if any(not 0 <= i < inputs[0] for i in flat):
            return f"indices must lie in 0 … {inputs[0] - 1}, got {next(i for i in flat if not 0 <= i < inputs[0])}"
        missing = sorted(set(range(inputs[0])) - set(flat))
        if missing:
            return f"{len(missing)} of {inputs[0]} samples never appear, e.g. index {missing[0]}"
        if len(flat) != inputs[0]:
            return f"an epoch holds {len(flat)} indices for {inputs[0]} samples"
    return None


def _are_indices(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    for batch in answer["first epoch"]:
        if batch.ndim != 1:
            return f"each batch must be a one-dimensional tensor of indices; one has shape {tuple(batch.shape)}"
        if batch.dtype in (torch.bool, torch.uint8):
            return f"indices need the type int64; torch takes {str(batch.dtype)[6:]} for a mask"
    return None


def _sizes(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    n, size, _ = inputs
    wanted = [size] * (n // size) + ([n % size] if n % size else [])
    for name in ("first epoch", "second epoch"):
        got = [b.numel() for b in answer[name]]
        if got != wanted:
            return f"batch sizes are {_short(got)}, expected {_short(wanted)}"
    return None


def _short(sizes: list[int]) -> str:
    return str(sizes) if len(sizes) <= 8 else f"{len(sizes)} batches: [{sizes[0]}, {sizes[1]}, …, {sizes[-1]}]"


def _not_shuffled(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    if inputs[1] >= inputs[0]:
        return None  # the order within a batch does not matter, and here there is only one
    first = _flat(answer["first epoch"])
    return "the samples come in their original order" if first == list(range(inputs[0])) else None


def _consecutive(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    batches = [sorted(_flat([b])) for b in answer["first epoch"]]
    if inputs[1] < 3 or len(batches) < 2 or any(len(b) < 2 for b in batches[:-1]):
        return None
    runs = all(b[-1] - b[0] == len(b) - 1 for b in batches if b)
    return "each batch is a run of neighbours: whole blocks are shuffled, not samples" if runs else None


def _regular(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    flat, n = _flat(answer["first epoch"]), inputs[0]
    step, count = Counter((b - a) % n for a, b in pairwise(flat)).most_common(1)[0]
    if inputs[1] < n and count > n / 3:
        return f"{count} of {n} samples come {step} places after the one before: that is hardly shuffled"
    return None


def _drifts(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    """Over two epochs the samples' numbers must not rise or fall with their places more than once in 10⁹ times."""
    n, size, _ = inputs
    middle = (n - 1) / 2
    turned = [(place - middle) * (i - middle) for flat in _epochs(answer)[:2] for place, i in enumerate(flat)]
    if size < n and abs(sum(turned)) > 6.5 * math.sqrt(2 / (n - 1)) * n * (n * n - 1) / 12:
        where = "early" if sum(turned) > 0 else "late"
        return f"samples with small numbers come {where} in an epoch: shuffle all of them together, not part by part"
    return None


def _same_each_epoch(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    first, second, _ = _epochs(answer)
    return "the second epoch has the same order as the first" if first == second and inputs[1] < inputs[0] else None


def _not_repeatable(inputs: Inputs, answer: dict[str, list[Tensor]]) -> str | None:
    first, _, again = _epochs(answer)
    return "the same generator seed gave another order" if first != again else None


def with_replacement(n, size, generator):
    """Samples are drawn with replacement: some come twice, others not at all; an epoch shows each one once."""
    count = -(-n // size)
    draws = torch.randint(n, (n,), generator=generator)
    return [draws[k * size : (k + 1) * size] for k in range(count)]


def last_part_dropped(n, size, generator):
    """The smaller last batch is dropped, so some samples are never seen in that epoch."""
    order = torch.randperm(n, generator=generator)
    return [order[k * size : (k + 1) * size] for k in range(n // size)]


def same_order_each_epoch(n, size, generator):
    """Each epoch has the same order: draw a new permutation from the generator that was passed, do not re-seed."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    return list(order.split(size))


def not_shuffled(n, size, generator):
    """Nothing is shuffled: the batches run through the data in their original order."""
    return list(torch.arange(n).split(size))


def shuffled_in_parts(n, size, generator):
    """Samples stay near their places (are parts of the data shuffled one by one?), so that the first of them always
    come early; shuffle all of them together, torch.randperm(n)."""
    half = n // 2
    first, second = (torch.randperm(k, generator=generator) for k in (half, n - half))
    return torch.cat([first, half + second]).split(size)


def blocks_shuffled(n, size, generator):
    """Only whole blocks are shuffled: neighbours always share a batch; permute the samples first, then cut."""
    blocks = torch.arange(n).split(size)
    order = torch.randperm(len(blocks), generator=generator).tolist()
    if len(order) > 1 and order == list(range(len(order))):
        order = order[::-1]
    return sorted((blocks[k] for k in order), key=len, reverse=True)


def generator_ignored(n, size, generator):
    """The generator is ignored: pass it on, as in torch.randperm(n, generator=generator), so that runs can be repeated."""  # noqa: E501
    return list(torch.randperm(n).split(size))


def one_batch_only(n, size, generator):
    """This is one batch; return all batches of the epoch, which together hold every sample once."""
    return [torch.randperm(n, generator=generator)[:size]]


def count_for_size(n, size, generator):
    """size was taken as the number of batches; it is the number of samples in each batch."""
    return list(torch.randperm(n, generator=generator).chunk(size))


def equal_parts(n, size, generator):
    """The samples are cut into parts of nearly the same size; each batch has B of them, and the last one what is left
    (chunk and tensor_split take the number of parts, split the size)."""
    return list(torch.randperm(n, generator=generator).chunk(max(1, n // size)))


def padded_from_the_front(n, size, generator):
    """The last batch is filled up with samples that were already used; it may simply be smaller."""
    order = torch.randperm(n, generator=generator)
    return list(torch.cat([order, order.repeat(size)[: -n % size]]).split(size))


def sorted_within_batches(n, size, generator):  # noqa: D103
    return [batch.sort().values for batch in torch.randperm(n, generator=generator).split(size)]


def with_yield(n, size, generator):  # noqa: D103
    order = torch.randperm(n, generator=generator)
    for start in range(0, n, size):
        yield order[start : start + size]


def by_sorting_noise(n, size, generator):  # noqa: D103
    order = torch.rand(n, generator=generator).argsort()
    return torch.split(order, size)


def as_lists(n, size, generator):  # noqa: D103
    order = torch.randperm(n, generator=generator).tolist()
    return [order[i : i + size] for i in range(0, len(order), size)]


def _dropped(inputs: Inputs, answer: dict[str, list[Tensor]]) -> bool:
    n, size, _ = inputs
    sizes = [b.numel() for b in answer["first epoch"]]
    return not _repeats(inputs, answer) and n % size > 0 and sizes == [size] * (n // size)


def _alone(inputs: Inputs, answer: dict[str, list[Tensor]]) -> bool:
    n, size, _ = inputs
    epoch = answer["first epoch"]
    return len(epoch) == 1 and len(epoch[0]) == size and size <= n / 2 and not _repeats(inputs, answer)


def _counted(inputs: Inputs, answer: dict[str, list[Tensor]]) -> bool:
    n, size, _ = inputs
    sizes = [b.numel() for b in answer["first epoch"]]
    return not _misses(inputs, answer) and sizes == [c.numel() for c in torch.arange(n).chunk(size)]


def _nearly_equal(inputs: Inputs, answer: dict[str, list[Tensor]]) -> bool:
    n, size, _ = inputs
    sizes, order = [b.numel() for b in answer["first epoch"]], torch.arange(n)
    parts = [order.chunk(max(1, n // size)), order.chunk(-(-n // size))]
    parts += [order.tensor_split(k) for k in (max(1, n // size), -(-n // size))]
    wrong = bool(_sizes(inputs, answer)) and not _misses(inputs, answer)
    return wrong and any(sizes == [len(p) for p in part] for part in parts)


def _padded(inputs: Inputs, answer: dict[str, list[Tensor]]) -> bool:
    n, size, _ = inputs
    flat = _flat(answer["first epoch"])
    return n % size > 0 and set(flat) == set(range(n)) and len(flat) == -(-n // size) * size


def _replaced(inputs: Inputs, answer: dict[str, list[Tensor]]) -> bool:
    flat = _flat(answer["first epoch"])
    indices = not _are_indices(inputs, answer)
    return indices and bool(_repeats(inputs, answer)) and len(set(flat)) < min(inputs[0], len(flat))


def _shows(
    *symptoms: Callable[[Inputs, dict[str, list[Tensor]]], str | None],
) -> Callable[[Inputs, Any], bool]:
    return lambda inputs, answer: all(s(inputs, answer) for s in symptoms)


EXERCISE = Exercise(
    name="descent.minibatches",
    title="Shuffled mini-batches",
    signature="minibatches(n, size, generator)",
    points=2,
    minutes=8,
    difficulty=1,
    idea=(
        "Shuffle once, then cut: if you put all indices into a random order first, consecutive pieces are random "
        "batches and nobody comes twice. The last piece may be shorter."
    ),
    pseudocode="""
    π ← random order of 0 … n−1, drawn from the generator
    batch 1 ← the first B entries of π,  batch 2 ← the next B, …
    the last batch ← what is left
    """,
    reference=descent.minibatches,
    shown=with_yield,
    cases=cases,
    drive=drive,
    compare=False,
    properties=(
        Property("a batch is a list of indices", _are_indices),
        Property("no sample comes twice in an epoch", _repeats),
        Property("every sample comes", _misses),
        Property("all batches have B samples, the last what is left", _sizes),
        Property("the order is shuffled", _not_shuffled),
        Property("samples are shuffled, not blocks", _consecutive),
        Property("no pattern is left in the order", _regular),
        Property("every sample can come at every place", _drifts),
        Property("each epoch has an order of its own", _same_each_epoch),
        Property("the generator decides the order", _not_repeatable),
    ),
    misconceptions=mistakes(
        count_for_size=(count_for_size, _counted),
        equal_parts=(equal_parts, _nearly_equal),
        one_batch_only=(one_batch_only, _alone),
        last_part_dropped=(last_part_dropped, _dropped),
        padded_from_the_front=(padded_from_the_front, _padded),
        with_replacement=(with_replacement, _replaced),
        not_shuffled=(not_shuffled, _shows(_not_shuffled)),
        blocks_shuffled=(blocks_shuffled, _shows(_consecutive)),
        shuffled_in_parts=(shuffled_in_parts, _shows(_drifts)),
        same_order_each_epoch=(same_order_each_epoch, _shows(_same_each_epoch)),
        generator_ignored=(generator_ignored, _shows(_not_repeatable)),
    ),
    alternatives=(sorted_within_batches, with_yield, by_sorting_noise, as_lists),
    note="Return the batches as a list of index tensors (or yield them one by one).",
    forbidden=("torch.utils.data", "course.descent.iterate_batches"),
)
