"""Exercise pixels.to_gray: brightness, from three channels to none."""

from __future__ import annotations

import torch
from torch import Tensor

from course import pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Six pure colours by hand, then single pictures and batches; a side or the batch may be as long as 3, or as 1."""

    def colours(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draw.generator)

    by_hand = torch.tensor(
        [
            [[1.0, 0.0, 0.0], [1.0, 0.5, 0.0]],
            [[0.0, 1.0, 0.0], [1.0, 0.5, 0.0]],
            [[0.0, 0.0, 1.0], [1.0, 0.5, 0.0]],
        ]
    )
    low, high = draw.integer(4, 6), draw.integer(7, 9)
    return [
        Case("red, green, blue above white, grey, black", (by_hand,), "hand"),
        Case("a picture", (colours(3, low, high),)),
        Case("brightened, with numbers above 1", (colours(3, low, high) * 3,)),
        Case("a dark picture", (colours(3, high, low) * 0.1,)),
        Case("a batch of one picture", (colours(1, 3, low, high),)),
        Case("a batch of three pictures", (colours(3, 3, low, high),)),
        Case("two pictures of one row", (colours(2, 3, 1, high),)),
        Case("two pictures of three columns", (colours(2, 3, low, 3),)),
        Case("a batch", (colours(draw.integer(4, 6), 3, high, low),)),
    ]


def plain_mean(x):
    """This is the plain mean of the three channels; green looks brighter than blue, so the channels have weights."""
    return x.mean(-3)


def blue_first(x):
    """Red and blue are swapped: channel 0 is red, with weight 0.299, channel 2 is blue, with weight 0.114."""
    return 0.114 * x[..., 0, :, :] + 0.587 * x[..., 1, :, :] + 0.299 * x[..., 2, :, :]


def channels_last(x):
    """Here x[..., 0] is the first column of pixels, not red: the channels come before the rows, x[..., 0, :, :]."""
    return 0.299 * x[..., 0] + 0.587 * x[..., 1] + 0.114 * x[..., 2]


def channels_last_by_product(x):  # noqa: D103 - the same mistake; stops unless there are three columns
    return x @ torch.tensor([0.299, 0.587, 0.114])


def channels_last_by_sum(x):  # noqa: D103 - the same mistake; stops with another message
    return (x * torch.tensor([0.299, 0.587, 0.114])).sum(-1)


def channels_last_unpacked(x):  # noqa: D103 - the same mistake; stops unless there are three columns
    red, green, blue = x.unbind(-1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def channels_in_front(x):
    """In a batch, dimension 0 counts the pictures: x[0] is the first one, not red. Count from the end, where red is
    x[..., 0, :, :]."""
    return 0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]


def channels_in_front_unpacked(x):  # noqa: D103 - the same mistake; stops unless there are three pictures
    red, green, blue = x
    return 0.299 * red + 0.587 * green + 0.114 * blue


def channels_in_front_by_product(x):  # noqa: D103 - the same mistake; stops with another message
    return torch.tensordot(torch.tensor([0.299, 0.587, 0.114]), x, 1)


def channels_in_front_by_sum(x):  # noqa: D103 - the same mistake; the sum runs over the pictures
    return (torch.tensor([0.299, 0.587, 0.114])[:, None, None] * x).sum(0)


def batches_only(x):
    """In a batch x[:, 0] is red, in a single picture it is the first row: count from the end, x[..., 0, :, :]."""
    return 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]


def batches_only_by_sum(x):  # noqa: D103 - the same mistake; the sum runs over the rows of a single picture
    return (torch.tensor([0.299, 0.587, 0.114])[:, None, None] * x).sum(1)


def batches_only_by_einsum(x):  # noqa: D103 - the same mistake; stops at a single picture
    return torch.einsum("nchw,c->nhw", x, torch.tensor([0.299, 0.587, 0.114]))


def batches_only_unpacked(x):  # noqa: D103 - the same mistake; stops at a single picture, but not at one of three rows
    red, green, blue = x.unbind(1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def batches_only_by_colons(x):  # noqa: D103 - the same mistake; stops at a single picture with another message
    return 0.299 * x[:, 0, :, :] + 0.587 * x[:, 1, :, :] + 0.114 * x[:, 2, :, :]


def blue_weight_144(x):
    """The weight of blue is 0.114: with 0.144 the weights sum to 1.03, and white is brighter than 1."""
    return 0.299 * x[..., 0, :, :] + 0.587 * x[..., 1, :, :] + 0.144 * x[..., 2, :, :]


def sum_without_weights(x):
    """This is the sum of the channels, so white is 3: give each channel its weight, and white stays 1."""
    return x.sum(-3)


def mean_after_weights(x):
    """The weights sum to 1, so the weighted channels are summed up; their mean is three times too dark."""
    return (torch.tensor([0.299, 0.587, 0.114])[:, None, None] * x).mean(-3)


def weights_of_bt709(x):
    """These are other weights, rounded or of another standard (BT.709); here they are 0.299, 0.587 and 0.114
    (BT.601)."""
    return 0.2126 * x[..., 0, :, :] + 0.7152 * x[..., 1, :, :] + 0.0722 * x[..., 2, :, :]


def weights_of_bt709_rounded(x):  # noqa: D103 - the same mistake, with scikit-image's digits
    return 0.2125 * x[..., 0, :, :] + 0.7154 * x[..., 1, :, :] + 0.0721 * x[..., 2, :, :]


def weights_of_two_digits(x):  # noqa: D103 - the same mistake, as some textbooks round them
    return 0.3 * x[..., 0, :, :] + 0.59 * x[..., 1, :, :] + 0.11 * x[..., 2, :, :]


def channel_kept(x):
    """The values are right, but a channel dimension of size 1 is left: drop it with squeeze(-3), or sum without
    keepdim."""
    return (torch.tensor([0.299, 0.587, 0.114])[:, None, None] * x).sum(-3, keepdim=True)


def squeezed_blindly(x):
    """squeeze() drops every dimension of size 1, a batch of one picture too; squeeze(-3) drops the channel alone."""
    return (torch.tensor([0.299, 0.587, 0.114])[:, None, None] * x).sum(-3, keepdim=True).squeeze()


def three_grey_channels(x):
    """There are three equal channels now: brightness is one number per pixel, without a channel dimension."""
    gray = (torch.tensor([0.299, 0.587, 0.114])[:, None, None] * x).sum(-3, keepdim=True)
    return gray.expand_as(x)


def brightest_channel(x):
    """This takes the largest channel only; brightness is the weighted sum of all three."""
    return x.amax(-3)


def by_index(x):  # noqa: D103
    return 0.299 * x[..., 0, :, :] + 0.587 * x[..., 1, :, :] + 0.114 * x[..., 2, :, :]


def by_einsum(x):  # noqa: D103
    return torch.einsum("c,...chw->...hw", torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype), x)


def by_product(x):  # noqa: D103
    return x.movedim(-3, -1) @ torch.tensor([0.299, 0.587, 0.114])


def in_double(x):  # noqa: D103
    return (x.double() * torch.tensor([0.299, 0.587, 0.114]).double().view(3, 1, 1)).sum(-3)


def with_four_digits(x):  # noqa: D103 - as torchvision rounds them
    red, green, blue = x.unbind(-3)
    return 0.2989 * red + 0.587 * green + 0.114 * blue


EXERCISE = Exercise(
    name="pixels.to_gray",
    title="From colour to brightness",
    signature="to_gray(x)",
    points=1,
    minutes=5,
    difficulty=1,
    idea=(
        "Brightness is a weighted sum of three pictures: red, green and blue. If you count the axis of the "
        "colours from the end, one line serves for a single picture and for a batch."
    ),
    pseudocode="""
    R, G, B ← the three slices along axis −3
    g ← 0.299 · R + 0.587 · G + 0.114 · B
    """,
    reference=pixels.to_gray,
    shown=by_index,
    cases=cases,
    misconceptions=(
        *mistakes(
            plain_mean,
            blue_first,
            blue_weight_144,
            sum_without_weights,
            mean_after_weights,
            channel_kept,
            squeezed_blindly,
            three_grey_channels,
            brightest_channel,
        ),
        mistake(channels_last, channels_last_by_product, channels_last_by_sum, channels_last_unpacked),
        mistake(channels_in_front, channels_in_front_unpacked, channels_in_front_by_product, channels_in_front_by_sum),
        mistake(
            batches_only, batches_only_by_sum, batches_only_by_einsum, batches_only_unpacked, batches_only_by_colons
        ),
        mistake(weights_of_bt709, weights_of_bt709_rounded, weights_of_two_digits),
    ),
    rtol=5e-4,  # torchvision and MATLAB write 0.2989 for red
    alternatives=(by_index, by_einsum, by_product, in_double, with_four_digits),
    pictures=("x", "answer"),
    note="From (3, H, W) comes (H, W), from a batch (N, 3, H, W) comes (N, H, W).",
    forbidden=("torchvision.transforms", "skimage.color", "cv2.cvtColor"),
)
