"""Explorables: a picture, the knobs that change it, and a sentence that says what it shows.

One shell (`course.widgets.shell`) serves all sections; each section adds a pure `picture(...)` and names its knobs.
Jupyter and PyTorch are imported with the first widget, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course.widgets.adaptive import OptimizerRace as OptimizerRace
    from course.widgets.augmentation import AugmentationMixer as AugmentationMixer
    from course.widgets.augmentation import MixBlender as MixBlender
    from course.widgets.depth import BlockLights as BlockLights
    from course.widgets.descent import Descent as Descent
    from course.widgets.features import HogExplorer as HogExplorer
    from course.widgets.features import KernelEditor as KernelEditor
    from course.widgets.pixels import PixelInspector as PixelInspector
    from course.widgets.recipe import LossLandscape as LossLandscape
    from course.widgets.regularization import RegularizationPath as RegularizationPath
    from course.widgets.schedules import ScheduleDesigner as ScheduleDesigner
    from course.widgets.smoothing import SmoothingExplorer as SmoothingExplorer
    from course.widgets.tour import Timeline as Timeline

_HOMES = {
    "AugmentationMixer": "course.widgets.augmentation",
    "BlockLights": "course.widgets.depth",
    "Descent": "course.widgets.descent",
    "HogExplorer": "course.widgets.features",
    "KernelEditor": "course.widgets.features",
    "LossLandscape": "course.widgets.recipe",
    "MixBlender": "course.widgets.augmentation",
    "OptimizerRace": "course.widgets.adaptive",
    "PixelInspector": "course.widgets.pixels",
    "RegularizationPath": "course.widgets.regularization",
    "ScheduleDesigner": "course.widgets.schedules",
    "SmoothingExplorer": "course.widgets.smoothing",
    "Timeline": "course.widgets.tour",
}

__all__ = [
    "AugmentationMixer",
    "BlockLights",
    "Descent",
    "HogExplorer",
    "KernelEditor",
    "LossLandscape",
    "MixBlender",
    "OptimizerRace",
    "PixelInspector",
    "RegularizationPath",
    "ScheduleDesigner",
    "SmoothingExplorer",
    "Timeline",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'course.widgets' has no attribute {name!r}; widgets: {', '.join(_HOMES)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
