"""A cascade looks for a face in a photo: most windows are rejected at the price of a few features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from course.data import textures
from course.effects.effect import Effect, Numbers
from course.effects.picture import BLUE, VERMILLION, Picture, canvas, label
from course.effects.tour.common import face_pictures, gray_photo, mean, show_image, split
from course.tour import Cascade, train_cascade

KNOWN, STAGES = 70, 8
BACKGROUND = ("cat", "coffee", "rocket", "china", "flower")
FACE = (72, 182, 86, 86)  # the astronaut's, marked by hand: top, left, height, width
ENOUGH = 0.4  # a box has found her if that share of their union is in both


class _Found(NamedTuple):
    cascade: Cascade
    boxes: Tensor  # best first
    hits: Tensor  # which of them are on her face
    seen: list[int]  # windows looked at: at first, and left after each stage
    passed: float  # share of unseen faces that pass all stages


def _overlap(boxes: Tensor) -> Tensor:
    """Intersection over union with her face, boxes (top, left, height, width)."""
    face = torch.tensor(FACE)
    low = torch.maximum(boxes[:, :2], face[:2])
    high = torch.minimum(boxes[:, :2] + boxes[:, 2:], face[:2] + face[2:])
    both = (high - low).clamp(min=0).prod(1)
    return both / (boxes[:, 2:].prod(1) + face[2:].prod() - both)


def _experiment(seed: int) -> _Found:
    generator = torch.Generator().manual_seed(seed)
    people, _ = face_pictures()
    known, unseen = split(len(people), KNOWN, generator)
    others = [gray_photo(name) for name in BACKGROUND] + list(textures("train", size=128)[0][:, 0])
    cascade = train_cascade(people[known], others, generator, STAGES, candidates=800, pool=60_000)
    boxes, _, seen = cascade.detect(gray_photo("astronaut"))
    passed, _ = cascade.classify(people[unseen])
    share = (passed == len(cascade.stages)).float().mean().item()
    return _Found(cascade, boxes, _overlap(boxes) >= ENOUGH, seen, share)


def _numbers(found: _Found) -> Numbers:
    lengths = [len(stage.features) for stage in found.cascade.stages]
    asked = sum(n * k for n, k in zip(found.seen, lengths, strict=False))
    return {
        "windows": float(found.seen[0]),
        "left after 2 stages": found.seen[2] / found.seen[0],
        "features, all stages": float(sum(lengths)),
        "features asked, mean of a window": asked / found.seen[0],
        "face found": float(found.hits.any()),
        "face is the best box": float(found.hits[:1].any()),
        "false boxes": float((~found.hits).sum()),
        "unseen faces that pass": found.passed,
    }


def run(seed: int) -> Numbers:
    """Train on 70 random faces and on photos without one; look for the face in another photo."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run: early rejection. Together: the face is found, with many false boxes beside it."""
    return (
        all(
            0 < r["left after 2 stages"] < 0.25
            and 0 < r["features asked, mean of a window"] < r["features, all stages"] / 8
            and 5 <= r["false boxes"] < 0.002 * r["windows"]
            for r in rows
        )
        and mean(rows, "face found") >= 0.9
        and 0.65 < mean(rows, "unseen faces that pass") < 0.97
    )


def _draw_boxes(axes: Axes, found: _Found) -> None:
    show_image(axes, gray_photo("astronaut"), "Boxes that pass all stages")
    for hit, (top, left, height, width) in zip(found.hits.tolist(), found.boxes.tolist(), strict=True):
        color, style, lw = (BLUE, "-", 3.0) if hit else (VERMILLION, "--", 1.2)
        axes.add_patch(Rectangle((left, top), width, height, fc="none", ec=color, ls=style, lw=lw))
    label(axes, FACE[1] + FACE[3] + 12, FACE[0] - 12, "face", BLUE)


def draw(seed: int) -> Picture:
    """The photo with its boxes; how many windows are left after each stage."""
    found = _experiment(seed)
    numbers = _numbers(found)
    figure, (left, right) = canvas(height=4.6, widths=[1, 1.05])
    _draw_boxes(left, found)
    stages = range(len(found.seen))
    right.bar(stages, found.seen, color=BLUE, width=0.6)
    right.set_yscale("log")
    lengths = [0, *(len(stage.features) for stage in found.cascade.stages)]
    for k, count in enumerate(found.seen):
        label(
            right,
            k,
            1.35 * count,
            f"{count:,}".replace(",", " "),
            "black",
            ha="center",
            fontsize=9,
            fontweight="normal",
        )
    right.set(ylabel="windows left", title="Most windows are rejected at once", ylim=(90, 1e5))
    right.set_xlabel("after stage (and below it, how many features it has)")
    right.set_xticks(list(stages), labels=[f"{k}\n{length or ''}" for k, length in zip(stages, lengths, strict=True)])
    right.grid(False, axis="x")
    rest = found.seen[2] / found.seen[0]
    caption = (
        f"Trained on {KNOWN} faces. Of {found.seen[0]} windows of all sizes {1 - rest:.0%} are rejected by the first "
        f"two stages; a window costs {numbers['features asked, mean of a window']:.1f} features in the mean, not "
        f"{numbers['features, all stages']:.0f}. Overlapping finds are merged into {len(found.boxes)} boxes: "
        f"{int(found.hits.sum())} on the face, {int(numbers['false boxes'])} false. Of 30 other faces "
        f"{numbers['unseen faces that pass']:.0%} pass. Viola and Jones had 4 916 faces and 38 stages."
    )
    alt = (
        "Left: a grey photo of an astronaut with a blue box around her face and many dashed boxes at other places: on "
        "the space suit, the flag and the background. Right: bars on a log scale; of tens of thousands of windows "
        "about a tenth is left after two stages and some hundreds after all."
    )
    return Picture(figure, alt, caption)


CASCADE = Effect(
    "tour.cascade",
    "A cascade spends its time on few windows: the first two of eight stages reject over 75 % of them, and a window "
    "costs less than an eighth of all features in the mean. Trained on 70 faces, it finds the face in "
    "a new photo in at least 9 of 10 runs. It also takes other places for faces: at least five boxes in each run, "
    "though less than one in 500 windows.",
    run,
    holds,
    draw,
    seconds=4.0,
)
