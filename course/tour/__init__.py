"""The milestones of computer vision as small working programs (lecture section 00).

Each runs on real pictures in seconds on one processor core: eigenfaces, the Viola–Jones detector (integral image,
Haar features, AdaBoost, cascade), local binary patterns, SIFT matching, a pretrained network that names photos, and
the error curve of the ImageNet challenge. HOG, the milestone after those, has a section of its own: `course.features`.
"""

from course.tour.cascade import Cascade, train_cascade
from course.tour.challenge import HUMAN, ILSVRC, Winner
from course.tour.faces import eigenfaces, reconstruct
from course.tour.haar import LAYOUTS, haar_response, integral_image
from course.tour.keypoints import Matches, sift_matches
from course.tour.milestones import MILESTONES, Milestone
from course.tour.patterns import local_binary_pattern
from course.tour.pretrained import Pretrained, PretrainedMissing, load_pretrained

__all__ = [
    "HUMAN",
    "ILSVRC",
    "LAYOUTS",
    "MILESTONES",
    "Cascade",
    "Matches",
    "Milestone",
    "Pretrained",
    "PretrainedMissing",
    "Winner",
    "eigenfaces",
    "haar_response",
    "integral_image",
    "load_pretrained",
    "local_binary_pattern",
    "reconstruct",
    "sift_matches",
    "train_cascade",
]
