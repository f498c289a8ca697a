"""Experiments of lecture section 00: one file each, in the notebook's order.

`tour.names` needs the optional package with a pretrained network's weights. Without it there is nothing to measure, so
it is not in EFFECTS; `NAMES.show()` works all the same and says what to install. `error_curve()` draws data, no
experiment.
"""

from course.effects.effect import Effect
from course.effects.tour.cascade import CASCADE
from course.effects.tour.challenge import error_curve
from course.effects.tour.eigenfaces import EIGENFACES
from course.effects.tour.haar import HAAR
from course.effects.tour.matching import MATCHING
from course.effects.tour.names import NAMES, available
from course.effects.tour.texture import TEXTURE

__all__ = ["EFFECTS", "NAMES", "OPTIONAL", "error_curve"]

EFFECTS: tuple[Effect, ...] = (HAAR, CASCADE, EIGENFACES, TEXTURE, MATCHING, *((NAMES,) if available() else ()))
OPTIONAL: tuple[Effect, ...] = (NAMES,)
