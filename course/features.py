"""Features designed by hand (HOG, LBP) and the layer that learns them (convolution): lecture section 02.

Grey images have shape (…, H, W): rows i go down, columns j go right, and the leading dimensions (…) are a batch of
any shape. `course.pixels.to_gray` makes them from colours. Tensors live where their inputs live.

`hog` and `lbp` cut a batch into chunks that fit a processor's cache, and reuse one set of working tensors for all of
them: that is where their speed comes from, and why their memory does not grow with the batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

# ------------------------------------------------------------------------------------------- convolution


def correlate2d(image: Tensor, kernel: Tensor) -> Tensor:
    """Slide a kernel over an image: y[i, j] = Σ_{u,v} kernel[u, v] · image[i + u − h//2, j + v − w//2].

    Outside its borders the image counts as 0, so that the result has the image's size. The kernel is not flipped: deep
    learning calls this convolution, mathematics calls it cross-correlation.

    Args:
        image: shape (…, H, W), floating point.
        kernel: shape (h, w), both odd, so that there is a centre; the same dtype.

    Returns:
        Shape (…, H, W).

    Raises:
        ValueError: the kernel has no centre, or a shape is not as above.

    Source: lecture, "Convolution"; the same as `scipy.signal.correlate2d(image, kernel, mode="same")`.
    """
    if image.ndim < 2 or kernel.ndim != 2 or not all(n % 2 for n in kernel.shape):
        shapes = f"{tuple(image.shape)} and {tuple(kernel.shape)}"
        raise ValueError(f"need an image (…, H, W) and a kernel (h, w) with h and w odd; got {shapes}")
    (height, width), (h, w) = image.shape[-2:], kernel.shape
    padded = F.pad(image, (w // 2, w // 2, h // 2, h // 2))
    shifted = ((kernel[u, v], padded[..., u : u + height, v : v + width]) for u in range(h) for v in range(w))
    return sum((weight * part for weight, part in shifted), torch.zeros_like(image))


def conv_layer(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolutional layer: y[n, o] = bias[o] + Σ_c correlate2d(x[n, c], weight[o, c]); size kept, zeros outside.

    Each output is a weighted sum over a small window of all channels of the layer before. Laying out the windows
    as columns makes it one matrix product, which is how the fast libraries do it.

    Args:
        x: shape (N, C, H, W), floating point.
        weight: shape (O, C, h, w), h and w odd.
        bias: shape (O,), or None for no bias.

    Returns:
        Shape (N, O, H, W), differentiable.

    Raises:
        ValueError: shapes do not fit together, or the kernel has no centre.

    Source: lecture, "Implementation of hierarchical features"; the same as `torch.nn.functional.conv2d(…,
    padding="same")`.
    """
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1] or not all(n % 2 for n in weight.shape[2:]):
        shapes = f"{tuple(x.shape)} and {tuple(weight.shape)}"
        raise ValueError(f"need x (N, C, H, W) and weight (O, C, h, w) with h and w odd; got {shapes}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"need one bias per output channel, {len(weight)} in all; got shape {tuple(bias.shape)}")
    h, w = weight.shape[2:]
    windows = F.unfold(x, (h, w), padding=(h // 2, w // 2))  # (N, C·h·w, H·W)
    y = weight.flatten(1) @ windows
    if bias is not None:
        y = y + bias[:, None]
    return y.unflatten(2, x.shape[2:])


# --------------------------------------------------------------------- histograms of oriented gradients (HOG)


def gradient(gray: Tensor) -> tuple[Tensor, Tensor]:
    """How strongly, and in which direction, brightness changes at each pixel.

    g_x = x[i, j+1] − x[i, j−1] and g_y = x[i+1, j] − x[i−1, j] (without the ½ of a derivative), 0 where a neighbour
    is missing; magnitude √(g_x² + g_y²), orientation atan2(g_y, g_x) modulo 180°. Unsigned: a step from dark to
    bright and its negative have the same orientation. An upright edge has 0°, a level one 90°.

    Args:
        gray: shape (…, H, W), floating point.

    Returns:
        Magnitude ≥ 0 and orientation in degrees in [0, 180), both of the shape of `gray`.

    Raises:
        ValueError: `gray` has fewer than two dimensions, or holds integers.

    Source: Dalal & Triggs, "Histograms of oriented gradients for human detection" (2005), section 6.2.
    """
    if gray.ndim < 2 or not gray.is_floating_point():
        raise ValueError(f"need a floating-point image (…, H, W), got {gray.dtype}, {tuple(gray.shape)}")
    g_x = F.pad(gray[..., :, 2:] - gray[..., :, :-2], (1, 1)) if gray.shape[-1] > 2 else torch.zeros_like(gray)
    g_y = F.pad(gray[..., 2:, :] - gray[..., :-2, :], (0, 0, 1, 1)) if gray.shape[-2] > 2 else torch.zeros_like(gray)
    degrees = torch.rad2deg(torch.atan2(g_y, g_x)).remainder(180)
    return torch.hypot(g_x, g_y), torch.where(degrees < 180, degrees, 0)  # remainder may round up to 180


def cell_histograms(magnitude: Tensor, orientation: Tensor, cell: int = 8, bins: int = 9) -> Tensor:
    """Which directions occur in each cell: h[r, c, b] = 1/cell² Σ magnitude over the cell's pixels in bin b.

    The cells are squares of cell × cell pixels; rows and columns left over at the lower and right border are not used.
    Bin b holds orientations in [b, b + 1) · 180°/bins; 180° is the same direction as 0° and belongs to bin 0.

    Args:
        magnitude: weights, shape (…, H, W).
        orientation: degrees in [0, 180], shape (…, H, W).
        cell: pixels along a cell's side, ≥ 1.
        bins: number of directions, ≥ 1.

    Returns:
        Shape (…, H//cell, W//cell, bins).

    Raises:
        ValueError: shapes differ, or cell or bins < 1.

    Source: Dalal & Triggs (2005), section 6.3, each pixel voting for one bin, as in scikit-image.
    """
    if magnitude.shape != orientation.shape or magnitude.ndim < 2 or cell < 1 or bins < 1:
        shapes = f"{tuple(magnitude.shape)}, {tuple(orientation.shape)}"
        raise ValueError(f"need two equal shapes (…, H, W) and cell, bins ≥ 1; got {shapes}, {cell}, {bins}")
    index = (orientation * bins / 180).floor().long().remainder(bins)
    *batch, height, width = magnitude.shape
    grid = (height // cell, width // cell)

    def by_cell(x: Tensor) -> Tensor:
        x = x[..., : grid[0] * cell, : grid[1] * cell]
        return x.reshape(*batch, grid[0], cell, grid[1], cell).transpose(-3, -2).flatten(-2)

    votes = magnitude.new_zeros(*batch, *grid, bins)
    return votes.scatter_add(-1, by_cell(index), by_cell(magnitude)) / cell**2


def normalise_blocks(histograms: Tensor, block: int = 3, eps: float = 1e-5, clip: float = 0.2) -> Tensor:
    """L2-Hys: each block × block group of cells becomes v/√(‖v‖² + ε²), is clipped, and normalised again.

    Blocks overlap (one starts at each cell), so that a cell occurs in several, each time relative to other
    neighbours: what counts is contrast within a block, not how bright the light was.

    Args:
        histograms: shape (…, R, C, bins), from `cell_histograms`.
        block: cells along a block's side, ≥ 1.
        eps: ε > 0, keeps a block without any gradient at 0.
        clip: no entry may exceed this before the second normalisation.

    Returns:
        Shape (…, R − block + 1, C − block + 1, block, block, bins).

    Raises:
        ValueError: there are fewer cells than one block needs.

    Source: Lowe, "Distinctive image features from scale-invariant keypoints" (2004), section 6.1; Dalal & Triggs
    (2005), section 6.4.
    """
    rows, columns = histograms.shape[-3:-1]
    if not 1 <= block <= min(rows, columns):
        raise ValueError(f"a block of {block}×{block} cells does not fit into {rows}×{columns} cells")
    blocks = histograms.unfold(-3, block, 1).unfold(-3, block, 1).movedim(-3, -1)
    blocks = blocks / (blocks.square().sum((-3, -2, -1), keepdim=True) + eps**2).sqrt()
    blocks = blocks.clamp(max=clip)
    return blocks / (blocks.square().sum((-3, -2, -1), keepdim=True) + eps**2).sqrt()


@torch.no_grad()
def hog(gray: Tensor, orientations: int = 9, cell: int = 8, block: int = 3) -> Tensor:
    """Histograms of oriented gradients: normalise_blocks(cell_histograms(*gradient(gray))), as one long vector.

    A picture becomes a description of which edge directions occur where. It stays the same when the whole picture gets
    lighter or its contrast changes, and nearly so under small shifts; it does not under rotation.

    Args:
        gray: shape (…, H, W), at least cell · block pixels high and wide. Integers are taken as they are (0 … 255).
        orientations: directions per histogram, ≥ 1.
        cell: pixels along a cell's side, ≥ 1.
        block: cells along a block's side, ≥ 1.

    Returns:
        Shape (…, D) with D = (H//cell − block + 1) · (W//cell − block + 1) · block² · orientations, float32 (float64
        for float64). Order: block row, block column, cell row, cell column, orientation. Not differentiable.

    Raises:
        ValueError: the picture is smaller than one block, or a parameter < 1.

    Memory: besides input and result at most about 35 bytes per pixel of a chunk (float32). A chunk has 2¹⁷ pixels on
    the CPU (4.6 MB) and 2²² on an accelerator (150 MB), or one row of cells if that is more.

    Source: Dalal & Triggs (2005). Equals `skimage.feature.hog` with its defaults to 1e-5. Where they may differ: in
    float32 about one random pixel in 4 million lies so near the border of two bins that rounding moves it; and for
    odd `cell` scikit-image leaves out a row and a column of every cell.
    """
    if min(orientations, cell, block) < 1 or gray.ndim < 2 or min(gray.shape[-2:]) < cell * block:
        raise ValueError(
            f"HOG with {block}×{block} blocks of {cell}×{cell} pixels needs at least {cell * block}×{cell * block} "
            f"pixels and parameters ≥ 1; got shape {tuple(gray.shape)}, {orientations} orientations"
        )
    x = gray.reshape(-1, *gray.shape[-2:])
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    rows, columns = x.shape[1] // cell, x.shape[2] // cell
    shape = (rows - block + 1, columns - block + 1, block, block * orientations)
    result = x.new_empty(len(x), *shape, dtype=dtype)
    if len(x):
        size = max(1, min(len(x), _chunk(x) // (x.shape[1] * x.shape[2])))
        for histograms, out in zip(_histograms(x, size, cell, orientations, dtype), result.split(size), strict=True):
            _normalise_into(out, histograms)
    return result.view(*gray.shape[:-2], math.prod(shape))


def _chunk(x: Tensor) -> int:
    """Pixels worked on at a time: few enough for the cache, enough to make up for the cost of a call."""
    return 1 << (17 if x.device.type == "cpu" else 22)


def _histograms(x: Tensor, size: int, cell: int, bins: int, dtype: torch.dtype) -> Iterator[Tensor]:
    """`cell_histograms(*gradient(x))` of `size` images after the other; those of big images in strips of cell rows.

    The working tensors are made once and filled again and again: fresh ones would cost more than the arithmetic.
    """
    _, height, width = x.shape
    rows, columns = height // cell, width // cell
    strip = rows if height * width <= _chunk(x) else max(1, _chunk(x) // (width * cell))
    box = (size, height if strip == rows else strip * cell, width)
    g_x, g_y, angle = (x.new_empty(box, dtype=dtype) for _ in range(3))
    index, by_cell = (x.new_empty(box, dtype=torch.int64) for _ in range(2))
    votes = x.new_empty(size * strip * columns, 2 * bins + 1, dtype=dtype)
    for part in x.split(size):
        part = part.to(dtype).contiguous()
        histograms = part.new_empty(len(part), rows, columns, bins)
        for top in range(0, rows, strip):
            first, last = top * cell, height if top + strip >= rows else (top + strip) * cell
            work = [t[: len(part), : last - first] for t in (g_x, g_y, angle, index, by_cell)]
            _vote(part, first, work, votes, histograms[:, top : top + strip], cell)
        yield histograms


def _vote(x: Tensor, first: int, work: list[Tensor], votes: Tensor, out: Tensor, cell: int) -> None:
    """Fill `out` (n, rows, columns, bins) from rows first, first + 1, … of x; `work` and `votes` are scratch."""
    n, rows, columns, bins = out.shape
    g_x, g_y, angle, index, by_cell = work
    _differences(x, first, g_x, g_y)
    # Signed angles fall into half-bins 0 … 2·bins, counted from −180°; opposite ones are added up at the end.
    index.copy_(torch.atan2(g_y, g_x, out=angle).mul_(bins / math.pi).add_(bins))
    magnitude = g_x.mul_(g_x).addcmul_(g_y, g_y).sqrt_()

    def sort(source: Tensor, target: Tensor) -> Tensor:
        """Pixels cell after cell, one row for each: copied from `source` into the memory of `target`."""
        grid = source[:, : rows * cell, : columns * cell].unflatten(2, (columns, cell)).unflatten(1, (rows, cell))
        target = target.view(-1)[: n * rows * columns * cell**2]
        target.view(n, rows, columns, cell, cell).copy_(grid.transpose(2, 3))
        return target.view(-1, cell**2)

    votes = votes[: n * rows * columns].zero_().scatter_add_(1, sort(index, by_cell), sort(magnitude, angle))
    votes = votes.view(n, rows, columns, 2 * bins + 1)
    torch.add(votes[..., :bins], votes[..., bins : 2 * bins], out=out)
    out[..., 0] += votes[..., 2 * bins]  # exactly +180°
    out.mul_(1 / cell**2)


def _differences(x: Tensor, first: int, g_x: Tensor, g_y: Tensor) -> None:
    """Central differences of rows first, first + 1, … of x (n, H, W), in one pass; 0 at the borders."""
    flat, width, start, size = x.view(-1), x.shape[2], first * x.shape[2], g_x.numel()
    here = flat[start : start + size]
    torch.sub(here[2:], here[:-2], out=g_x.view(-1)[1 : 1 + len(here[2:])])
    g_x[:, :, 0] = 0
    g_x[:, :, -1] = 0
    low, high = max(start, width), min(start + size, len(flat) - width)
    if low < high:
        above, below = flat[low - width : high - width], flat[low + width : high + width]
        torch.sub(below, above, out=g_y.view(-1)[low - start : high - start])
    if first == 0:
        g_y[:, 0] = 0
    if first + g_y.shape[1] == x.shape[1]:
        g_y[:, -1] = 0


def _normalise_into(out: Tensor, histograms: Tensor, eps: float = 1e-5, clip: float = 0.2) -> None:
    """`normalise_blocks` in place of `out` (n, block rows, block columns, block, block·bins); few passes over it."""
    block, bins = out.shape[3], histograms.shape[3]
    energy = F.avg_pool2d(histograms.square().sum(-1), block, 1, divisor_override=1)
    blocks = histograms.flatten(2).unfold(2, block * bins, bins).unfold(1, block, 1).transpose(3, 4)
    torch.mul(blocks, energy.add_(eps**2).rsqrt_()[..., None, None], out=out)
    vectors = out.flatten(3).clamp_(max=clip)
    vectors.mul_(torch.linalg.vecdot(vectors, vectors).add_(eps**2).rsqrt_()[..., None])


# ------------------------------------------------------------------------------ local binary patterns (LBP)

NEIGHBOURS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
"""(row, column) steps to the eight neighbours: from the right one, counter-clockwise. Neighbour p sets bit p."""

_R = 0.70711 / 0.29289
"""r = f/(1−f) of `lbp`: what the corner pixel weighs against its two sides."""


@torch.no_grad()
def lbp(gray: Tensor, method: Literal["default", "uniform"] = "default") -> Tensor:
    """Local binary patterns: Σ_p 2ᵖ [g_p ≥ g_c] over eight points g_p on a circle of radius 1 around each pixel g_c.

    Where the circle crosses the diagonals it meets no pixel. There g_p is interpolated between four: with f = √½,
    g_p = (1−f)² g_c + f(1−f)(side₁ + side₂) + f² corner, so that g_p ≥ g_c just when
    (side₁ − g_c) + (side₂ − g_c) + r (corner − g_c) ≥ 0, r = f/(1−f). Outside the image there are zeros.

    Patterns survive any change of light that keeps the order of the grey values. "uniform" also makes them survive
    quarter turns: a pattern with at most two changes between 0 and 1 around the circle is named by its number of ones,
    0 … 8; all others become 9.

    Args:
        gray: shape (…, H, W), integer or floating point. uint8 is fastest.
        method: "default" or "uniform".

    Returns:
        uint8, shape (…, H, W): 0 … 255 for "default", 0 … 9 for "uniform".

    Raises:
        ValueError: unknown method, or fewer than two dimensions.

    Memory: besides input and result at most about 40 bytes per pixel of a chunk (80 for float64); chunks as in `hog`,
    but at least one image.

    Source: Ojala, Pietikäinen & Mäenpää, "Multiresolution gray-scale and rotation invariant texture classification with
    local binary patterns" (2002). Equals `skimage.feature.local_binary_pattern(gray, 8, 1, method)`, which rounds √½ to
    five digits; so does this. Where they may differ: exact ties on a diagonal count as ≥ for integers here, but there,
    and for floating point here too, rounding decides about them.
    """
    if method not in ("default", "uniform") or gray.ndim < 2:
        raise ValueError(f'need shape (…, H, W) and "default" or "uniform", got {tuple(gray.shape)}, {method!r}')
    images = gray.reshape(math.prod(gray.shape[:-2]), *gray.shape[-2:])
    result = torch.empty(images.shape, dtype=torch.uint8, device=gray.device)
    if result.numel():
        size = max(1, min(len(images), _chunk(images) // images[0].numel()))
        codes = _codes_of_bytes if gray.dtype == torch.uint8 else _codes
        table = _uniform(gray.device) if method == "uniform" else None
        for code, out in zip(codes(images, size), result.split(size), strict=True):
            out.copy_(code if table is None else table.index_select(0, code.flatten().int()).view(out.shape))
    return result.view(gray.shape)


class _Plane:
    """A chunk of images in one row of memory: a zero after each row of pixels, a row of zeros after each image.

    So a neighbour is the same number of places away for every pixel of every image, and each step of `lbp` is one
    pass over memory, without a word about rows.
    """

    def __init__(self, images: Tensor, size: int) -> None:
        self.shape, self.device = (size, images.shape[1] + 1, images.shape[2] + 1), images.device
        self.size, self.pitch = math.prod(self.shape), self.shape[2]
        self.border = self.pitch + 1

    def zeros(self, dtype: torch.dtype) -> Tensor:
        """Memory with a border of zeros before and after, so that all have neighbours."""
        return torch.zeros(self.size + 2 * self.border, dtype=dtype, device=self.device)

    def empty(self, dtype: torch.dtype) -> Tensor:
        """Memory without a border."""
        return torch.empty(self.size, dtype=dtype, device=self.device)

    def at(self, memory: Tensor, row: int = 0, column: int = 0) -> Tensor:
        """For every pixel its neighbour at that step."""
        start = self.border + row * self.pitch + column
        return memory[start : start + self.size]

    def images(self, memory: Tensor, n: int) -> Tensor:
        """The first n images in memory without a border."""
        return memory.view(self.shape)[:n, :-1, :-1]


def _codes(images: Tensor, size: int) -> Iterator[Tensor]:
    """Codes of `size` images after the other, by the inequality in `lbp`, each compared with its centre: any type."""
    exact = (torch.float32, torch.float16, torch.bfloat16, torch.bool)
    dtype = torch.float32 if images.dtype in exact else torch.float64
    plane = _Plane(images, size)
    memory, integer = plane.zeros(dtype), plane.empty(torch.int32)
    right, above, left, below, t, bit, code = (plane.empty(dtype) for _ in range(7))
    side = (right, above, left, below)
    centre, neighbours = plane.at(memory), [plane.at(memory, *step) for step in NEIGHBOURS]
    for part in images.split(size):
        plane.images(centre, len(part)).copy_(part)
        code.zero_()
        for p in (0, 2, 4, 6):
            torch.sub(neighbours[p], centre, out=side[p // 2])
            code.add_(torch.ge(side[p // 2], 0, out=bit), alpha=1 << p)
        for p in (1, 3, 5, 7):
            torch.sub(neighbours[p], centre, out=t)
            torch.add(side[p // 2], t, alpha=_R, out=t).add_(side[(p // 2 + 1) % 4])
            code.add_(t.ge_(0), alpha=1 << p)
        yield plane.images(integer.copy_(code), len(part))


def _codes_of_bytes(images: Tensor, size: int) -> Iterator[Tensor]:
    """The same for uint8, where everything can be compared as bytes, which is much faster.

    On a diagonal, g_p ≥ g_c just when (side₁ + side₂ + r·corner) / (2 + r) ≥ g_c, and, g_c being a whole number, just
    when that holds for the left side rounded down. Before that 0.00025 is added: of the values that are no whole
    number none comes closer to one than 0.0005, and float32 computes them to 0.0001, so nothing is left to chance.
    """
    plane = _Plane(images, size)
    raw, x = plane.zeros(torch.uint8), plane.zeros(torch.float32)
    falling, rising = torch.empty_like(x), torch.empty_like(x)
    mean, integer = plane.empty(torch.float32), plane.empty(torch.int16)
    code, bit = plane.empty(torch.uint8), plane.empty(torch.uint8)
    little = torch.tensor(0.00025 / (2 + _R), device=images.device)
    down_right, down_left = plane.pitch + 1, plane.pitch - 1  # places from the upper to the lower of two sides
    begins = {1: (falling, -1, 0), 3: (rising, -1, 0), 5: (falling, 0, -1), 7: (rising, 0, 1)}
    sides = {p: plane.at(*begin) for p, begin in begins.items()}  # a sum of two serves two diagonals
    centre, neighbours = plane.at(raw), [plane.at(raw, *step) for step in NEIGHBOURS]
    corners = {p: plane.at(x, *NEIGHBOURS[p]) for p in sides}
    for part in images.split(size):
        plane.images(centre, len(part)).copy_(part)
        torch.add(little, x.copy_(raw), alpha=1 / (2 + _R), out=x)
        torch.add(x[:-down_right], x[down_right:], out=falling[:-down_right])
        torch.add(x[:-down_left], x[down_left:], out=rising[:-down_left])
        code.zero_()
        for p, neighbour in enumerate(neighbours):
            if p in corners:
                integer.copy_(torch.add(sides[p], corners[p], alpha=_R, out=mean))  # rounds down
                torch.ge(bit.copy_(integer), centre, out=bit)
            else:
                torch.ge(neighbour, centre, out=bit)
            code.add_(bit, alpha=1 << p)
        yield plane.images(code, len(part))


@cache
def _uniform(device: torch.device) -> Tensor:
    """What "uniform" makes of each of the 256 codes."""
    bits = torch.arange(256)[:, None] >> torch.arange(8) & 1
    changes = (bits != bits.roll(1, 1)).sum(1)
    return torch.where(changes <= 2, bits.sum(1), 9).to(torch.uint8).to(device)


def code_histograms(codes: Tensor, bins: int, cell: int | None = None) -> Tensor:
    """How often each code occurs: h[b] = share of pixels with code b, for the whole image or for each cell of it.

    Args:
        codes: 0 … bins − 1, shape (…, H, W), integer, e.g. from `lbp` (256 bins, or 10 for "uniform").
        bins: number of codes.
        cell: pixels along the side of a cell; None for one histogram of the whole image. Rows and columns left over at
            the lower and right border are not used.

    Returns:
        float32, shape (…, bins), or (…, H//cell, W//cell, bins); each histogram sums to 1.

    Raises:
        ValueError: the image is empty or smaller than a cell, or a code lies outside 0 … bins − 1.

    Source: Ahonen, Hadid & Pietikäinen, "Face description with local binary patterns" (2006).
    """
    if codes.ndim < 2 or codes.is_floating_point() or not 1 <= (cell or 1) <= min(codes.shape[-2:]):
        raise ValueError(f"need integer codes (…, H, W) of at least one cell; got {tuple(codes.shape)}, cell {cell}")
    low, high = (int(codes.min()), int(codes.max())) if codes.numel() else (0, 0)
    if low < 0 or high >= bins:
        raise ValueError(f"codes must lie in 0 … {bins - 1}, got {low} … {high}")
    if cell is None:
        index = codes.flatten(-2)
    else:
        rows, columns = codes.shape[-2] // cell, codes.shape[-1] // cell
        index = codes[..., : rows * cell, : columns * cell].unflatten(-1, (columns, cell)).unflatten(-3, (rows, cell))
        index = index.transpose(-3, -2).flatten(-2)
    one = torch.ones((), device=codes.device).expand(index.shape)
    counts = torch.zeros(*index.shape[:-1], bins, device=codes.device)
    return counts.scatter_add_(-1, index.long(), one) / index.shape[-1]
