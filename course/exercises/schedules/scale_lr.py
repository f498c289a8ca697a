"""Exercise schedules.scale_lr: batch ×k, rate ×k."""

from __future__ import annotations

from course import schedules
from course.exercises.exercise import Case, Draw, Exercise, mistakes
from course.exercises.schedules.common import ATOL, RTOL


def cases(draw: Draw) -> list[Case]:
    """The lecture's eight GPUs, then fewer, more and the same; devices and samples per device both change."""

    def change(label: str, devices: tuple[int, int], samples: tuple[int, int]) -> Case:
        (d0, d1), (s0, s1) = devices, samples
        return Case(label, (draw.uniform(0.01, 1), (d0, s0), (d1, s1)))

    samples = draw.integer(10, 50)
    return [
        Case("eight GPUs with 32 pictures each, then one", (0.1, (8, 32), (1, 32)), "hand"),
        change("nothing changes", (4, 4), (samples, samples)),
        change("the same total on other devices", (6, 2), (samples, 3 * samples)),
        change("more samples on one device", (1, 1), (samples, 3 * samples + 1)),
        change("from one device to many", (1, draw.integer(3, 12)), (samples, samples)),
        change("fewer devices, more samples each", (8, 3), (samples, samples + 17)),
        change("more of both", (2, 5), (samples, samples + 9)),
    ]


def inverse(lr, batch, new_batch):
    """The ratio is upside down: a larger batch gets a larger rate."""
    return lr * batch[0] * batch[1] / (new_batch[0] * new_batch[1])


def square_root(lr, batch, new_batch):
    """The root of the ratio was taken (a rule for Adam); the lecture's rule is linear."""
    return lr * (new_batch[0] * new_batch[1] / (batch[0] * batch[1])) ** 0.5


def per_device(lr, batch, new_batch):
    """Only the samples per device are compared; a step sees those of all devices together."""
    return lr * new_batch[1] / batch[1]


def devices_only(lr, batch, new_batch):
    """Only the number of devices is compared; how many samples each of them takes counts as well."""
    return lr * new_batch[0] / batch[0]


def summed(lr, batch, new_batch):
    """Devices and samples were added up; a step sees devices × samples per device."""
    return lr * (new_batch[0] + new_batch[1]) / (batch[0] + batch[1])


def whole_ratio(lr, batch, new_batch):
    """Whole-number division makes the ratio 0 for smaller batches; use / instead of //."""
    return lr * (new_batch[0] * new_batch[1] // (batch[0] * batch[1]))


def unchanged(lr, batch, new_batch):
    """The rate stays as it was; it grows with the batch."""
    return lr


def squared(lr, batch, new_batch):
    """The ratio is squared; the rule is linear."""
    return lr * (new_batch[0] * new_batch[1] / (batch[0] * batch[1])) ** 2


def no_brackets(lr, batch, new_batch):
    """Brackets are missing: `/ devices * samples` divides by the devices and multiplies by the samples."""
    return lr * (new_batch[0] * new_batch[1]) / batch[0] * batch[1]


def per_256(lr, batch, new_batch):
    """The new batch is compared with 256, the lecture's old one; compare it with `batch`, devices · samples."""
    return lr * new_batch[0] * new_batch[1] / 256


def unpacked(lr, batch, new_batch):  # noqa: D103
    devices, samples = batch
    new_devices, new_samples = new_batch
    per_sample = lr / (devices * samples)
    return per_sample * new_devices * new_samples


def by_factor(lr, batch, new_batch):  # noqa: D103
    k = (new_batch[0] / batch[0]) * (new_batch[1] / batch[1])
    return k * lr


EXERCISE = Exercise(
    name="schedules.scale_lr",
    title="Linear scaling rule",
    signature="scale_lr(lr, batch, new_batch)",
    points=1,
    minutes=3,
    difficulty=1,
    idea=(
        "First find out how many samples a step sees altogether, before and after: devices times samples on each. "
        "The rate then grows by the same factor as that number."
    ),
    pseudocode="""
    B ← devices · samples,   B' ← new devices · new samples
    k ← B' / B
    η' ← k · η
    """,
    reference=schedules.scale_lr,
    shown=unpacked,
    cases=cases,
    misconceptions=mistakes(
        inverse,
        square_root,
        per_device,
        devices_only,
        summed,
        whole_ratio,
        unchanged,
        squared,
        no_brackets,
        per_256,
    ),
    alternatives=(unpacked, by_factor),
    note="batch and new_batch are pairs: (devices, samples per device). Return one number.",
    rtol=RTOL,
    atol=ATOL,
)
