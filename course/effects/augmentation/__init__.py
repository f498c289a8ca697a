"""Experiments of section 07: where augmentation helps, how much, and where it does not."""

from course.effects.augmentation.digit_moves import DIGIT_MOVES
from course.effects.augmentation.mixing import MIXING
from course.effects.augmentation.operations import OPERATIONS
from course.effects.augmentation.poses import POSES
from course.effects.augmentation.strength import STRENGTH

EFFECTS = (POSES, DIGIT_MOVES, OPERATIONS, STRENGTH, MIXING)
