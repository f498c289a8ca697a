"""Exercise features.hog: from histograms of directions to a description of a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course import features
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """A strong and a weak edge by hand, flat pictures, then all proportions of pictures, cells and blocks.

    Pixels are multiples of 1/32 and numbers of directions are odd: no angle lies so near the border of two bins that
    rounding could decide.
    """

    def random(label: str, height: int, width: int, orientations: int, cell: int, block: int) -> Case:
        return Case(label, (_scene(draw, height, width), orientations, cell, block))

    steps = torch.tensor([0.0, 0.0, 1.0, 1.0])
    corner = 0.5 * steps + 0.25 * steps[:, None]
    upright = torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0, 1.0]).repeat(4, 1)
    half_flat = torch.zeros(13, 22)
    half_flat[:, 12:] = _scene(draw, 13, 10)
    return [
        Case("a strong and a weak edge, one cell", (corner, 3, 4, 1), "hand"),
        Case("an upright edge, two blocks of four cells", (upright, 3, 2, 2), "hand"),
        Case("a flat picture is described by zeros", (torch.full((8, 12), draw.integer(1, 31) / 32), 5, 4, 2), "hand"),
        Case("a black picture", (torch.zeros(9, 8), 3, 4, 1)),
        Case("a faint picture: steps of 1/512", (_scene(draw, 25, 29) / 16, 9, 4, 2)),
        random("one block", 8, 9, 9, 4, 2),
        random("one block of another picture", 8, 9, 9, 4, 2),
        random("blocks of one cell", 9, 14, 3, 3, 1),
        random("rows and columns are left over", 13, 18, 9, 4, 2),
        random("blocks of nine cells", draw.integer(12, 14), 17, 5, 3, 3),
        random("an upright picture", 21, draw.integer(10, 14), 7, 5, 2),
        Case("a flat half beside a picture", (half_flat, 5, 4, 2)),
        random("a larger picture", draw.integer(20, 23), draw.integer(24, 27), 9, 5, 2),
    ]


def _scene(draw: Draw, height: int, width: int) -> Tensor:
    """A bright rectangle on a noisy ground, in steps of 1/32."""
    picture = torch.randint(10, (height, width), generator=draw.generator)
    top, left = draw.integer(1, height // 2), draw.integer(1, width // 2)
    picture[top : top + height // 2, left : left + width // 2] += 20
    return picture / 32


def no_clipping(gray, orientations, cell, block):
    """Nothing is clipped: after the first normalisation cut every entry at 0.2, lest one strong edge drowns
    the rest."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    return F.normalize(v, dim=2).flatten()


def not_renormalised(gray, orientations, cell, block):
    """The second normalisation is missing: after clipping a block is shorter than 1, normalise it once more."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    return F.normalize(v, dim=2).clamp(max=0.2).flatten()


def not_normalised(gray, orientations, cell, block):
    """Nothing is normalised: a brighter light would change every number; normalise each block, clip, normalise."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    return v.flatten()


def clipped_first(gray, orientations, cell, block):
    """The histograms are clipped before they are normalised: 0.2 is a bound for the normalised block."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    return F.normalize(v.clamp(max=0.2), dim=2).flatten()


def one_global_norm(gray, orientations, cell, block):
    """One norm serves the whole picture: each block is normalised by itself, so that contrast counts locally."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = F.normalize(v.flatten(), dim=0).clamp(max=0.2)
    return F.normalize(v, dim=0)


def each_cell_alone(gray, orientations, cell, block):
    """Each cell is normalised alone: the length is taken over a whole block of block × block cells."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    cells = F.normalize(F.normalize(cells, dim=2).clamp(max=0.2), dim=2)
    return cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten()


def each_bin_alone(gray, orientations, cell, block):
    """Each bin is normalised alone, over its cells: the length is taken over all cells and all bins of a block."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2, 3)
    return F.normalize(F.normalize(v, dim=2).clamp(max=0.2), dim=2).flatten()


def l1_norm(gray, orientations, cell, block):
    """Blocks are divided by the sum of their entries (the L1 norm); the length √Σv² is wanted (L2)."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = F.normalize(v, p=1, dim=2).clamp(max=0.2)
    return F.normalize(v, p=1, dim=2).flatten()


def root_forgotten(gray, orientations, cell, block):
    """Blocks are divided by Σv², the squared length: the root is missing."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = (v / (v.square().sum(2, keepdim=True) + 1e-10)).clamp(max=0.2)
    return (v / (v.square().sum(2, keepdim=True) + 1e-10)).flatten()


def blocks_side_by_side(gray, orientations, cell, block):
    """The blocks lie side by side: they overlap, one begins at each cell, so a cell counts in several of them."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, block).unfold(1, block, block).permute(0, 1, 3, 4, 2).flatten(2)
    return F.normalize(F.normalize(v, dim=2).clamp(max=0.2), dim=2).flatten()


def nan_where_flat(gray, orientations, cell, block):
    """A block without any edge is 0/0, not a number: divide by √(‖v‖² + ε²), with ε = 1e-5."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = (v / v.norm(dim=2, keepdim=True)).clamp(max=0.2)
    return (v / v.norm(dim=2, keepdim=True)).flatten()


def epsilon_not_squared(gray, orientations, cell, block):
    """This ε is too large for faint pictures: in √(‖v‖² + ε²) it is squared, 1e-5² = 1e-10; beside the root it is
    1e-5."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = (v / (v.square().sum(2, keepdim=True) + 1e-5).sqrt()).clamp(max=0.2)
    return (v / (v.square().sum(2, keepdim=True) + 1e-5).sqrt()).flatten()


def epsilon_1e4(gray, orientations, cell, block):  # noqa: D103 - the same mistake, beside the root
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = (v / (v.norm(dim=2, keepdim=True) + 1e-4)).clamp(max=0.2)
    return (v / (v.norm(dim=2, keepdim=True) + 1e-4)).flatten()


def epsilon_1e3(gray, orientations, cell, block):  # noqa: D103 - the same mistake with a larger number
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = (v / (v.norm(dim=2, keepdim=True) + 1e-3)).clamp(max=0.2)
    return (v / (v.norm(dim=2, keepdim=True) + 1e-3)).flatten()


def last_blocks_missing(gray, orientations, cell, block):
    """The last row and the last column of blocks are missing: R rows of cells have R − block + 1 rows of blocks."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    parts = []
    for r in range(cells.shape[0] - block):
        for c in range(cells.shape[1] - block):
            v = cells[r : r + block, c : c + block].flatten()
            parts.append(F.normalize(F.normalize(v, dim=0).clamp(max=0.2), dim=0))
    return torch.cat(parts)


def last_blocks_missing_or_nothing(gray, orientations, cell, block):  # noqa: D103 - the same mistake; an empty vector
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    parts = [torch.zeros(0)]
    for r in range(cells.shape[0] - block):
        for c in range(cells.shape[1] - block):
            v = cells[r : r + block, c : c + block].flatten()
            parts.append(F.normalize(F.normalize(v, dim=0).clamp(max=0.2), dim=0))
    return torch.cat(parts)


def blocks_in_rows(gray, orientations, cell, block):
    """Each block has a row of its own here; the description is one long vector: torch.cat the blocks, or flatten."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    return F.normalize(F.normalize(v, dim=2).clamp(max=0.2), dim=2).flatten(0, 1)


def blocks_in_a_grid(gray, orientations, cell, block):  # noqa: D103 - the same mistake: (block rows, block columns, …)
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    return F.normalize(F.normalize(v, dim=2).clamp(max=0.2), dim=2)


def blocks_in_five_dimensions(gray, orientations, cell, block):  # noqa: D103 - the same mistake, nothing flattened
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    v = F.normalize(F.normalize(v, dim=2).clamp(max=0.2), dim=2)
    return v.reshape(*v.shape[:2], block, block, orientations)


def clamped_from_below(gray, orientations, cell, block):
    """clamp(0.2) sets a lower bound: entries must not exceed 0.2, so write clamp(max=0.2)."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2).flatten(2)
    return F.normalize(F.normalize(v, dim=2).clamp(0.2), dim=2).flatten()


def bins_before_cells(gray, orientations, cell, block):
    """The entries of a block are in another order: cell row, cell column, then bin (unfold puts its windows last)."""
    g_x, g_y = F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))
    index = (torch.rad2deg(torch.atan2(g_y, g_x)) % 180 * orientations / 180).long() % orientations
    votes = F.one_hot(index, orientations) * torch.hypot(g_x, g_y)[..., None]
    cells = F.avg_pool2d(votes.movedim(2, 0), cell).movedim(0, 2)
    v = cells.unfold(0, block, 1).unfold(1, block, 1).flatten(2)
    return F.normalize(F.normalize(v, dim=2).clamp(max=0.2), dim=2).flatten()


def with_the_library(gray, orientations, cell, block):  # noqa: D103
    histograms = features.cell_histograms(*features.gradient(gray), cell, orientations)
    return features.normalise_blocks(histograms, block).flatten()


def block_by_block(gray, orientations, cell, block):  # noqa: D103
    histograms = features.cell_histograms(*features.gradient(gray.double()), cell, orientations)
    parts = []
    for r in range(histograms.shape[0] - block + 1):
        for c in range(histograms.shape[1] - block + 1):
            v = histograms[r : r + block, c : c + block].flatten()
            v = (v / (v.norm() + 1e-5)).clamp(max=0.2)
            parts.append(v / (v.norm() + 1e-5))
    return torch.cat(parts)


def with_normalize(gray, orientations, cell, block):  # noqa: D103
    histograms = features.cell_histograms(*features.gradient(gray), cell, orientations).movedim(2, 0)
    v = F.unfold(histograms[None], block)[0].unflatten(0, (orientations, block**2))
    v = v.permute(2, 1, 0).flatten(1)
    return F.normalize(F.normalize(v).clamp(max=0.2)).flatten()


EXERCISE = Exercise(
    name="features.hog",
    title="Histograms of oriented gradients",
    signature="hog(gray, orientations, cell, block)",
    points=3,
    minutes=15,
    difficulty=2,
    idea=(
        "You have the two steps already: gradient, then histograms of cells. What is new is a window of block × "
        "block cells that moves by one cell at a time; each stop gives one vector, which is normalised, clipped "
        "and normalised again."
    ),
    pseudocode="""
    H ← cell histograms of the gradient
    for each row r and column c at which a block fits:
        v ← H(r … r+block−1, c … c+block−1, all directions), as one vector
        v ← v / √(‖v‖² + ε²)
        v ← each entry at most 0.2
        v ← v / √(‖v‖² + ε²)
        append v to the result
    """,
    reference=features.hog,
    shown=block_by_block,
    cases=cases,
    misconceptions=(
        *mistakes(
            no_clipping,
            not_renormalised,
            not_normalised,
            clipped_first,
            one_global_norm,
            each_cell_alone,
            each_bin_alone,
            l1_norm,
            root_forgotten,
            blocks_side_by_side,
            nan_where_flat,
            clamped_from_below,
            bins_before_cells,
        ),
        mistake(epsilon_not_squared, epsilon_1e4, epsilon_1e3),
        mistake(last_blocks_missing, last_blocks_missing_or_nothing),
        mistake(blocks_in_rows, blocks_in_a_grid, blocks_in_five_dimensions),
    ),
    rtol=1.5e-3,  # ε = 1e-5 or smaller will do, inside the root or beside it
    alternatives=(with_the_library, block_by_block, with_normalize),
    pictures=("gray",),
    note="The result is one vector: block row, block column, and within each block cell row, cell column, direction.",
    forbidden=("skimage.feature.hog", "cv2.HOGDescriptor"),
)
