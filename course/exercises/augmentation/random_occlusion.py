"""Exercise augmentation.random_occlusion: hide a square of each picture, somewhere else in each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, far_from_even, pixels
from course.exercises.chance import repeats
from course.exercises.exercise import Case, Draw, Exercise, Lent, Property, mistakes

Inputs = tuple[Tensor, float, int]
Answer = dict[str, Tensor]


def reference(x: Tensor, area: float, generator: torch.Generator) -> Tensor:
    """The library's function, for squares of one size."""
    return augmentation.random_occlusion(x, (area, area), (1.0, 1.0), generator)


def drive(random_occlusion: Callable[..., Any], x: Tensor, area: float, seed: int) -> dict[str, Any]:
    """Twice from one generator, and once again from a generator with the same seed."""
    generator, lent = torch.Generator().manual_seed(seed), Lent(x)
    answers = {
        "first answer": random_occlusion(lent.copy(), area, generator),
        "second answer": random_occlusion(lent.copy(), area, generator),
        "first answer again": random_occlusion(lent.copy(), area, torch.Generator().manual_seed(seed)),
    }
    lent.returned()
    return answers


def cases(draw: Draw) -> list[Case]:
    """Squares of whole pixels, side² out of H·W; sides that have to be rounded; many pictures with few places."""

    def run(label: str, n: int, channels: int, height: int, width: int, side: float, kind: Any = "varied") -> Case:
        x = pixels(draw, n, channels, height, width, low=0.1)  # no pixel is 0 unless it was hidden
        return Case(label, (x, side**2 / (height * width), draw.seed()), kind)

    return [
        run("a quarter of 6×6: squares of 3×3", 120, 1, 6, 6, 3, "hand"),
        run("in colour, a ninth of 6×6", 120, 3, 6, 6, 2),
        run("higher than wide", 120, 1, 7, 6, 5),
        run("wider than high", 120, draw.integer(1, 2), 4, 6, 2),
        run("most of the picture", 60, 1, 5, 5, 4),
        run("a side of 4.4 pixels: 4", 160, 1, 6, 10, 4.4),
        run("a side of 4.6 pixels: 5", 160, 1, 9, 6, 4.6),
        run("many pictures", 600, 1, 5, 6, 2),
    ]


class _Box(NamedTuple):
    top: int
    left: int
    height: int
    width: int


def _hidden(answer: Tensor) -> Tensor:
    """Which pixels are hidden, bool (N, H, W)."""
    return (answer == 0).all(1)


def _boxes(answer: Tensor) -> list[_Box]:
    """The smallest box around what is hidden in each picture; empty boxes if nothing is."""
    mask = _hidden(answer)
    found = []
    for line in (mask.any(2).int(), mask.any(1).int()):  # rows, columns
        first, last = line.argmax(1), line.shape[1] - 1 - line.flip(1).argmax(1)
        found.append((first, torch.where(line.any(1), last - first + 1, 0)))
    (top, height), (left, width) = found
    return [_Box(*row) for row in torch.stack([top, left, height, width], 1).tolist()]


def _side(inputs: Inputs) -> int:
    x, area, _ = inputs
    return round(math.sqrt(area * x.shape[2] * x.shape[3]))


def _shape(inputs: Inputs, answer: Answer) -> str | None:
    got, wanted = tuple(answer["first answer"].shape), tuple(inputs[0].shape)
    return None if got == wanted else f"the answer has shape {got}, the pictures {wanted}"


def _touched(inputs: Inputs, answer: Answer) -> str | None:
    x, y = inputs[0], answer["first answer"]
    strange = ((y != x) & (y != 0)).sum().item()
    if strange:
        return f"{strange} numbers are neither as they were nor 0: hidden pixels become 0, the others stay"
    part = ((y == 0).any(1) != (y == 0).all(1)).sum().item()
    return f"{part} pixels are hidden in some channels only: hide all channels" if part else None


def _none(inputs: Inputs, answer: Answer) -> str | None:
    empty = (~_hidden(answer["first answer"]).flatten(1).any(1)).sum().item()
    return f"in {empty} of {len(inputs[0])} pictures nothing is hidden" if empty else None


def _solid(inputs: Inputs, answer: Answer) -> str | None:
    y = answer["first answer"]
    for i, (box, count) in enumerate(zip(_boxes(y), _hidden(y).sum((1, 2)).tolist(), strict=True)):
        if box.height * box.width != count:
            return f"what is hidden in picture {i} is no solid box: {count} pixels within {box.height}×{box.width}"
    return None


def _sizes(inputs: Inputs, answer: Answer) -> str | None:
    side = _side(inputs)
    for i, box in enumerate(_boxes(answer["first answer"])):
        if (box.height, box.width) != (side, side):
            share = box.height * box.width / inputs[0][0, 0].numel()
            return (
                f"in picture {i} a box of {box.height}×{box.width} pixels is hidden, {100 * share:.0f} % of the "
                f"picture; {100 * inputs[1]:.0f} % are a square of {side}×{side}"
            )
    return None


def _same_box(inputs: Inputs, answer: Answer) -> str | None:
    boxes = set(_boxes(answer["first answer"]))
    return "all pictures are hidden at the same place" if len(boxes) == 1 else None


def _linked(inputs: Inputs, answer: Answer) -> str | None:
    boxes, (h, w), side = _boxes(answer["first answer"]), inputs[0].shape[2:], _side(inputs)
    diagonal = len({b.left - b.top for b in boxes}) == 1 or len({b.left + b.top for b in boxes}) == 1
    if diagonal and min(h, w) > side:
        return "all boxes lie along a diagonal: row and column come from the same random number"
    places, found = (h - side + 1) * (w - side + 1), len({(b.top, b.left) for b in boxes})
    if found < places and places * (1 - 1 / places) ** len(boxes) < 1e-9:  # a right answer reaches all of them
        return f"only {found} of {places} places occur: row and column depend on each other"
    return None


def _places(inputs: Inputs, answer: Answer) -> list[tuple[str, list[int], int]]:
    """Where the boxes begin and how many places there are, for rows and for columns."""
    boxes, (h, w), side = _boxes(answer["first answer"]), inputs[0].shape[2:], _side(inputs)
    return [("row", [b.top for b in boxes], h - side + 1), ("column", [b.left for b in boxes], w - side + 1)]


def _reach(inputs: Inputs, answer: Answer) -> str | None:
    for name, starts, count in _places(inputs, answer):
        missing = sorted(set(range(count)) - set(starts))
        if missing:
            return (
                f"no box begins at {name} {missing[0]} in {len(starts)} pictures; {name}s 0 … {count - 1} should all "
                "occur"
            )
    return None


def _even(inputs: Inputs, answer: Answer) -> str | None:
    """No row and no column comes up far too often or too seldom."""
    for name, starts, count in _places(inputs, answer):
        times, n = [starts.count(k) for k in range(count)], len(starts)
        if far_from_even(times):
            k = max(range(count), key=lambda k: abs(times[k] - n / count))
            return (
                f"{times[k]} of {n} boxes begin at {name} {k}; each of the {count} {name}s should come up "
                f"equally often, about {n / count:.0f} times"
            )
    return None


def _joint(inputs: Inputs, answer: Answer) -> str | None:
    """No pair of a row and a column comes up far too often or too seldom; of few pictures that cannot be told."""
    (_, rows, r), (_, columns, c) = _places(inputs, answer)
    times, n = Counter(zip(rows, columns, strict=True)), len(rows)
    if n >= 25 * r * c and far_from_even([times[i, j] for i in range(r) for j in range(c)]):
        return (
            f"some of the {r * c} places come up far more often than others, though rows and columns do not: row and "
            "column depend on each other"
        )
    return None


def _dealt_out(inputs: Inputs, answer: Answer) -> str | None:
    """Of hundreds of pictures all rows and all columns come up equally often once in 10⁹ times."""
    places = _places(inputs, answer)
    even = [{starts.count(k) for k in range(count)} for _, starts, count in places]
    if len(inputs[0]) >= 500 and all(len(times) == 1 for times in even) and all(p[2] > 3 for p in places):
        return "each row and each column comes up exactly equally often: draw places anew, do not deal them out"
    return None


def _repeats(inputs: Inputs, answer: Answer) -> str | None:
    (_, rows, _), (_, columns, _) = _places(inputs, answer)
    lag = repeats(torch.tensor([rows, columns]).T)
    return f"pictures that are {lag} apart are hidden at the same place: draw anew for each picture" if lag else None


def _neighbours(inputs: Inputs, answer: Answer) -> str | None:
    """Two pictures in a row share a place as often as chance has it, within six standard deviations."""
    (_, rows, r), (_, columns, c) = _places(inputs, answer)
    places, n, p = list(zip(rows, columns, strict=True)), len(rows) - 1, 1 / (r * c)
    alike = sum(a == b for a, b in pairwise(places))
    if alike > n * p + 6 * math.sqrt(n * p * (1 - p)) + 1:
        return f"{alike} of {n} pictures are hidden at the same place as the one before; draw anew for each picture"
    return None


def _shared(inputs: Inputs, answer: Answer) -> str | None:
    return _neighbours(inputs, answer) or _repeats(inputs, answer)


def _elsewhere(inputs: Inputs, answer: Answer) -> str | None:
    """Where some thirty pictures should share the place of the one before, there are some."""
    (_, rows, r), (_, columns, c) = _places(inputs, answer)
    alike = any(a == b for a, b in pairwise(zip(rows, columns, strict=True)))
    if len(rows) - 1 > 20 * r * c and not alike:
        return "no picture is hidden at the same place as the one before; draw without looking at the others"
    return None


def _repeated(inputs: Inputs, answer: Answer) -> str | None:
    same = torch.equal(answer["first answer"], answer["second answer"])
    return "the second call hides the same places as the first" if same else None


def _not_repeatable(inputs: Inputs, answer: Answer) -> str | None:
    same = torch.equal(answer["first answer"], answer["first answer again"])
    return None if same else "the same generator seed gave other places"


def same_box(x, area, generator):
    """The same place is hidden in all pictures: draw a row and a column for each one."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    i = int(torch.randint(h - side + 1, (), generator=generator))
    j = int(torch.randint(w - side + 1, (), generator=generator))
    y = x.clone()
    y[:, :, i : i + side, j : j + side] = 0
    return y


def partly_outside(x, area, generator):
    """Some boxes hang over the edge, so that less is hidden: the last row for `top` is H − side (W − side for
    `left`)."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = int(torch.randint(h, (), generator=generator))
        j = int(torch.randint(w, (), generator=generator))
        p[:, i : i + side, j : j + side] = 0
    return y


def centred_outside(x, area, generator):
    """Some boxes hang over the edge, so that less is hidden: here the whole box must lie within the picture."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = int(torch.randint(h, (), generator=generator)) - side // 2
        j = int(torch.randint(w, (), generator=generator)) - side // 2
        p[:, max(i, 0) : max(i + side, 0), max(j, 0) : max(j + side, 0)] = 0
    return y


def area_in_pixels(x, area, generator):
    """The area was taken for a number of pixels, so hardly anything is hidden; it is a share of the H·W pixels."""
    h, w = x.shape[2:]
    side = max(1, round(area**0.5))
    y = x.clone()
    for p in y:
        i = int(torch.randint(h - side + 1, (), generator=generator))
        j = int(torch.randint(w - side + 1, (), generator=generator))
        p[:, i : i + side, j : j + side] = 0
    return y


def share_of_the_side(x, area, generator):
    """Height and width are `area` times those of the picture: the area is then area², so take the square root."""
    h, w = x.shape[2:]
    return _hide(x, max(1, round(area * h)), generator, max(1, round(area * w)))


def last_place_missing(x, area, generator):
    """The last row and column never occur: `torch.randint(k, …)` draws 0 … k−1, so k is H − side + 1."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = int(torch.randint(h - side, (), generator=generator))
        j = int(torch.randint(w - side, (), generator=generator))
        p[:, i : i + side, j : j + side] = 0
    return y


def pushed_inside(x, area, generator):
    """Boxes near the edge were pushed inside, so that places along it come up too often: draw 0 … H − side evenly."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = min(int(torch.randint(h, (), generator=generator)), h - side)
        j = min(int(torch.randint(w, (), generator=generator)), w - side)
        p[:, i : i + side, j : j + side] = 0
    return y


def rounded_down(x, area, generator):
    """The side is cut off to a whole number, as int() does; round it to the nearest one."""
    h, w = x.shape[2:]
    return _hide(x, int((area * h * w) ** 0.5 + 1e-6), generator)


def rounded_up(x, area, generator):
    """The side is rounded up; round it to the nearest whole number."""
    h, w = x.shape[2:]
    return _hide(x, math.ceil((area * h * w) ** 0.5 - 1e-6), generator)


def side_of_a_square_picture(x, area, generator):
    """The side comes from the height alone, as if pictures were square; it is √(area · H·W)."""
    h, w = x.shape[2:]
    return _hide(x, min(round(area**0.5 * h), h, w), generator)


def rectangle(x, area, generator):
    """What is hidden has the shape of the picture; it must be a square, whose side is √(area · H·W)."""
    h, w = x.shape[2:]
    return _hide(x, round(area**0.5 * h), generator, round(area**0.5 * w))


def one_row_for_all(x, area, generator):
    """All boxes begin in the same row, or in the same column; draw both for each picture."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    i = int(torch.randint(h - side + 1, (), generator=generator))
    for p in y:
        j = int(torch.randint(w - side + 1, (), generator=generator))
        p[:, i : i + side, j : j + side] = 0
    return y


def edges_too_seldom(x, area, generator):
    """Places at the edge come up too seldom: round() halves their chances, a normal number prefers the middle. Draw
    whole numbers with torch.randint."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = round(float(torch.rand((), generator=generator)) * (h - side))
        j = round(float(torch.rand((), generator=generator)) * (w - side))
        p[:, i : i + side, j : j + side] = 0
    return y


def drawn_for_half(x, area, generator):
    """There are fewer draws than pictures: pictures at a fixed distance are hidden at the same place. Draw a row and a
    column for each one."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    half = (len(x) + 1) // 2
    top = torch.randint(h - side + 1, (half,), generator=generator).repeat(2)
    left = torch.randint(w - side + 1, (half,), generator=generator).repeat(2)
    y = x.clone()
    for p, i, j in zip(y, top.tolist(), left.tolist(), strict=False):  # an odd batch
        p[:, i : i + side, j : j + side] = 0
    return y


def dealt_out(x, area, generator):
    """The places are dealt out, so that each comes up equally often; draw each one on its own, and some come up more
    often than others by chance."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    rows, columns = h - side + 1, w - side + 1
    places = torch.randperm(len(x), generator=generator) % (rows * columns)
    y = x.clone()
    for p, place in zip(y, places.tolist(), strict=True):
        i, j = place // columns, place % columns
        p[:, i : i + side, j : j + side] = 0
    return y


def _hide(x, side, generator, width=None):
    h, w = x.shape[2:]
    a, b = side, side if width is None else width
    y = x.clone()
    for p in y:
        i = int(torch.randint(h - a + 1, (), generator=generator))
        j = int(torch.randint(w - b + 1, (), generator=generator))
        p[:, i : i + a, j : j + b] = 0
    return y


def filled(x, area, generator):
    """The box is filled with something else (a mean, grey, white, noise); hidden pixels become 0."""
    hidden = _hide(x, round((area * x.shape[2] * x.shape[3]) ** 0.5), generator)
    return torch.where(hidden == 0, x.mean(), x)


def rows_and_columns_swapped(x, area, generator):
    """Rows and columns are swapped, so that boxes leave pictures that are not square: `top` goes with the height, axis
    2, and `left` with the width, axis 3."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = int(torch.randint(w - side + 1, (), generator=generator))
        j = int(torch.randint(h - side + 1, (), generator=generator))
        p[:, i : i + side, j : j + side] = 0
    return y


def box_for_each_channel(x, area, generator):
    """Each channel has its box at a place of its own; draw one place for the picture and hide all channels there."""
    flat = x.flatten(0, 1)[:, None]
    return _hide(flat, round((area * x.shape[2] * x.shape[3]) ** 0.5), generator).view(x.shape)


def scattered_pixels(x, area, generator):
    """Single pixels are hidden all over the picture; hide one box of neighbours."""
    return x * (torch.rand(len(x), 1, *x.shape[2:], generator=generator) >= area)


def one_channel(x, area, generator):
    """Only some channels are hidden, so the colour changes; hide the box in all of them."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = int(torch.randint(h - side + 1, (), generator=generator))
        j = int(torch.randint(w - side + 1, (), generator=generator))
        p[0, i : i + side, j : j + side] = 0
    return y


def all_but_the_box(x, area, generator):
    """Everything but the box is hidden: the box must become 0, the rest stay."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = torch.zeros_like(x)
    for p, q in zip(x, y, strict=True):
        i = int(torch.randint(h - side + 1, (), generator=generator))
        j = int(torch.randint(w - side + 1, (), generator=generator))
        q[:, i : i + side, j : j + side] = p[:, i : i + side, j : j + side]
    return y


def on_the_diagonal(x, area, generator):
    """Row and column are the same random number, so boxes lie along the diagonal; draw one for each."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i = int(torch.randint(min(h, w) - side + 1, (), generator=generator))
        p[:, i : i + side, i : i + side] = 0
    return y


def generator_ignored(x, area, generator):
    """The generator is ignored: pass it on, as in torch.randint(…, generator=generator), so that runs can be
    repeated."""
    h, w = x.shape[2:]
    side = round((area * h * w) ** 0.5)
    y = x.clone()
    for p in y:
        i, j = int(torch.randint(h - side + 1, ())), int(torch.randint(w - side + 1, ()))
        p[:, i : i + side, j : j + side] = 0
    return y


def seeded_anew(x, area, generator):
    """Each call hides the same places: draw from the generator that was passed, do not make or seed one."""
    h, w = x.shape[2:]
    side, generator = round((area * h * w) ** 0.5), torch.Generator().manual_seed(0)
    y = x.clone()
    for p in y:
        i = int(torch.randint(h - side + 1, (), generator=generator))
        j = int(torch.randint(w - side + 1, (), generator=generator))
        p[:, i : i + side, j : j + side] = 0
    return y


def by_masks(x, area, generator):  # noqa: D103
    n, _, h, w = x.shape
    side = round((area * h * w) ** 0.5)
    top = torch.randint(h - side + 1, (n, 1, 1, 1), generator=generator)
    left = torch.randint(w - side + 1, (n, 1, 1, 1), generator=generator)
    rows, columns = torch.arange(h).view(-1, 1), torch.arange(w)
    inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
    return x.masked_fill(inside, 0)


def loop(x, area, generator):  # noqa: D103
    y, (h, w) = x.clone(), x.shape[2:]
    side = int(math.sqrt(area * h * w) + 0.5)
    for i in range(len(x)):
        top = int(torch.rand((), generator=generator) * (h - side + 1))
        left = int(torch.rand((), generator=generator) * (w - side + 1))
        y[i, :, top : top + side, left : left + side] = 0.0
    return y


def by_the_library(x, area, generator):  # noqa: D103
    return augmentation.random_occlusion(x, area=(area, area), aspect=(1, 1), generator=generator)


def _all_boxes(test: Callable[[Inputs, _Box], bool]) -> Callable[[Inputs, Answer], bool]:
    def shown(inputs: Inputs, answer: Answer) -> bool:
        fine = not (_touched(inputs, answer) or _none(inputs, answer) or _solid(inputs, answer))
        return fine and all(test(inputs, box) for box in _boxes(answer["first answer"]))

    return shown


def _over_the_edge(inputs: Inputs, box: _Box) -> bool:
    (h, w), side = inputs[0].shape[2:], _side(inputs)
    touches = (box.height == side or box.top == 0 or box.top + box.height == h) and (
        box.width == side or box.left == 0 or box.left + box.width == w
    )
    return touches and box.height <= side and box.width <= side


def _outside(start: bool) -> Callable[[Inputs, Answer], bool]:
    """Some boxes are cut by the edge: only the lower or right one (`start` False), or the others as well."""

    def shown(inputs: Inputs, answer: Answer) -> bool:
        boxes, side = _boxes(answer["first answer"]), _side(inputs)
        cut = any((b.top == 0 and b.height < side) or (b.left == 0 and b.width < side) for b in boxes)
        return _all_boxes(_over_the_edge)(inputs, answer) and bool(_sizes(inputs, answer)) and cut == start

    return shown


def _one_pixel(inputs: Inputs, box: _Box) -> bool:
    return (box.height, box.width) == (1, 1)


def _by_share(inputs: Inputs, box: _Box) -> bool:
    x, area, _ = inputs
    size = tuple(max(1, round(area * s)) for s in x.shape[2:])
    return (box.height, box.width) == size != (_side(inputs),) * 2


def _sized(size: Callable[[float, int, int], tuple[int, int]]) -> Callable[[Inputs, Answer], bool]:
    """All boxes have this height and width, which are not the right ones."""

    def shown(inputs: Inputs, box: _Box) -> bool:
        x, area, _ = inputs
        wrong = size(area, *x.shape[2:])
        return (box.height, box.width) == wrong != (_side(inputs),) * 2

    return _all_boxes(shown)


def _one_side(factor: Callable[[int, int], float]) -> Callable[[float, int, int], tuple[int, int]]:
    return lambda area, h, w: (min(round(area**0.5 * factor(h, w)), h, w),) * 2


def _side_of_one(inputs: Inputs, answer: Answer) -> bool:
    return any(_sized(_one_side(f))(inputs, answer) for f in (lambda h, w: h, lambda h, w: w, min))


def _well_formed(inputs: Inputs, answer: Answer) -> bool:
    """A square of the right size is hidden in each picture, so that its places can be looked at."""
    return not any(test(inputs, answer) for test in (_shape, _touched, _none, _solid, _sizes))


def _one_line(inputs: Inputs, answer: Answer) -> bool:
    """Either all begin in one row, or all in one column."""
    (_, rows, r), (_, columns, c) = _places(inputs, answer)
    one_row, one_column = r > 1 and len(set(rows)) == 1, c > 1 and len(set(columns)) == 1
    return _well_formed(inputs, answer) and one_row != one_column


def _towards_the_edge(sign: int) -> Callable[[Inputs, Answer], bool]:
    """The first or the last place comes up too often (or, with −1, both too seldom), though all occur."""

    def shown(inputs: Inputs, answer: Answer) -> bool:
        uneven = bool(_even(inputs, answer))
        if not _well_formed(inputs, answer) or _reach(inputs, answer) or not (uneven or sign > 0):
            return False
        sides = [
            [starts.count(k) * count / len(starts) - 1 for k in (0, count - 1)]
            for _, starts, count in _places(inputs, answer)
            if count > (1 if sign > 0 else 2)
        ]
        if sign < 0:  # of three places, a quarter less often: by chance, one of them may not show it
            ends = [end for line in sides for end in line]
            return bool(ends) and max(ends) < 0.2 and sum(ends) / len(ends) < -0.1
        much = 0.2 if uneven else 0.5  # of few pictures that are alike too often, a little more may be chance
        return bool(sides) and all(max(s) > much for s in sides)

    return shown


def _never_last(inputs: Inputs, answer: Answer) -> bool:
    (h, w), side = inputs[0].shape[2:], _side(inputs)
    boxes = _boxes(answer["first answer"])
    within = all(b.top < h - side and b.left < w - side and (b.height, b.width) == (side, side) for b in boxes)
    return within and bool(_reach(inputs, answer))


def _rest_hidden(inputs: Inputs, answer: Answer) -> bool:
    x, y = inputs[0], answer["first answer"]
    kept = torch.where(y == 0, torch.ones_like(x), 0.0)
    swapped = {"first answer": kept}
    return not _touched(inputs, answer) and not _solid(inputs, swapped) and not _sizes(inputs, swapped)


def _changed(inputs: Inputs, answer: Answer) -> Tensor | None:
    """What has become of the pixels of all boxes, if boxes of the right size were changed, (channels, pixels)."""
    x, y = inputs[0], answer["first answer"]
    changed = (y != x).any(1)
    mask = {"first answer": torch.where(changed[:, None], 0.0, torch.ones_like(x))}
    if _none(inputs, mask) or _solid(inputs, mask) or _sizes(inputs, mask):
        return None
    return torch.where(y == x, math.nan, y).movedim(1, 0)[:, changed]


def _some_channels(inputs: Inputs, answer: Answer) -> bool:
    inside = _changed(inputs, answer)
    return inside is not None and bool(((inside == 0) | inside.isnan()).all()) and bool(inside.isnan().any())


def _not_zero(inputs: Inputs, answer: Answer) -> bool:
    """Nearly everywhere boxes of the right size were changed, to other numbers than 0; some pixel may be so already."""
    (x, *_), y, side = inputs, answer["first answer"], _side(inputs)
    changed = (y != x).any(1)
    boxes = _boxes(torch.where(changed[:, None], 0.0, torch.ones_like(x)))
    right = sum((box.height, box.width) == (side, side) for box in boxes)
    return bool((y[y != x] != 0).all()) and min(right / len(x), changed.sum().item() / (len(x) * side**2)) > 0.9


def _channels_apart(inputs: Inputs, answer: Answer) -> bool:
    """Each channel, taken for a picture, has its box, and in some pictures they are apart."""
    (x, area, seed), y = inputs, answer["first answer"]
    alone = (x.flatten(0, 1)[:, None], area, seed), {"first answer": y.flatten(0, 1)[:, None]}
    return bool(_touched(inputs, answer)) and not any(test(*alone) for test in (_touched, _none, _solid, _sizes))


def _places_swapped(inputs: Inputs, answer: Answer) -> bool:
    """Along the shorter axis boxes leave the picture, along the longer one they never reach its end."""
    (h, w), side = inputs[0].shape[2:], _side(inputs)
    if h == w or _touched(inputs, answer) or _solid(inputs, answer):
        return False
    short, seen = min(h, w), list[tuple[int, int, int, int]]()
    for b in _boxes(answer["first answer"]):
        seen.append((b.top, b.height, b.left, b.width) if h < w else (b.left, b.width, b.top, b.height))
    there = [box for box in seen if box[1]]
    within = all(start <= short - side and size == side for _, _, start, size in there)
    cut = all(size == side or (size < side and start + size == short) for start, size, _, _ in there)
    return bool(there) and within and cut and any(size < side for _, size, _, _ in seen)


def _scattered(inputs: Inputs, answer: Answer) -> bool:
    share = _hidden(answer["first answer"]).float().mean().item()
    return not _touched(inputs, answer) and bool(_solid(inputs, answer)) and abs(share - inputs[1]) < 0.08


def _shows(*symptoms: Callable[[Inputs, Answer], str | None]) -> Callable[[Inputs, Answer], bool]:
    return lambda inputs, answer: _well_formed(inputs, answer) and all(s(inputs, answer) for s in symptoms)


EXERCISE = Exercise(
    name="augmentation.random_occlusion",
    title="Hide a square of each picture",
    signature="random_occlusion(x, area, generator)",
    points=2,
    minutes=12,
    difficulty=2,
    idea=(
        "The side of the square is the same for all pictures and comes from the area. Only its upper left corner "
        "is drawn, anew for each picture, from all places at which the square still fits: how many are these?"
    ),
    pseudocode="""
    s ← round( √(area · H · W) )
    for each picture i:
        top ← random whole number in 0 … H − s
        left ← random whole number in 0 … W − s
        copy of x_i:  rows top … top + s − 1, columns left … left + s − 1, all channels ← 0
    """,
    reference=reference,
    shown=loop,
    cases=cases,
    drive=drive,
    compare=False,
    properties=(
        Property("the shape stays", _shape),
        Property("hidden pixels are 0, the others as they were", _touched),
        Property("something is hidden in each picture", _none),
        Property("it is one solid box", _solid),
        Property("its area is the share asked for, and all of it within the picture", _sizes),
        Property("each picture has a place of its own", _same_box),
        Property("all rows and columns occur", _reach),
        Property("row and column are independent", _linked),
        Property("all places are equally likely", _even),
        Property("rows and columns are drawn apart", _joint),
        Property("places do not depend on each other", _neighbours),
        Property("a place may come twice in a row", _elsewhere),
        Property("each picture has a draw of its own", _repeats),
        Property("places are drawn, not dealt out", _dealt_out),
        Property("each call draws anew", _repeated),
        Property("the generator decides the places", _not_repeatable),
    ),
    misconceptions=mistakes(
        one_channel=(one_channel, _some_channels),
        box_for_each_channel=(box_for_each_channel, _channels_apart),
        filled=(filled, _not_zero),
        rows_and_columns_swapped=(rows_and_columns_swapped, _places_swapped),
        all_but_the_box=(all_but_the_box, _rest_hidden),
        scattered_pixels=(scattered_pixels, _scattered),
        area_in_pixels=(area_in_pixels, _all_boxes(_one_pixel)),
        share_of_the_side=(share_of_the_side, _all_boxes(_by_share)),
        partly_outside=(partly_outside, _outside(False)),
        centred_outside=(centred_outside, _outside(True)),
        same_box=(same_box, _shows(_same_box)),
        on_the_diagonal=(on_the_diagonal, _shows(_linked)),
        last_place_missing=(last_place_missing, _never_last),
        pushed_inside=(pushed_inside, _towards_the_edge(1)),
        edges_too_seldom=(edges_too_seldom, _towards_the_edge(-1)),
        one_row_for_all=(one_row_for_all, _one_line),
        rounded_down=(rounded_down, _sized(lambda area, h, w: (int((area * h * w) ** 0.5 + 1e-6),) * 2)),
        rounded_up=(rounded_up, _sized(lambda area, h, w: (math.ceil((area * h * w) ** 0.5 - 1e-6),) * 2)),
        side_of_a_square_picture=(side_of_a_square_picture, _side_of_one),
        rectangle=(rectangle, _sized(lambda area, h, w: (round(area**0.5 * h), round(area**0.5 * w)))),
        seeded_anew=(seeded_anew, _shows(_repeated)),
        drawn_for_half=(drawn_for_half, _shows(_shared)),
        dealt_out=(dealt_out, _shows(_dealt_out)),
        generator_ignored=(generator_ignored, _shows(_not_repeatable)),
    ),
    alternatives=(by_masks, loop, by_the_library),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
    alike=True,
)
