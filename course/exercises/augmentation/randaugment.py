"""Exercise augmentation.randaugment: n operations for each picture, all of strength m, in a random direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course.exercises.augmentation.common import LIBRARIES, far_from_even
from course.exercises.chance import linked_signs, repeats
from course.exercises.exercise import Case, Draw, Exercise, Lent, Property, mistakes

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
    """Operation k: counts its calls in row 0, column k of a picture, and adds up its magnitudes in row 1; row 3 says
    when it was called last."""

    def operation(x: Tensor, magnitude: Any) -> Tensor:
        y = x.clone()
        notes = y.detach().numpy()  # the same memory; with NumPy, as there are thousands of calls on a few numbers each
        notes[..., 0, k] += 1
        if not isinstance(magnitude, int | float):
            magnitude = torch.as_tensor(magnitude, dtype=x.dtype).detach().reshape(-1, *[1] * (x.ndim - 3)).numpy()
        notes[..., 1, k] += magnitude
        notes[..., 3, k] = notes[..., 0, :].sum(-1)
        return y

    return operation


def drive(randaugment: Callable[..., Any], x: Tensor, n: int, m: float, kinds: int, seed: int) -> dict[str, Any]:
    """Twice from one generator, and once again from a generator with the same seed; `kinds` operations to choose from.

    The operations write down in each picture that they were there.
    """
    operations = [tracer(k) for k in range(kinds)]
    generator, lent = torch.Generator().manual_seed(seed), Lent(x)
    answers = {
        "first answer": randaugment(lent.copy(), n, m, list(operations), generator),
        "second answer": randaugment(lent.copy(), n, m, list(operations), generator),
        "first answer again": randaugment(lent.copy(), n, m, list(operations), torch.Generator().manual_seed(seed)),
    }
    lent.returned()
    return answers


def cases(draw: Draw) -> list[Case]:
    """Pictures (N, 1, 4, kinds): three empty rows for the operations' notes, and one with the picture's number."""

    def run(label: str, pictures: int, n: int, m: float, kinds: int, kind: Any = "varied") -> Case:
        x = torch.zeros(pictures, 1, 4, kinds)
        x[:, 0, 2] = torch.arange(pictures)[:, None].float()
        return Case(label, (x, n, m, kinds, draw.seed()), kind)

    return [
        run("one operation for each picture", 60, 1, 9.0, 4, "hand"),
        run("two of four", 260, 2, draw.uniform(1, 9), 4),
        run("three of sixteen", 100, 3, draw.uniform(1, 9), 16),
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
    if total and abs(plus - total / 2) > 2.75 * math.sqrt(total):
        return f"{plus} of {total} magnitudes are +m; both directions should be equally likely"
    return None


def _operation_lopsided(inputs: Inputs, answer: Answer) -> str | None:
    """As `_lopsided`, for each operation on its own."""
    counts, sums = (notes.sum(0) for notes in _notes(inputs, answer))
    far = sums.abs() > 5.5 * counts.sqrt()
    if not bool(far.any()):
        return None
    k = int(far.float().argmax())
    plus, times = int(counts[k] + sums[k] + 0.5) // 2, int(counts[k])
    return f"operation {k} had the magnitude +m in {plus} of {times} times; both directions should be equally likely"


def _repeats(inputs: Inputs, answer: Answer) -> str | None:
    """Pictures at a fixed distance go through the same operations, or in the same directions."""
    y = answer["first answer"][:, 0]
    calls = ("first answer", "second answer")
    signs = torch.stack([_notes(inputs, {"first answer": answer[call]})[1].sum(1) for call in calls])
    lag = repeats(y[:, [0, 1, 3]]) or repeats(y[:, 0]) or linked_signs(signs, inputs[1])
    what = "have operations or directions that depend on each other"
    return f"pictures that are {lag} apart {what}: draw for each picture" if lag else None


def _sign_by_operation(inputs: Inputs, answer: Answer) -> str | None:
    counts, sums = _notes(inputs, answer)
    fixed = bool(((sums.sum(0).abs() - counts.sum(0)).abs() < 0.5).all())
    return "each operation goes in the same direction in all pictures" if fixed and inputs[1] else None


def _sign_by_picture(inputs: Inputs, answer: Answer) -> str | None:
    sums = _notes(inputs, answer)[1].sum(1).abs()
    if inputs[1] > 1 and bool(((sums - inputs[1]).abs() < 0.5).all()):
        return f"the {inputs[1]} operations of a picture always go in the same direction"
    return None


def _signs_linked(inputs: Inputs, answer: Answer) -> str | None:
    """The sum of n independent signs has the mean square n, within five and a half standard deviations."""
    squares, n = _notes(inputs, answer)[1].sum(1).square(), inputs[1]
    spread = math.sqrt(2 * n * (n - 1) / len(squares))
    if n > 1 and abs(float(squares.mean()) - n) > 5.5 * spread:
        return f"the directions of a picture's {n} operations depend on each other; draw one for each"
    return None


def _in_order(inputs: Inputs, answer: Answer) -> str | None:
    """Of two different operations, the one that stands first in the list is applied first half of the time."""
    if inputs[1] != 2:
        return None
    counts, when = _notes(inputs, answer)[0], answer["first answer"][:, 0, 3]
    when = when[counts.amax(1) == 1]
    first, second = (torch.where(when == step, 1, 0).argmax(1) for step in (1, 2))
    rising, total = int((first < second).sum()), len(when)
    if total and abs(rising - total / 2) > 2.75 * math.sqrt(total):
        return f"in {rising} of {total} pictures the operations come in the order of the list; they come as drawn"
    return None


def _same_for_all(inputs: Inputs, answer: Answer) -> str | None:
    counts = _notes(inputs, answer)[0]
    if inputs[1] and bool((counts == counts[0]).all()):
        return "all pictures of the batch went through the same operations"
    return None


def _times_drawn(inputs: Inputs, answer: Answer) -> list[int]:
    """How often each operation came in both calls together."""
    calls = ({"first answer": answer[call]} for call in ("first answer", "second answer"))
    return [int(t) for t in sum((_notes(inputs, call)[0].sum(0) for call in calls), torch.zeros(inputs[3]))]


def _never(inputs: Inputs, answer: Answer) -> str | None:
    times = _times_drawn(inputs, answer)
    return f"operation {times.index(0)} was never drawn" if inputs[1] and 0 in times else None


def _uneven(inputs: Inputs, answer: Answer) -> str | None:
    times = _times_drawn(inputs, answer)
    if far_from_even(times):
        mean = sum(times) / len(times)
        k = max(range(len(times)), key=lambda k: abs(times[k] - mean))
        return f"operation {k} was drawn {times[k]} times out of {sum(times)}; expected about {mean:.0f}"
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
    """The magnitude is always +m, or always −m, so pictures turn and move one way only; let its sign be random."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            y[i : i + 1] = operations[k](y[i : i + 1], m)
    return y


def direction_for_the_batch(x, n, m, operations, generator):
    """The directions are the same in the whole batch; each picture needs random ones of its own, one for each of its
    operations."""
    y = x.clone()
    signs = (torch.randint(2, (n,), generator=generator) * 2 - 1).tolist()
    for i in range(len(x)):
        for sign in signs:
            k = int(torch.randint(len(operations), (), generator=generator))
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
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


def sometimes_nothing(x, n, m, operations, generator):
    """Some magnitudes are 0, so nothing happens: the direction is +1 or −1, never 0 (torch.randint(2) gives 0 and 1,
    torch.randint(−1, 2) also 0)."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            sign = int(torch.randint(-1, 2, (), generator=generator))
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def in_the_lists_order(x, n, m, operations, generator):
    """The operations of a picture come in the order of the list; apply them in the order in which they were drawn."""
    y = x.clone()
    for i in range(len(x)):
        for k in sorted(torch.randint(len(operations), (n,), generator=generator).tolist()):
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def ends_too_seldom(x, n, m, operations, generator):
    """The first and the last operation come too seldom: round() halves their chances. Draw whole numbers with
    torch.randint."""
    y = x.clone()
    for i in range(len(x)):
        for _ in range(n):
            k = round(float(torch.rand((), generator=generator)) * (len(operations) - 1))
            sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
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
    """Each picture goes through one operation only; it must be n, one after the other: does each begin with what the
    one before has made?"""
    y = x.clone()
    for i in range(len(x)):
        k = int(torch.randint(len(operations), (), generator=generator))
        sign = 1 if torch.rand((), generator=generator) < 0.5 else -1
        y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def result_thrown_away(x, n, m, operations, generator):
    """Nothing changes: an operation returns new pictures, so put what it returns into picture i."""
    return x.clone()


def on_the_whole_batch(x, n, m, operations, generator):
    """Each picture's operations were applied to the whole batch: change picture i alone, y[i : i + 1]."""
    y = x.clone()
    for _ in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            y = operations[k](y, m if torch.rand((), generator=generator) < 0.5 else -m)
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
    """Some operations never come, the last or others: `torch.randint(k, …)` draws 0 … k−1 already, so k is
    len(operations), however long the list."""
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


def some_one_way(x, n, m, operations, generator):
    """Some operations always go in the same direction; the direction is drawn for each step, whatever its operation."""
    y = x.clone()
    for i in range(len(x)):
        for k in torch.randint(len(operations), (n,), generator=generator).tolist():
            sign = 1 if k < len(operations) / 2 or torch.rand((), generator=generator) < 0.5 else -1
            y[i : i + 1] = operations[k](y[i : i + 1], sign * m)
    return y


def drawn_for_half(x, n, m, operations, generator):
    """There are fewer draws than pictures: pictures at a fixed distance get the same ones. Draw operations and
    directions for each picture."""
    half = (len(x) + 1) // 2
    chosen = torch.randint(len(operations), (half, n), generator=generator).repeat(2, 1)
    signs = (torch.randint(2, (half, n), generator=generator) * 2 - 1).repeat(2, 1)
    y = x.clone()
    for i in range(len(x)):
        for k, sign in zip(chosen[i].tolist(), signs[i].tolist(), strict=True):
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
    def shown(inputs: Inputs, answer: Answer) -> bool:
        """Only where each picture went through n operations of strength m, so that the rest can be looked at."""
        fine = not any(test(inputs, answer) for test in (_shape, _order, _count, _strength))
        return fine and all(s(inputs, answer) for s in symptoms)

    return shown


def _always_one_way(inputs: Inputs, answer: Answer) -> str | None:
    """All magnitudes of both calls have one sign."""
    signs = [_signs(inputs, {"first answer": answer[call]}) for call in ("first answer", "second answer")]
    (total, plus), (_, again) = signs
    return "one way" if plus == again and plus in (0, total) else None


def _one_way_each_step(inputs: Inputs, answer: Answer) -> str | None:
    """In each call the magnitudes of all pictures add up alike."""
    sums = [_notes(inputs, {"first answer": answer[call]})[1].sum(1) for call in ("first answer", "second answer")]
    return "alike" if all(bool(((s - s[0]).abs() < 1e-3).all()) for s in sums) else None


def _ends_seldom(inputs: Inputs, answer: Answer) -> str | None:
    """The two ends of the list come up, but together far less often than two others."""
    total = torch.tensor(_times_drawn(inputs, answer))
    ends = total[[0, -1]] * inputs[3] / total.sum()
    return "seldom" if float(ends.min()) > 0.2 and float(ends.mean()) < 0.82 and float(ends.max()) < 1 else None


def _some_fixed(inputs: Inputs, answer: Answer) -> str | None:
    """Some operations, but not all, came often and always in one direction."""
    counts, sums = (notes.sum(0) for notes in _notes(inputs, answer))
    fixed = ((sums.abs() - counts).abs() < 0.5) & (counts > 7)
    return "fixed" if bool(fixed.any()) and not bool(fixed.all()) else None


def _with_zeros(inputs: Inputs, answer: Answer) -> bool:
    counts, sums = _notes(inputs, answer)
    single = sums[counts == 1]
    whole = bool(_near_whole(sums)) and bool((sums.abs() <= counts + 1e-3).all())
    return whole and bool((single.abs() < 1e-3).any()) and not _count(inputs, answer)


def _near_whole(sums: Tensor) -> bool:
    return bool(((sums - sums.round()).abs() < 1e-3).all())


def _batchwise(same_signs: bool) -> Callable[[Inputs, Answer], bool]:
    def shown(inputs: Inputs, answer: Answer) -> bool:
        sums = _notes(inputs, answer)[1]
        alike = not _count(inputs, answer) and bool(_same_for_all(inputs, answer))
        return alike and bool((sums == sums[0]).all()) == same_signs

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
    sizes = sums[counts == 1].abs()
    several = len(sizes) > 5 and bool(sizes.std() > 0.05) and not _near_whole(sums)
    return several and bool((sums.abs() <= counts + 1e-3).all()) and not _count(inputs, answer)


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
        Property("each operation goes in both directions equally often", _operation_lopsided),
        Property("each step has its own direction", _sign_by_picture),
        Property("directions do not depend on each other", _signs_linked),
        Property("all operations occur", _never),
        Property("steps are drawn independently", _always_the_same),
        Property("operations may come twice", _never_twice),
        Property("all operations are equally likely", _uneven),
        Property("they are applied in the order in which they were drawn", _in_order),
        Property("each picture has draws of its own", _repeats),
        Property("each call draws anew", _repeated),
        Property("the generator decides", _not_repeatable),
    ),
    misconceptions=mistakes(
        all_operations=(all_operations, _all_once),
        one_operation_only=(one_operation_only, _at_most_one),
        result_thrown_away=(result_thrown_away, _times(lambda inputs: 0)),
        on_the_whole_batch=(on_the_whole_batch, _times(lambda inputs: inputs[1] * len(inputs[0]))),
        same_for_the_batch=(same_for_the_batch, _batchwise(True)),
        operations_for_the_batch=(operations_for_the_batch, _batchwise(False)),
        one_direction=(one_direction, _shows(_always_one_way)),
        direction_for_the_batch=(direction_for_the_batch, _shows(_one_way_each_step)),
        random_strength=(random_strength, _weaker),
        sometimes_nothing=(sometimes_nothing, _with_zeros),
        in_the_lists_order=(in_the_lists_order, _shows(_in_order)),
        ends_too_seldom=(ends_too_seldom, _shows(_ends_seldom)),
        some_one_way=(some_one_way, _shows(_some_fixed)),
        sign_per_picture=(sign_per_picture, _shows(_sign_by_picture)),
        last_never_drawn=(last_never_drawn, _shows(_never)),
        same_operation_n_times=(same_operation_n_times, _shows(_always_the_same)),
        without_replacement=(without_replacement, _no_repeats),
        seeded_anew=(seeded_anew, _shows(_repeated)),
        drawn_for_half=(drawn_for_half, _shows(_repeats)),
        generator_ignored=(generator_ignored, _shows(_not_repeatable)),
    ),
    alternatives=(by_masks, stacked, by_sign),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
)
