"""Exercise augmentation.hue_saturation_value: turn the hue, add to saturation and value."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from course import augmentation
from course.exercises.augmentation.common import LIBRARIES, pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def cases(draw: Draw) -> list[Case]:
    """Pure colours, one factor at a time, then all three."""

    def run(label: str, n: int, hue: float, saturation: float, value: float) -> Case:
        def each(limit: float) -> Tensor:
            sizes = pixels(draw, n, low=0.5 * limit, high=limit)
            return sizes * torch.tensor([1.0, -1.0]).repeat(n)[:n]

        return Case(label, (pixels(draw, n, 3, 3, 4), each(hue), each(saturation), each(value)))

    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    shades = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.5, 0.5, 0.5], [0.8, 0.4, 0.2]])
    four = shades.T.reshape(1, 3, 2, 2).repeat(4, 1, 1, 1)
    return [
        Case("pure red, hue + 120°", (red, torch.tensor([120.0]), torch.zeros(1), torch.zeros(1)), "hand"),
        Case("pure red, hue − 120°: past 0°", (red, torch.tensor([-120.0]), torch.zeros(1), torch.zeros(1)), "hand"),
        Case("nothing changes", (pixels(draw, 1, 3, 2, 2), *(torch.zeros(1) for _ in range(3)))),
        run("hue alone", 4, 150, 0, 0),
        run("saturation alone", 3, 0, 0.8, 0),
        run("value alone", 3, 0, 0, 0.8),
        run("all three", draw.integer(4, 6), 90, 0.3, 0.2),
        Case(
            "black, white, grey and a colour, up to and past both ends",
            (four, torch.zeros(4), torch.tensor([0.7, -0.7, 0.7, -0.7]), torch.tensor([-0.6, 0.6, 0.6, -0.6])),
        ),
    ]


def hue_cut_off(x, hue, saturation, value):
    """The hue stops at an end, such as 0° or 360°; it is an angle and goes round, 350° + 20° = 10°."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h = (h + hue[:, None, None]).clamp(0, 360)
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, v], 1))


def hue_in_turns(x, hue, saturation, value):
    """The hue was divided by 360; `rgb_to_hsv` returns it in degrees already, as `hue` is."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h = (h + hue[:, None, None] / 360) % 360
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, v], 1))


def _hue_left_in_turns(x, hue, saturation, value):
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h, s = (h / 360 + hue[:, None, None] / 360) % 1, (s + saturation[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, (v + value[:, None, None]).clamp(0, 1)], 1))


def value_as_factor(x, hue, saturation, value, one=1.0):
    """The value is multiplied; here `value` is added to it."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h, s = (h + hue[:, None, None]) % 360, (s + saturation[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, (v * (one + value[:, None, None])).clamp(0, 1)], 1))


def hue_modulo_one(x, hue, saturation, value):
    """The hue was taken modulo another number; it is in degrees, so a full turn is 360."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h = (h + hue[:, None, None]) % 1
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, v], 1))


def hue_by_turns_of(x, hue, saturation, value, turn=180):  # noqa: D103 - the same mistake, another full turn
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h = (h + hue[:, None, None]) % turn
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, v], 1))


def hue_cut_off_elsewhere(x, hue, saturation, value, low=0.0, high=359.0):  # noqa: D103 - the same mistake
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    h = (h + hue[:, None, None]).clamp(low, high)
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([h, s, v], 1))


def saturation_clamped_on_one_side(x, hue, saturation, value, low=None, high=1.0):  # noqa: D103 - the same mistake
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s, v = (s + saturation[:, None, None]).clamp(low, high), (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1))


def value_clamped_on_one_side(x, hue, saturation, value, low=None, high=1.0):  # noqa: D103 - the same mistake
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s, v = (s + saturation[:, None, None]).clamp(0, 1), (v + value[:, None, None]).clamp(low, high)
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1))


def saturation_not_clamped(x, hue, saturation, value):
    """The saturation leaves 0 … 1: clamp it on both sides before you go back to RGB."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s, v = s + saturation[:, None, None], (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1))


def value_not_clamped(x, hue, saturation, value):
    """The value leaves 0 … 1: clamp it on both sides before you go back to RGB."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s, v = (s + saturation[:, None, None]).clamp(0, 1), v + value[:, None, None]
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1))


def clamped_after(x, hue, saturation, value):
    """The RGB numbers are clamped at the end, which changes hues; clamp saturation and value before going back."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s, v = s + saturation[:, None, None], v + value[:, None, None]
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1)).clamp(0, 1)


def no_clamp(x, hue, saturation, value):
    """Saturation and value leave 0 … 1: clamp both before you go back to RGB."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s, v = s + saturation[:, None, None], v + value[:, None, None]
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1))


def factors(x, hue, saturation, value):
    """Saturation and value are multiplied by 1 + their change; the changes must be added."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s = (s * (1 + saturation[:, None, None])).clamp(0, 1)
    v = (v * (1 + value[:, None, None])).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1))


def saturation_as_factor(x, hue, saturation, value, one=1.0):
    """The saturation is multiplied, as some libraries do; here `saturation` is added to it."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s = (s * (one + saturation[:, None, None])).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, s, v], 1))


def hue_backwards(x, hue, saturation, value):
    """The hue turns backwards: add it, so that red + 120° is green."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([(h - hue[:, None, None]) % 360, s, v], 1))


def saturation_and_value_swapped(x, hue, saturation, value):
    """Saturation and value are swapped: the channels are hue, saturation, value, in this order."""
    h, v, s = augmentation.rgb_to_hsv(x).unbind(1)
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[:, None, None]) % 360, v, s], 1))


def first_for_all(x, hue, saturation, value):
    """All pictures change as the first one; each has its own three numbers."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s, v = (s + saturation[0]).clamp(0, 1), (v + value[0]).clamp(0, 1)
    return augmentation.hsv_to_rgb(torch.stack([(h + hue[0]) % 360, s, v], 1))


def left_in_hsv(x, hue, saturation, value):
    """The result is still hue, saturation, value: go back with `hsv_to_rgb`."""
    h, s, v = augmentation.rgb_to_hsv(x).unbind(1)
    s = (s + saturation[:, None, None]).clamp(0, 1)
    v = (v + value[:, None, None]).clamp(0, 1)
    return torch.stack([(h + hue[:, None, None]) % 360, s, v], 1)


def on_rgb(x, hue, saturation, value):
    """Red, green and blue were changed as if they were hue, saturation and value: convert first, `rgb_to_hsv`."""
    h, s, v = x.unbind(1)
    h = (h + hue[:, None, None]) % 360
    return torch.stack([h, (s + saturation[:, None, None]).clamp(0, 1), (v + value[:, None, None]).clamp(0, 1)], 1)


def channelwise(x, hue, saturation, value):  # noqa: D103
    hsv = augmentation.rgb_to_hsv(x)
    hsv[:, 0] = (hsv[:, 0] + hue.view(-1, 1, 1)).remainder(360)
    hsv[:, 1] = (hsv[:, 1] + saturation.view(-1, 1, 1)).clip(0, 1)
    hsv[:, 2] = (hsv[:, 2] + value.view(-1, 1, 1)).clip(0, 1)
    return augmentation.hsv_to_rgb(hsv)


def turned_by_the_library(x, hue, saturation, value):  # noqa: D103
    hsv = augmentation.rgb_to_hsv(x) + torch.stack([hue, saturation, value], 1)[:, :, None, None]
    return augmentation.hsv_to_rgb(torch.cat([hsv[:, :1], hsv[:, 1:].clamp(0, 1)], 1))


def loop(x, hue, saturation, value):  # noqa: D103
    import colorsys

    y = torch.empty_like(x)
    for i in range(len(x)):
        for r in range(x.shape[2]):
            for c in range(x.shape[3]):
                h, s, v = colorsys.rgb_to_hsv(*x[i, :, r, c].tolist())
                h = (h + float(hue[i]) / 360) % 1
                s, v = min(1, max(0, s + float(saturation[i]))), min(1, max(0, v + float(value[i])))
                y[i, :, r, c] = torch.tensor(colorsys.hsv_to_rgb(h, s, v))
    return y


EXERCISE = Exercise(
    name="augmentation.hue_saturation_value",
    title="Turn the hue, change saturation and value",
    signature="hue_saturation_value(x, hue, saturation, value)",
    points=2,
    minutes=8,
    difficulty=2,
    idea=(
        "Go to the other colour space, change each of its three channels in its own way, and come back. Hue is an "
        "angle and goes round in a circle; the other two have a floor and a ceiling."
    ),
    pseudocode="""
    h, s, v ← channels of x in HSV
    h ← (h + hue_i) modulo 360
    s ← s + saturation_i, within 0 … 1
    v ← v + value_i, within 0 … 1
    y ← (h, s, v) back in RGB
    """,
    reference=augmentation.hue_saturation_value,
    shown=channelwise,
    cases=cases,
    rtol=1e-3,
    atol=1e-4,
    misconceptions=(
        *mistakes(
            clamped_after,
            no_clamp,
            factors,
            hue_backwards,
            saturation_and_value_swapped,
            first_for_all,
            left_in_hsv,
            on_rgb,
        ),
        mistake(hue_cut_off, hue_cut_off_elsewhere, partial(hue_cut_off_elsewhere, high=1.0)),
        mistake(hue_modulo_one, hue_by_turns_of, partial(hue_by_turns_of, turn=256)),
        mistake(
            saturation_not_clamped,
            saturation_clamped_on_one_side,
            partial(saturation_clamped_on_one_side, low=0.0, high=None),
        ),
        mistake(value_not_clamped, value_clamped_on_one_side, partial(value_clamped_on_one_side, low=0.0, high=None)),
        mistake(hue_in_turns, _hue_left_in_turns),
        mistake(saturation_as_factor, partial(saturation_as_factor, one=0.0)),
        mistake(value_as_factor, partial(value_as_factor, one=0.0)),
    ),
    alternatives=(channelwise, turned_by_the_library, loop),
    note="Return a batch of RGB pictures of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation.RandomHSV", "course.augmentation.modules"),
    alike=True,
)
