"""Exercise features.cell_histograms: which directions occur in each cell."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course import features
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Two cells by hand, 180°, then sizes that are and are not multiples of the cell, one bin, cells of one pixel."""

    def random(label: str, height: int, width: int, cell: int, bins: int, *exact: float) -> Case:
        magnitude = torch.rand(height, width, generator=draw.generator)
        return Case(label, (magnitude, _orientations(draw, height, width, bins, *exact), cell, bins))

    two = (
        torch.tensor([[1.0, 2.0, 3.0, 0.0], [1.0, 0.0, 4.0, 8.0]]),
        torch.tensor([[10.0, 100.0, 170.0, 50.0], [30.0, 60.0, 120.0, 70.0]]),
    )
    three = (torch.tensor([[1.0, 2.0], [3.0, 6.0]]), torch.tensor([[0.0, 90.0], [90.0, 130.0]]))
    turned = (torch.tensor([[1.0, 2.0], [4.0, 8.0]]), torch.tensor([[0.0, 180.0], [70.0, 130.0]]))
    lower = _orientations(draw, 6, 8, 3) / 2
    return [
        Case("two cells, two bins of 90°", (*two, 2, 2), "hand"),
        Case("one cell, three bins of 60°", (*three, 2, 3), "hand"),
        Case("180° is the direction 0°: bin 0", (*turned, 2, 3), "hand"),
        random("sizes are multiples of the cell", 6, 9, 3, 9),
        random("sizes are multiples of the cell, another picture", 6, 9, 3, 9),
        random("rows and columns are left over", 7, 11, 3, 9),
        random("an upright picture, 0° and 180°", draw.integer(12, 13), 7, 3, 5, 0.0, 180.0),
        random("exactly 90° begins the upper half", 8, 14, 4, 6, 0.0, 90.0, 180.0),
        random("one bin takes all", 4, 6, 2, 1, 180.0),
        random("cells of one pixel", 3, 4, 1, 4, 90.0),
        Case("nothing in the upper bins", (torch.rand(6, 8, generator=draw.generator), lower, 2, 6)),
        random("one cell, many bins", 5, 6, 5, draw.integer(16, 17)),
        random("larger cells", 17, draw.integer(24, 28), 6, 7, 0.0, 180.0),
    ]


def _orientations(draw: Draw, height: int, width: int, bins: int, *exact: float) -> Tensor:
    """Degrees well inside their bins, so that no formula rounds them elsewhere; some pixels have an exact angle."""
    index = torch.randint(bins, (height, width), generator=draw.generator)
    places = torch.tensor([0.02, 0.2, 0.5, 0.8, 0.98])
    within = places[torch.randint(5, (height, width), generator=draw.generator)]
    degrees = (index + within) * (180 / bins)
    for angle in exact:
        degrees.view(-1)[torch.randperm(height * width, generator=draw.generator)[: height * width // 6]] = angle
    for place, angle in enumerate(exact):  # at least once each, in the first cells
        degrees[place, place] = angle
    return degrees


def unweighted(magnitude, orientation, cell, bins):
    """Each pixel counts as 1: its vote is its magnitude, so that strong edges say more than noise."""
    index = (orientation * bins / 180).floor().long() % bins
    return F.avg_pool2d(F.one_hot(index, bins).movedim(2, 0).to(magnitude.dtype), cell).movedim(0, 2)


def half_turn_lost(magnitude, orientation, cell, bins):
    """No bin takes 180°: it is the direction 0° once more and belongs to bin 0 (take the bin's number modulo bins)."""
    index = (orientation * bins / 180).floor().long()
    votes = F.one_hot(index, bins + 1)[..., :bins] * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)


def half_turn_scattered(magnitude, orientation, cell, bins):  # noqa: D103 - the same mistake; it ends in an error
    index = (orientation * bins / 180).floor().long()
    votes = torch.zeros(*index.shape, bins).scatter_add(-1, index[..., None], magnitude[..., None])
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)


def half_turn_indexed(magnitude, orientation, cell, bins):  # noqa: D103 - the same mistake; it ends in another error
    index, height = (orientation * bins / 180).floor().long(), magnitude.shape[0]
    votes = torch.zeros(bins, *index.shape)
    votes[index, torch.arange(height)[:, None], torch.arange(magnitude.shape[1])] = magnitude
    return F.avg_pool2d(votes, cell).movedim(0, 2)


def half_turn_in_last_bin(magnitude, orientation, cell, bins):
    """The last bin takes 180° (clamp and histc do that): it is the direction 0° and belongs to bin 0."""
    index = (orientation * bins / 180).floor().long().clamp(max=bins - 1)
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)


def nearest_bin(magnitude, orientation, cell, bins):
    """The bin's number is rounded: bin b begins at b · 180°/bins, so take the floor."""
    index = (orientation * bins / 180).round().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)


def bins_over_360(magnitude, orientation, cell, bins):
    """The bins divide 360°, so half of them stay empty: unsigned orientations end at 180°."""
    index = (orientation * bins / 360).floor().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)


def whole_degrees(magnitude, orientation, cell, bins):
    """The width of a bin was cut off to whole degrees, 180 // bins; it is 180 / bins, which need not be whole."""
    index = (orientation // (180 // bins)).long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)


def last_vote_only(magnitude, orientation, cell, bins):
    """Of several votes for one bin only the last is there: add them up, with += in a loop over pixels (on whole tensors
    += adds one of them; index_put_ with accumulate=True adds all)."""
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    index = (orientation * bins / 180).floor().long() % bins
    histograms = torch.zeros(rows, columns, bins)
    for r in range(rows * cell):
        for c in range(columns * cell):
            histograms[r // cell, c // cell, index[r, c]] = magnitude[r, c] / cell**2
    return histograms


def shared_between_bins(magnitude, orientation, cell, bins):
    """A vote is shared between the two nearest bins; here each pixel votes for one, the bin that holds its angle."""
    place = orientation * bins / 180 - 0.5
    lower, share = place.floor().long(), (place - place.floor())[..., None]
    votes = F.one_hot(lower % bins, bins) * (1 - share) + F.one_hot((lower + 1) % bins, bins) * share
    return F.avg_pool2d((votes * magnitude[..., None]).movedim(2, 0), cell).movedim(0, 2)


def sum_for_mean(magnitude, orientation, cell, bins):
    """The votes are added up but not divided by the cell's number of pixels, cell²."""
    index = (orientation * bins / 180).floor().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2) * cell**2


def divided_by_cell(magnitude, orientation, cell, bins):
    """The sum is divided by the cell's side, not by its number of pixels: that is cell²."""
    index = (orientation * bins / 180).floor().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2) * cell


def shares_of_one(magnitude, orientation, cell, bins):
    """Each histogram is divided by its sum, so that strong and weak cells look alike; divide by cell², its pixels."""
    index = (orientation * bins / 180).floor().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    histograms = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    return histograms / histograms.sum(-1, keepdim=True)


def cells_transposed(magnitude, orientation, cell, bins):
    """Rows and columns of cells are exchanged: the first index of the result goes down, the second to the right."""
    index = (orientation * bins / 180).floor().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2).transpose(0, 1)


def bins_first(magnitude, orientation, cell, bins):
    """The bins come first; they are wanted last: (rows of cells, columns of cells, bins)."""
    index = (orientation * bins / 180).floor().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return F.avg_pool2d(votes.movedim(2, 0), cell)


def cells_mixed_up(magnitude, orientation, cell, bins):
    """reshape alone does not cut squares: cut into (rows, cell, columns, cell), then bring both cell axes together."""
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    index = (orientation * bins / 180).floor().long() % bins
    votes = (F.one_hot(index, bins) * magnitude[..., None])[: rows * cell, : columns * cell]
    return votes.reshape(rows, columns, cell**2, bins).mean(2)


def rest_kept(magnitude, orientation, cell, bins):
    """Rows and columns left over make cells of their own: only whole cells count, the rest is not used."""
    index = (orientation * bins / 180).floor().long() % bins
    votes = (F.one_hot(index, bins) * magnitude[..., None]).movedim(2, 0)
    votes = F.pad(votes, (0, -magnitude.shape[1] % cell, 0, -magnitude.shape[0] % cell))
    return F.avg_pool2d(votes, cell).movedim(0, 2)


def rest_not_cut(magnitude, orientation, cell, bins):
    """reshape stops where rows or columns are left over: cut them off first, magnitude[: rows * cell, : columns * cell]
    with rows = H//cell, columns = W//cell."""
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    index = (orientation * bins / 180).floor().long() % bins
    votes = F.one_hot(index, bins) * magnitude[..., None]
    return votes.reshape(rows, cell, columns, cell, bins).mean((1, 3))


def mean_of_each_bin(magnitude, orientation, cell, bins):
    """Each bin is divided by the number of pixels that vote for it; divide all bins by the number of pixels in the
    cell, cell²."""
    index = (orientation * bins / 180).floor().long() % bins
    voters = F.one_hot(index, bins).movedim(2, 0).to(magnitude.dtype)
    sums, counts = F.avg_pool2d(voters * magnitude, cell) * cell**2, F.avg_pool2d(voters, cell) * cell**2
    return (sums / counts.round().clamp(min=1)).movedim(0, 2)


def mean_of_each_bin_or_nan(magnitude, orientation, cell, bins):  # noqa: D103 - the same mistake; nan in empty bins
    index = (orientation * bins / 180).floor().long() % bins
    voters = F.one_hot(index, bins).movedim(2, 0).to(magnitude.dtype)
    return (F.avg_pool2d(voters * magnitude, cell) / F.avg_pool2d(voters, cell)).movedim(0, 2)


def with_scatter(magnitude, orientation, cell, bins):  # noqa: D103
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    index = (orientation // (180 / bins)).long() % bins
    result = torch.zeros(rows * columns, bins)
    i, j = torch.meshgrid(torch.arange(rows * cell), torch.arange(columns * cell), indexing="ij")
    which = (i // cell * columns + j // cell).flatten()
    used = (slice(rows * cell), slice(columns * cell))
    result.index_put_((which, index[used].flatten()), magnitude[used].flatten(), accumulate=True)
    return result.reshape(rows, columns, bins) / cell**2


def bin_by_bin(magnitude, orientation, cell, bins):  # noqa: D103
    angle, width = orientation.double() % 180, 180 / bins
    inside = [(b * width <= angle) & (angle < (b + 1) * width) for b in range(bins)]
    return torch.stack([F.avg_pool2d((m * magnitude.double())[None], cell)[0] for m in inside], dim=2)


def cell_by_cell(magnitude, orientation, cell, bins):  # noqa: D103
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    result = torch.zeros(rows, columns, bins)
    for r in range(rows):
        for c in range(columns):
            part = (slice(r * cell, (r + 1) * cell), slice(c * cell, (c + 1) * cell))
            index = (orientation[part].flatten() / 180 * bins).long() % bins
            result[r, c] = torch.bincount(index, magnitude[part].flatten(), bins) / cell**2
    return result


EXERCISE = Exercise(
    name="features.cell_histograms",
    title="A histogram of directions for each cell",
    signature="cell_histograms(magnitude, orientation, cell, bins)",
    points=3,
    minutes=15,
    difficulty=2,
    idea=(
        "Sort the pixels twice: by the direction bin they belong to and by the cell they lie in. For one bin at a "
        "time it becomes easy: keep the magnitudes of its pixels, set all others to 0, and take the mean over "
        "each cell."
    ),
    pseudocode="""
    b(pixel) ← ⌊θ · bins / 180⌋, and 180° counts as 0°
    cut off rows and columns that do not fill a cell
    for each cell and each bin b:
        H(cell, b) ← (sum of m over the cell's pixels in bin b) / cell²
    """,
    reference=features.cell_histograms,
    shown=cell_by_cell,
    cases=cases,
    misconceptions=(
        *mistakes(
            unweighted,
            half_turn_in_last_bin,
            nearest_bin,
            bins_over_360,
            whole_degrees,
            last_vote_only,
            shared_between_bins,
            sum_for_mean,
            divided_by_cell,
            shares_of_one,
            cells_transposed,
            bins_first,
            cells_mixed_up,
            rest_kept,
            rest_not_cut,
        ),
        mistake(mean_of_each_bin, mean_of_each_bin_or_nan),
        mistake(half_turn_lost, half_turn_scattered, half_turn_indexed),
    ),
    alternatives=(with_scatter, bin_by_bin, cell_by_cell),
    pictures=("magnitude",),
    note="The result has the shape (H//cell, W//cell, bins).",
)
