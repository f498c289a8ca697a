"""Exercise features.correlate2d: slide a kernel over a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course import features
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """A single bright pixel, an edge, the lecture's kernel; then kernels and pictures of all proportions."""
    dot = torch.zeros(3, 4)
    dot[1, 1] = 1.0
    edge = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0]).repeat(3, 1)
    lecture = torch.tensor([[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]])

    high, wide = draw.integer(9, 11), draw.integer(6, 8)

    def random(label: str, height: int, width: int, h: int, w: int) -> Case:
        return Case(label, (torch.rand(height, width, generator=draw.generator), draw.normal(h, w)))

    return [
        Case("one bright pixel, kernel 1 … 9", (dot, torch.arange(1.0, 10.0).view(3, 3)), "hand"),
        Case("an upright edge, kernel −1 0 1", (edge, torch.tensor([[-1.0, 0.0, 1.0]])), "hand"),
        Case("an even picture under the lecture's kernel", (torch.ones(4, 3), lecture), "hand"),
        random("a kernel of one number", 3, 4, 1, 1),
        random("a square picture and a square kernel", 4, 4, 3, 3),
        random("a flat kernel", 5, 6, 1, 5),
        random("an upright kernel", 6, 5, 5, 1),
        random("a kernel higher than the picture", 3, 5, 7, 3),
        random("a kernel larger than the picture", 2, 3, 5, 7),
        random("a larger picture", draw.integer(6, 8), draw.integer(9, 11), 3, 5),
        random("a picture of one row", 1, 6, 3, 3),
        random("a square kernel", high, wide, 5, 5),
        random("another picture, another kernel", high, wide, 5, 5),
    ]


def kernel_flipped(image, kernel):
    """The kernel is turned by 180°: that is the mathematician's convolution; here kernel[u, v] meets the pixel u down
    and v to the right, unturned."""
    (h, w), flipped = kernel.shape, kernel.flip(0, 1)
    return F.conv2d(image[None, None], flipped[None, None], padding=(h // 2, w // 2))[0, 0]


def kernel_transposed(image, kernel):
    """Rows and columns of the kernel are exchanged: its first index u goes down, its second v to the right."""
    w, h = kernel.shape
    return F.conv2d(image[None, None], kernel.T[None, None], padding=(h // 2, w // 2))[0, 0]


def valid_size(image, kernel):
    """The result is smaller than the picture: put zeros around it, h//2 rows and w//2 columns on each side."""
    h, w = kernel.shape
    height, width = max(image.shape[0] - h + 1, 0), max(image.shape[1] - w + 1, 0)
    full = F.conv2d(image[None, None], kernel[None, None], padding=(h - 1, w - 1))[0, 0]
    return full[h - 1 : h - 1 + height, w - 1 : w - 1 + width]


def valid_size_or_error(image, kernel):  # noqa: D103 - the same mistake; stops if the kernel is larger than the picture
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]


def padding_of_one(image, kernel):
    """The padding is right for kernels of 3×3 only (or square ones): put h//2 rows of zeros above and below, w//2
    columns left and right, padding=(h//2, w//2)."""
    return F.conv2d(image[None, None], kernel[None, None], padding=1)[0, 0]


def padding_of_the_height(image, kernel):  # noqa: D103 - the same mistake; right for square kernels
    return F.conv2d(image[None, None], kernel[None, None], padding=kernel.shape[0] // 2)[0, 0]


def padding_of_the_width(image, kernel):  # noqa: D103 - the same mistake; right for square kernels
    return F.conv2d(image[None, None], kernel[None, None], padding=kernel.shape[1] // 2)[0, 0]


def full_size(image, kernel):
    """The result is larger than the picture: there are too many zeros around it, h//2 rows and w//2 columns will do."""
    h, w = kernel.shape
    return F.conv2d(image[None, None], kernel[None, None], padding=(h - 1, w - 1))[0, 0]


def wraps_around(image, kernel):
    """The window leaves the picture on one side and comes back on the other (as roll does): outside there are zeros."""
    (h, w), result = kernel.shape, torch.zeros_like(image)
    for u in range(h):
        for v in range(w):
            result = result + kernel[u, v] * image.roll((h // 2 - u, w // 2 - v), (0, 1))
    return result


def border_repeated(image, kernel):
    """Outside, the border pixels go on: there the picture counts as 0."""
    h, w = kernel.shape
    padded = F.pad(image[None, None], (w // 2, w // 2, h // 2, h // 2), mode="replicate")
    return F.conv2d(padded, kernel[None, None])[0, 0]


def border_mirrored(image, kernel):  # noqa: D103 - the same mistake with another border
    h, w = kernel.shape
    padded = F.pad(image[None, None], (w // 2, w // 2, h // 2, h // 2), mode="reflect")
    return F.conv2d(padded, kernel[None, None])[0, 0]


def zero_border(image, kernel):
    """Where the window sticks out, the result is set to 0: only the pixels outside are 0, those inside still count."""
    (h, w), (height, width) = kernel.shape, image.shape
    result = F.conv2d(image[None, None], kernel[None, None], padding=(h // 2, w // 2))[0, 0]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    inside = (rows >= h // 2) & (rows < height - h // 2) & (columns >= w // 2) & (columns < width - w // 2)
    return result * inside


def not_centred(image, kernel):
    """The window starts at the pixel instead of being centred on it: shift it by h//2 up and w//2 to the left."""
    h, w = kernel.shape
    return F.conv2d(F.pad(image, (0, w - 1, 0, h - 1))[None, None], kernel[None, None])[0, 0]


def padding_swapped(image, kernel):
    """Rows and columns of the padding are exchanged: h//2 rows above and below, w//2 columns left and right (F.pad
    starts with the last dimension)."""
    (h, w), (height, width) = kernel.shape, image.shape
    large = F.pad(image, (w, w, h, h))
    large = large[h - w // 2 : h + height + w // 2, w - h // 2 : w + width + h // 2]
    rows, columns = height + 2 * (w // 2) - h + 1, width + 2 * (h // 2) - w + 1
    return F.conv2d(large[None, None], kernel[None, None])[0, 0] if min(rows, columns) > 0 else image[:0]


def padding_swapped_or_error(image, kernel):  # noqa: D103 - the same mistake; stops where the kernel no longer fits
    h, w = kernel.shape
    return F.conv2d(image[None, None], kernel[None, None], padding=(w // 2, h // 2))[0, 0]


def padding_swapped_in_a_loop(image, kernel):  # noqa: D103 - the same mistake; stops unless the kernel is square
    (h, w), (height, width) = kernel.shape, image.shape
    padded, result = F.pad(image, (h // 2, h // 2, w // 2, w // 2)), torch.zeros_like(image)
    for u in range(h):
        for v in range(w):
            result = result + kernel[u, v] * padded[u : u + height, v : v + width]
    return result


def mean_of_the_window(image, kernel):
    """The sum over the window is divided by its size: correlation is the weighted sum itself."""
    h, w = kernel.shape
    return F.conv2d(image[None, None], kernel[None, None], padding=(h // 2, w // 2))[0, 0] / (h * w)


def clamped(image, kernel):
    """The result is cut off at 0 or 1: negative and large numbers belong to it."""
    h, w = kernel.shape
    return F.conv2d(image[None, None], kernel[None, None], padding=(h // 2, w // 2))[0, 0].clamp(0, 1)


def negatives_cut(image, kernel):  # noqa: D103 - the same mistake on one side
    h, w = kernel.shape
    return F.conv2d(image[None, None], kernel[None, None], padding=(h // 2, w // 2))[0, 0].clamp(min=0)


def with_conv2d(image, kernel):  # noqa: D103
    return F.conv2d(image[None, None], kernel[None, None], padding="same")[0, 0]


def with_unfold(image, kernel):  # noqa: D103
    h, w = kernel.shape
    windows = F.pad(image, (w // 2, w // 2, h // 2, h // 2)).unfold(0, h, 1).unfold(1, w, 1)
    return torch.einsum("ijuv,uv->ij", windows, kernel)


def pixel_by_pixel(image, kernel):  # noqa: D103
    (h, w), (height, width) = kernel.shape, image.shape
    pixels, weights = image.tolist(), kernel.tolist()
    result = torch.zeros(height, width, dtype=torch.float64)
    for i in range(height):
        for j in range(width):
            for u in range(h):
                for v in range(w):
                    row, column = i + u - h // 2, j + v - w // 2
                    if 0 <= row < height and 0 <= column < width:
                        result[i, j] += weights[u][v] * pixels[row][column]
    return result


EXERCISE = Exercise(
    name="features.correlate2d",
    title="Slide a kernel over a picture",
    signature="correlate2d(image, kernel)",
    points=2,
    minutes=12,
    difficulty=2,
    idea=(
        "Do not walk over the pixels, walk over the few entries of the kernel: each of them adds the whole "
        "picture once, shifted by its place and multiplied by its weight. A border of zeros wide enough for the "
        "shifts keeps the size."
    ),
    pseudocode="""
    Z ← image with ⌊h/2⌋ rows of zeros above and below, ⌊w/2⌋ columns left and right
    y ← zeros, the size of the image
    for each entry k_uv of the kernel:
        y ← y + k_uv · (window of Z that begins at row u, column v, the size of the image)
    """,
    reference=features.correlate2d,
    cases=cases,
    misconceptions=(
        *mistakes(
            kernel_flipped,
            kernel_transposed,
            full_size,
            wraps_around,
            zero_border,
            not_centred,
            mean_of_the_window,
        ),
        mistake(valid_size, valid_size_or_error),
        mistake(padding_of_one, padding_of_the_height, padding_of_the_width),
        mistake(padding_swapped, padding_swapped_or_error, padding_swapped_in_a_loop),
        mistake(border_repeated, border_mirrored),
        mistake(clamped, negatives_cut),
    ),
    alternatives=(with_conv2d, with_unfold, pixel_by_pixel),
    pictures=("image", "kernel", "answer"),
    note="The result has the picture's size (H, W); h and w of the kernel are odd and need not be equal.",
    forbidden=("course.features.conv_layer",),
)
