"""The ImageNet challenge, classification: the winners' top-5 errors, 2010 to 2017, as data."""

from __future__ import annotations

from typing import NamedTuple


class Winner(NamedTuple):
    """The best entry of one year, trained on the challenge's own data.

    `error` is the top-5 error on the test set in %: how often the right one of 1 000 classes is not among five guesses.
    """

    year: int
    team: str
    method: str
    error: float
    learned: bool
    source: str


_CHALLENGE = "Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 115 (2015), section 6"
_RESNET = "He et al., Deep residual learning for image recognition, CVPR (2016), abstract"
_RESULTS = "ILSVRC 2016, results of task 2a, https://image-net.org/challenges/LSVRC/2016/results"
_SENET = "Hu, Shen & Sun, Squeeze-and-excitation networks, CVPR (2018), abstract"

ILSVRC: tuple[Winner, ...] = (
    Winner(2010, "NEC-UIUC", "SIFT and LBP features, coded, linear SVM", 28.2, False, _CHALLENGE),
    Winner(2011, "XRCE", "Fisher vectors, linear SVM", 25.8, False, _CHALLENGE),
    Winner(2012, "SuperVision", "AlexNet, 8 layers", 16.4, True, _CHALLENGE),
    Winner(2013, "Clarifai", "AlexNet's successors, 8 layers, ensemble", 11.7, True, _CHALLENGE),
    Winner(2014, "GoogLeNet", "Inception, 22 layers, ensemble", 6.7, True, _CHALLENGE),
    Winner(2015, "MSRA", "ResNet, up to 152 layers, ensemble", 3.57, True, _RESNET),
    Winner(2016, "Trimps-Soushen", "ensemble of Inception and ResNet", 2.99, True, _RESULTS),
    Winner(2017, "WMW", "SENet, ensemble", 2.25, True, _SENET),
)
"""By year. The test set was not the same in all years. With extra training data SuperVision reached 15.3 % and Clarifai
11.2 %."""

HUMAN: tuple[float, str] = (5.1, "Russakovsky et al. (2015), section 6.4: one trained person on 1 500 test images")
"""Top-5 error of a person in %, and where that number is from."""
