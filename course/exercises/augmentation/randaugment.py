"""Exercise augmentation.randaugment: n operations for each picture, all of strength m, in a random direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course.exercises.augmentation.common import LIBRARIES
from course.exercises.exercise import Case, Draw, Exercise, Property, mistakes

Inputs = tuple[Tensor, int, float, int, int]
Answer = dict[str, Tensor]


def randaugment(
    x: Tensor, n: int, m: float, operations: list[Callable[..., Tensor]], generator: torch.Generator
) -> Tensor:
    """Draw n operations and directions for each picture, and apply them one after the other."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def tracer(k: int) -> Callable[..., Tensor]:
    """Operation k: counts its calls in row 0, column k of a picture, and adds up its magnitudes in row 1."""

    def operation(x: Tensor, magnitude: Any) -> Tensor:
        y = x.clone()
        y[..., 0, k] += 1
        if not isinstance(magnitude, int | float):
            magnitude = torch.as_tensor(magnitude, dtype=x.dtype).reshape(-1, *[1] * (x.ndim - 3))
        y[..., 1, k] += magnitude
        return y

    return operation


def drive(randaugment: Callable[..., Any], x: Tensor, n: int, m: float, kinds: int, seed: int) -> dict[str, Any]:
    """Twice from one generator, and once again from a generator with the same seed; `kinds` operations to choose from.

    The operations write down in each picture that they were there.
    """
    operations = [tracer(k) for k in range(kinds)]
    generator = torch.Generator().manual_seed(seed)
    return {
        "first answer": randaugment(x, n, m, list(operations), generator),
        "second answer": randaugment(x, n, m, list(operations), generator),
        "first answer again": randaugment(x, n, m, list(operations), torch.Generator().manual_seed(seed)),
    }


def cases(draw: Draw) -> list[Case]:
    """Pictures (N, 1, 3, kinds): two empty rows for the operations' notes, and a third with the picture's number."""

    def run(label: str, pictures: int, n: int, m: float, kinds: int, kind: Any = "varied") -> Case:
        x = torch.zeros(pictures, 1, 3, kinds)
        x[:, 0, 2] = torch.arange(pictures)[:, None].float()
        return Case(label, (x, n, m, kinds, draw.seed()), kind)

    return [
        run("one operation for each picture", 60, 1, 9.0, 4, "hand"),
        run("no operation: nothing changes", 3, 0, 5.0, 3),
        run("three of eight", 40, 3, draw.uniform(1, 9), 8),
        run("two of four", 60, 2, draw.uniform(1, 9), 4),
    ]


def _notes(inputs: Inputs, answer: Answer) -> tuple[Tensor, Tensor]:
    """How often each operation came, and the sum of its magnitudes in units of m; (N, kinds) each."""
    y = answer["first answer"]
    return y[:, 0, 0], y[:, 0, 1] / inputs[2]


def _shape(inputs: Inputs, answer: Answer) -> str | None:
    got, wanted = tuple(answer["first answer"].shape), tuple(inputs[0].shape)
    return None if got == wanted else f"the answer has shape {got}, the pictures {wanted}"


def _order(inputs: Inputs, answer: Answer) -> str | None:
    same = torch.equal(answer["first answer"][:, 0, 2], inputs[0][:, 0, 2])
    return None if same else "the pictures came back in another order"


def _count(inputs: Inputs, answer: Answer) -> str | None:
    counts, n = _notes(inputs, answer)[0].sum(1), inputs[1]
    wrong = (counts != n).nonzero()[:, 0]
    if len(wrong):
        return f"picture {int(wrong[0])} went through {int(counts[wrong[0]])} operations, expected {n}"
    return None


def _strength(inputs: Inputs, answer: Answer) -> str | None:
    counts, sums = _notes(inputs, answer)
    # c steps of ±1 add up to a number between −c and c of the same parity
    odd = ((sums - counts) / 2 - ((sums - counts) / 2).round()).abs() > 1e-3
    wrong = odd | (sums.abs() > counts + 1e-3)
    if not bool(wrong.any()):
        return None
    i, k = wrong.nonzero()[0].tolist()
    times = int(counts[i, k])
    return (
        f"operation {k} changed picture {i} {times} time{'s' * (times != 1)} by {float(sums[i, k] * inputs[2]):.3g} in "
        f"sum; each time it must be +m or −m, m = {inputs[2]:g}"
    )


def _signs(inputs: Inputs, answer: Answer) -> tuple[int, int]:
    """How many steps there were, and how many went in the positive direction."""
    counts, sums = _notes(inputs, answer)
    return int(counts.sum()), int(((counts + sums) / 2).sum().round())


def _one_direction(inputs: Inputs, answer: Answer) -> str | None:
    total, plus = _signs(inputs, answer)
    if total and plus in (0, total):
        return f"all {total} magnitudes are {'+m' if plus else '−m'}"
    return None


def _lopsided(inputs: Inputs, answer: Answer) -> str | None:
    total, plus = _signs(inputs, answer)
    if total and abs(plus - total / 2) > 2.5 * math.sqrt(total):
        return f"{plus} of {total} magnitudes are +m; both directions should be equally likely"
    return None


def _sign_by_operation(inputs: Inputs, answer: Answer) -> str | None:
    counts, sums = _notes(inputs, answer)
    fixed = bool((sums.sum(0).abs() == counts.sum(0)).all())
    return "each operation goes in the same direction in all pictures" if fixed and inputs[1] else None


def _sign_by_picture(inputs: Inputs, answer: Answer) -> str | None:
    sums = _notes(inputs, answer)[1].sum(1).abs()
    if inputs[1] > 1 and bool((sums == inputs[1]).all()):
        return f"the {inputs[1]} operations of a picture always go in the same direction"
    return None


def _same_for_all(inputs: Inputs, answer: Answer) -> str | None:
    counts = _notes(inputs, answer)[0]
    if inputs[1] and bool((counts == counts[0]).all()):
        return "all pictures of the batch went through the same operations"
    return None


def _never(inputs: Inputs, answer: Answer) -> str | None:
    total = _notes(inputs, answer)[0].sum(0)
    if inputs[1] and not bool((total > 0).all()):
        return f"operation {int((total == 0).nonzero()[0])} was never drawn"
    return None


def _uneven(inputs: Inputs, answer: Answer) -> str | None:
    total = _notes(inputs, answer)[0].sum(0)
    draws, p = float(total.sum()), 1 / inputs[3]
    off = (total - draws * p).abs()
    if inputs[1] and float(off.max()) > 6 * math.sqrt(draws * p * (1 - p)):
        k = int(off.argmax())
        return f"operation {k} was drawn {int(total[k])} times out of {draws:.0f}; expected about {draws * p:.0f}"
    return None


def _never_twice(inputs: Inputs, answer: Answer) -> str | None:
    counts = _notes(inputs, answer)[0]
    if inputs[1] > 1 and bool((counts <= 1).all()):
        return "no picture has the same operation twice; they are drawn with replacement"
    return None


def _always_the_same(inputs: Inputs, answer: Answer) -> str | None:
    counts = _notes(inputs, answer)[0]
    if inputs[1] > 1 and bool((counts.amax(1) == inputs[1]).all()):
        return f"the {inputs[1]} operations of a picture are always the same one"
    return None


def _repeated(inputs: Inputs, answer: Answer) -> str | None:
    same = torch.equal(answer["first answer"], answer["second answer"])
    return "the second call does the same as the first" if same and inputs[1] else None


def _not_repeatable(inputs: Inputs, answer: Answer) -> str | None:
    same = torch.equal(answer["first answer"], answer["first answer again"])
    return None if same else "the same generator seed gave another result"


def one_direction(x, n, m, operations, generator):
    """The magnitude is always +m, so pictures turn and move one way only; let its sign be random, too."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            y[i : i + 1] = operations[k](y[i : i + 1], m)
    return y


def same_for_the_batch(x, n, m, operations, generator):
    """One draw serves the whole batch: draw operations and directions for each picture."""
    for k in torch.randint(len(operations), (n,), generator=generator).tolist():
        sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
        x = operations[k](x, sign * m)
    return x


def operations_for_the_batch(x, n, m, operations, generator):
    """The directions differ, but all pictures go through the same operations: draw those for each picture, too."""
    y, chosen = x.clone(), torch.randint(len(operations), (n,), generator=generator).tolist()
    for i in range(len(x)):
        for k in chosen:
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def random_strength(x, n, m, operations, generator):
    """The strength is random, up to m: in RandAugment it is always m, and only the direction is random."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            size = (2 * torch.rand((), generator=generator) - 1) * m
            y[i : i + 1] = operations[k](y[i : i + 1], size)
    return y


def without_replacement(x, n, m, operations, generator):
    """An operation never comes twice in the same picture; the lecture draws with replacement (np.random.choice)."""
    y = x.clone()
    for i in range(len(x)):
        rest: list[int] = []
        while len(rest) < n:
            rest += torch.randperm(len(operations), generator=generator).tolist()
        for k in rest[:n]:
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def one_operation_only(x, n, m, operations, generator):
    """Each picture goes through one operation only; it must be n, one after the other."""
    y = x.clone()
    for i in range(len(x) if n else 0):
        k = int(torch.randint(len(operations), (), generator=generator))
        sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
        y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def all_operations(x, n, m, operations, generator):
    """Every picture goes through all operations; draw n of them."""
    y = x.clone()
    for i in range(len(x)):
        for operation in operations:
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operation(y[i : i + 1], sign * m)
    return y


def last_never_drawn(x, n, m, operations, generator):
    """The last operation never comes: `torch.randint(k, …)` draws 0 … k−1 already, so k is len(operations)."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations) - 1, (n,), generator=generator).tolist():
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def same_operation_n_times(x, n, m, operations, generator):
    """One operation is drawn and repeated n times; draw a new one for each step."""
    y = x.clone()
    for i in range(len(x)):
        k = int(torch.randint(len(operations), (), generator=generator))
        for _ in range(n):
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def sign_per_picture(x, n, m, operations, generator):
    """All operations of a picture go in the same direction; draw one for each step."""
    y = x.clone()
    for i in range(len(x)):
        sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def generator_ignored(x, n, m, operations, generator):
    """The generator is ignored: pass it on, as in torch.randint(…, generator=generator), so that runs can be
    repeated."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,)).tolist():
            y[i : i + 1] = operations[k](y[i : i + 1], m if torch.rand(()) < 0.5 else -m)
    return y


def seeded_anew(x, n, m, operations, generator):
    """Each call does the same: draw from the generator that was passed, do not make or seed one."""
    generator = torch.Generator().manual_seed(0)
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def by_masks(x, n, m, operations, generator):  # noqa: D103
    y = x.clone()
    chosen = torch.randint(len(operations), (n, len(x)), generator=generator)
    sign = torch.randint(2, (n, len(x)), generator=generator) * 2 - 1
    for step in range(n):
        for k, operation in enumerate(operations):
            rows = chosen[step] == k
            y[rows] = operation(y[rows], m * sign[step][rows])
    return y


def stacked(x, n, m, operations, generator):  # noqa: D103
    done = []
    for picture in x:
        for _ in range(n):
            k = int(torch.rand((), generator=generator) * len(operations))
            picture = operations[k](picture, m if torch.rand((), generator=generator) > 0.5 else -m)
        done.append(picture)
    return torch.stack(done)


def by_sign(x, n, m, operations, generator):  # noqa: D103
    y = x.clone()
    for _ in range(n):
        which = torch.randint(len(operations), (len(x),), generator=generator)
        size = m * torch.randn(len(x), generator=generator).sign()
        y = torch.cat([operations[int(k)](p[None], s) for p, k, s in zip(y, which, size, strict=True)])
    return y


def _shows(*symptoms: Callable[[Inputs, Answer], str | None]) -> Callable[[Inputs, Answer], bool]:
    return lambda inputs, answer: all(s(inputs, answer) for s in symptoms)


def _batchwise(same_signs: bool) -> Callable[[Inputs, Answer], bool]:
    def shown(inputs: Inputs, answer: Answer) -> bool:
        sums = _notes(inputs, answer)[1]
        return bool(_same_for_all(inputs, answer)) and bool((sums == sums[0]).all()) == same_signs

    return shown


def _times(number: Callable[[Inputs], int]) -> Callable[[Inputs, Answer], bool]:
    def shown(inputs: Inputs, answer: Answer) -> bool:
        counts = _notes(inputs, answer)[0]
        return number(inputs) != inputs[1] and bool((counts.sum(1) == number(inputs)).all())

    return shown


def _all_once(inputs: Inputs, answer: Answer) -> bool:
    return bool((_notes(inputs, answer)[0] == 1).all())


def _at_most_one(inputs: Inputs, answer: Answer) -> bool:
    return _times(lambda inputs: 1)(inputs, answer) and inputs[3] > 1


def _weaker(inputs: Inputs, answer: Answer) -> bool:
    counts, sums = _notes(inputs, answer)
    return bool((sums.abs() <= counts + 1e-3).all()) and bool(_strength(inputs, answer)) and not _count(inputs, answer)


def _no_repeats(inputs: Inputs, answer: Answer) -> bool:
    counts = _notes(inputs, answer)[0]
    rounds = -(-inputs[1] // inputs[3])
    return not _same_for_all(inputs, answer) and not _count(inputs, answer) and bool((counts <= rounds).all())


EXERCISE = Exercise(
    name="augmentation.randaugment",
    title="N operations of strength M",
    signature="randaugment(x, n, m, operations, generator)",
    points=2,
    minutes=12,
    difficulty=2,
    idea=(
        "For each picture draw n times, and each draw is two decisions: which operation, and in which direction. "
        "Apply it at once, so that the next operation gets what this one made."
    ),
    pseudocode="""
    y ← copy of x
    for each picture i, n times:
        k ← random operation, all equally likely
        s ← +1 or −1, equally likely
        y_i ← operation k with magnitude s·m, applied to y_i
    """,
    reference=randaugment,
    cases=cases,
    drive=drive,
    compare=False,
    properties=(
        Property("the shape stays", _shape),
        Property("the pictures keep their order", _order),
        Property("each picture goes through n operations", _count),
        Property("each has strength m", _strength),
        Property("pictures have operations of their own", _same_for_all),
        Property("both directions occur", _one_direction),
        Property("both directions are equally likely", _lopsided),
        Property("an operation goes in either direction", _sign_by_operation),
        Property("each step has its own direction", _sign_by_picture),
        Property("all operations occur", _never),
        Property("steps are drawn independently", _always_the_same),
        Property("operations may come twice", _never_twice),
        Property("all operations are equally likely", _uneven),
        Property("each call draws anew", _repeated),
        Property("the generator decides", _not_repeatable),
    ),
    misconceptions=mistakes(
        all_operations=(all_operations, _all_once),
        one_operation_only=(one_operation_only, _at_most_one),
        same_for_the_batch=(same_for_the_batch, _batchwise(True)),
        operations_for_the_batch=(operations_for_the_batch, _batchwise(False)),
        one_direction=(one_direction, _shows(_one_direction)),
        random_strength=(random_strength, _weaker),
        sign_per_picture=(sign_per_picture, _shows(_sign_by_picture)),
        last_never_drawn=(last_never_drawn, _shows(_never)),
        same_operation_n_times=(same_operation_n_times, _shows(_always_the_same)),
        without_replacement=(without_replacement, _no_repeats),
        seeded_anew=(seeded_anew, _shows(_repeated)),
        generator_ignored=(generator_ignored, _shows(_not_repeatable)),
    ),
    alternatives=(by_masks, stacked, by_sign),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
)
