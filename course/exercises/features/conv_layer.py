"""Exercise features.conv_layer: the layer that learns its kernels."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course import features
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """One bright pixel, two channels, a bias; then all proportions of pictures, channels and kernels."""

    def random(label: str, n: int, c: int, o: int, picture: tuple[int, int], kernel: tuple[int, int]) -> Case:
        x = torch.rand(n, c, *picture, generator=draw.generator)
        return Case(label, (x, draw.normal(o, c, *kernel), draw.normal(o)))

    dot = torch.zeros(1, 1, 3, 4)
    dot[..., 1, 1] = 1.0
    kernel = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    two = torch.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]])
    return [
        Case("one bright pixel, kernel 1 … 9, bias 10", (dot, kernel, torch.tensor([10.0])), "hand"),
        Case(
            "two channels, 2 · first + 3 · second − 1",
            (two, torch.tensor([2.0, 3.0]).view(1, 2, 1, 1), torch.tensor([-1.0])),
            "hand",
        ),
        random("one channel to one", 1, 1, 1, (4, 6), (3, 3)),
        random("one channel to one, other numbers", 1, 1, 1, (4, 6), (3, 3)),
        random("one channel to several", 2, 1, 3, (6, 4), (3, 3)),
        random("several channels to one", 2, 3, 1, (5, 6), (3, 5)),
        random("as many kernels as columns", 2, 2, 5, (4, 5), (5, 3)),
        random("colours, flat kernels", draw.integer(1, 3), 3, 2, (5, 9), (1, 7)),
        random("only across channels, 1×1", 3, 4, 2, (2, 3), (1, 1)),
        random("a kernel larger than the picture", 2, 2, 3, (4, 3), (7, 5)),
        random("four channels to four", draw.integer(2, 4), 4, 4, (7, 6), (3, 3)),
        random("a batch", draw.integer(3, 5), 3, draw.integer(4, 6), (6, 9), (5, 3)),
    ]


def channels_not_summed(x, weight, bias):
    """The input channels stay apart: each output channel is the sum over all of them, a shape of (N, O, H, W)."""
    n, c, height, width = x.shape
    o, _, h, w = weight.shape
    kernels = weight.transpose(0, 1).reshape(c * o, 1, h, w)
    y = F.conv2d(x, kernels, padding=(h // 2, w // 2), groups=c)
    return y.reshape(n, c, o, height, width).transpose(1, 2) + bias[:, None, None, None]


def last_channel_only(x, weight, bias):
    """Only one input channel reaches the result: add all of them up (+= in a loop, not =)."""
    h, w = weight.shape[2:]
    return F.conv2d(x[:, -1:], weight[:, -1:], bias, padding=(h // 2, w // 2))


def first_channel_only(x, weight, bias):  # noqa: D103 - the same mistake with another channel
    h, w = weight.shape[2:]
    return F.conv2d(x[:, :1], weight[:, :1], bias, padding=(h // 2, w // 2))


def mean_over_channels(x, weight, bias):
    """The input channels are averaged; their correlations are added up."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight / weight.shape[1], bias, padding=(h // 2, w // 2))


def one_kernel_for_all(x, weight, bias):
    """All input channels meet the same kernel: channel c has a kernel of its own, weight[o, c]."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight[:, :1].expand_as(weight), bias, padding=(h // 2, w // 2))


def bias_forgotten(x, weight, bias):
    """The bias is missing: add bias[o] to every pixel of output channel o."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight, padding=(h // 2, w // 2))


def bias_for_each_channel(x, weight, bias):
    """The bias is added once for each input channel: it comes once, after the sum."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight, bias * weight.shape[1], padding=(h // 2, w // 2))


def bias_along_columns(x, weight, bias):
    """y + bias adds bias along the last dimension, the columns: write bias[:, None, None], one for each channel."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight, padding=(h // 2, w // 2)) + bias


def bias_subtracted(x, weight, bias):
    """The bias is subtracted; add it."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight, -bias, padding=(h // 2, w // 2))


def kernel_flipped(x, weight, bias):
    """The kernels are turned by 180°: a layer correlates, weight[o, c, u, v] meets the pixel u down and v right."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight.flip(2, 3), bias, padding=(h // 2, w // 2))


def valid_size(x, weight, bias):
    """The result is smaller than the picture: put zeros around it, h//2 rows and w//2 columns on each side."""
    h, w = weight.shape[2:]
    height, width = max(x.shape[2] - h + 1, 0), max(x.shape[3] - w + 1, 0)
    full = F.conv2d(x, weight, bias, padding=(h - 1, w - 1))
    return full[:, :, h - 1 : h - 1 + height, w - 1 : w - 1 + width]


def valid_size_or_error(x, weight, bias):  # noqa: D103 - the same mistake; stops if the kernels are larger than pictures
    return F.conv2d(x, weight, bias)


def padding_of_one(x, weight, bias):
    """The padding is right for kernels of 3×3 only (or square ones): put h//2 rows of zeros above and below, w//2
    columns left and right, padding=(h//2, w//2)."""
    return F.conv2d(x, weight, bias, padding=1)


def padding_of_the_height(x, weight, bias):  # noqa: D103 - the same mistake; right for square kernels
    return F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)


def padding_of_the_width(x, weight, bias):  # noqa: D103 - the same mistake; right for square kernels
    return F.conv2d(x, weight, bias, padding=weight.shape[3] // 2)


def padding_swapped(x, weight, bias):
    """Rows and columns of the padding are exchanged: h//2 rows above and below, w//2 columns left and right (F.pad
    starts with the last dimension)."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight, bias, padding=(w // 2, h // 2))


def padding_swapped_in_a_loop(x, weight, bias):  # noqa: D103 - the same mistake; stops unless the kernels are square
    (h, w), (height, width), y = weight.shape[2:], x.shape[2:], bias[:, None, None]
    padded = F.pad(x, (h // 2, h // 2, w // 2, w // 2))
    for u in range(h):
        for v in range(w):
            window = padded[:, :, u : u + height, v : v + width]
            y = y + torch.einsum("nchw,oc->nohw", window, weight[:, :, u, v])
    return y


def border_repeated(x, weight, bias):
    """Outside, the border pixels go on: there the picture counts as 0."""
    h, w = weight.shape[2:]
    padded = F.pad(x, (w // 2, w // 2, h // 2, h // 2), mode="replicate")
    return F.conv2d(padded, weight, bias)


def wraps_around(x, weight, bias):
    """The window leaves the picture on one side and comes back on the other (as roll does): outside there are zeros."""
    (h, w), y = weight.shape[2:], bias[:, None, None]
    for u in range(h):
        for v in range(w):
            y = y + torch.einsum("nchw,oc->nohw", x.roll((h // 2 - u, w // 2 - v), (2, 3)), weight[:, :, u, v])
    return y


def with_relu(x, weight, bias):
    """Negative values are cut off: ReLU is a layer of its own, this one is linear."""
    h, w = weight.shape[2:]
    return F.conv2d(x, weight, bias, padding=(h // 2, w // 2)).relu()


def with_conv2d(x, weight, bias):  # noqa: D103
    return F.conv2d(x, weight, bias, padding="same")


def channel_by_channel(x, weight, bias):  # noqa: D103
    (n, c, height, width), o = x.shape, len(weight)
    y = torch.zeros(n, o, height, width)
    for i in range(n):
        for k in range(o):
            y[i, k] = bias[k] + sum(features.correlate2d(x[i, j], weight[k, j]) for j in range(c))
    return y


def shift_by_shift(x, weight, bias):  # noqa: D103
    (h, w), (height, width) = weight.shape[2:], x.shape[2:]
    padded = F.pad(x, (w // 2, w // 2, h // 2, h // 2)).double()
    y = bias.double().view(1, -1, 1, 1)
    for u in range(h):
        for v in range(w):
            window = padded[:, :, u : u + height, v : v + width]
            y = y + torch.einsum("nchw,oc->nohw", window, weight[:, :, u, v].double())
    return y


EXERCISE = Exercise(
    name="features.conv_layer",
    title="A convolutional layer",
    signature="conv_layer(x, weight, bias)",
    points=3,
    minutes=15,
    difficulty=2,
    idea=(
        "Each output picture listens to all channels of the input: correlate each channel with its own kernel, "
        "add the results, and add one bias. Count what you have to loop over (samples, outputs, channels), or let "
        "windows become columns of a matrix."
    ),
    pseudocode="""
    for each sample n and each output o:
        y_no ← b_o
        for each channel c:
            y_no ← y_no + correlate2d(x_nc, w_oc)
    """,
    reference=features.conv_layer,
    cases=cases,
    misconceptions=(
        *mistakes(
            channels_not_summed,
            mean_over_channels,
            one_kernel_for_all,
            bias_forgotten,
            bias_for_each_channel,
            bias_along_columns,
            bias_subtracted,
            kernel_flipped,
            border_repeated,
            wraps_around,
            with_relu,
        ),
        mistake(valid_size, valid_size_or_error),
        mistake(padding_of_one, padding_of_the_height, padding_of_the_width),
        mistake(padding_swapped, padding_swapped_in_a_loop),
        mistake(last_channel_only, first_channel_only),
    ),
    alternatives=(with_conv2d, channel_by_channel, shift_by_shift),
    note="The result has the shape (N, O, H, W): as many channels as weight has kernels, the picture's size.",
)
