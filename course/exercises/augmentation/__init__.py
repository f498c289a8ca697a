"""Exercises of section 07: pictures moved, recoloured, hidden, combined and mixed."""

from course.exercises.augmentation import (
    apply_policy,
    channel_shuffle,
    cutmix,
    flip,
    hue_saturation_value,
    mixup,
    pad_and_crop,
    randaugment,
    random_occlusion,
    rgb_shift,
    rotate,
)

EXERCISES = (
    flip.EXERCISE,
    pad_and_crop.EXERCISE,
    rotate.EXERCISE,
    rgb_shift.EXERCISE,
    hue_saturation_value.EXERCISE,
    channel_shuffle.EXERCISE,
    random_occlusion.EXERCISE,
    apply_policy.EXERCISE,
    randaugment.EXERCISE,
    mixup.EXERCISE,
    cutmix.EXERCISE,
)
