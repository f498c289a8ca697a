"""What a training step costs when branches are left out, and when they are only multiplied by 0."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import torch

from course.depth import Mode, ResNet
from course.descent import cross_entropy
from course.effects.effect import Effect, Numbers
from course.effects.lanes import small_fruit
from course.effects.picture import BLUE, GREY, PINK, VERMILLION, Picture, canvas, label

BLOCKS, WIDTHS, BATCH, ROUNDS = (3, 3, 3), (8, 16, 32), 32, 16
BATCHES, SAMPLES, ZEROS = "a gate per batch, skipped", "a gate per sample, skipped", "multiplied by 0"
P_LAST = {BATCHES: (1.0, 0.5, 0.25, 0.0), SAMPLES: (0.5, 0.0), ZEROS: (0.5, 0.0)}
WAYS = [(kind, p) for kind, all_ in P_LAST.items() for p in all_]


class _Found(NamedTuple):
    depth: dict[tuple[str, float], float]  # active blocks, as a share of all, mean over the steps
    times: dict[tuple[str, float], float]  # of all steps, relative to p_L = 1


def _experiment(seed: int) -> _Found:
    """All networks take turns, with gates drawn beforehand; the clock is the processor time of this process."""
    generator = torch.Generator().manual_seed(seed)
    x, y = small_fruit("train", 300)
    networks, optimizers = {}, {}
    for kind, p in WAYS:
        mode: Mode = "batch" if kind == BATCHES else "row"
        networks[kind, p] = ResNet(
            3, BLOCKS, WIDTHS, p_last=p, mode=mode, skip=kind != ZEROS, generator=torch.Generator().manual_seed(seed)
        )
        optimizers[kind, p] = torch.optim.SGD(networks[kind, p].parameters(), 0.05)
    taken, active = dict.fromkeys(WAYS, 0.0), dict.fromkeys(WAYS, 0.0)
    for turn in range(ROUNDS + 1):
        rows = torch.randperm(len(x), generator=generator)[:BATCH]
        for way in WAYS:
            network, b = networks[way], networks[way].draw(BATCH, generator)
            start = time.process_time()
            optimizers[way].zero_grad()
            cross_entropy(network(x[rows] - 0.5, b), y[rows]).backward()
            optimizers[way].step()
            if turn:  # the first round warms up
                taken[way] += time.process_time() - start
                active[way] += b.mean().item() / ROUNDS
    return _Found(active, {way: seconds / taken[BATCHES, 1.0] for way, seconds in taken.items()})


def _numbers(found: _Found) -> Numbers:
    depth = {f"active blocks / L, p_L = {p:g}": found.depth[BATCHES, p] for p in P_LAST[BATCHES]}
    return depth | {f"time, {kind}, p_L = {p:g}": found.times[kind, p] for kind, p in WAYS if p < 1}


def run(seed: int) -> Numbers:
    """Active blocks, and processor time of training steps relative to p_L = 1."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """In the middle of the runs: one gate for all saves, but less than depth; zeros save nothing."""
    usual = {name: median(r[name] for r in rows) for name in rows[0]}
    skipped = [usual[f"time, {BATCHES}, p_L = {p:g}"] for p in P_LAST[BATCHES][1:]]
    depth = [usual[f"active blocks / L, p_L = {p:g}"] for p in P_LAST[BATCHES][1:]]
    return (
        all(d - 0.05 < t for d, t in zip(depth, skipped, strict=True))
        and skipped[0] < 0.9
        and 0.3 < skipped[2] < 0.75
        and skipped[2] < skipped[0]
        and all(0.85 < usual[f"time, {ZEROS}, p_L = {p:g}"] < 1.3 for p in P_LAST[ZEROS])
        and all(skipped[i] + 0.05 < usual[f"time, {SAMPLES}, p_L = {p:g}"] < 1.3 for i, p in ((0, 0.5), (2, 0.0)))
    )


def draw(seed: int) -> Picture:
    """Time of a step over the number of active blocks."""
    found = _experiment(seed)
    n = _numbers(found)
    figure, (axes,) = canvas(1, height=3.8)
    looks = {ZEROS: (VERMILLION, "s--"), SAMPLES: (PINK, "D-."), BATCHES: (BLUE, "o-")}
    for kind, (color, style) in looks.items():
        ways = [(BATCHES, 1.0), *((kind, p) for p in P_LAST[kind] if p < 1)]
        axes.plot([100 * found.depth[w] for w in ways], [100 * found.times[w] for w in ways], style, color=color, ms=6)
    axes.plot([40, 100], [40, 100], ":", color=GREY)
    for p in P_LAST[BATCHES]:
        label(axes, 100 * found.depth[BATCHES, p], 35, f"$p_L$ = {p:g}", GREY, ha="center", fontweight="normal")
    label(axes, 50, 100 * found.times[ZEROS, 0.0] + 8, "computed, and " + ZEROS, VERMILLION)
    label(axes, 45.5, 100 * found.times[SAMPLES, 0.0] - 6, SAMPLES, PINK)
    label(axes, 57, 100 * found.times[BATCHES, 0.25] + 8, BATCHES, BLUE, ha="right")
    label(axes, 80, 72, "time like depth", GREY)
    axes.set(xlabel="active blocks / % of all", ylabel="time of a step / %", title="What a training step costs")
    axes.set(xlim=(39, 103), ylim=(30, 130))
    half = ", ".join(f"{n[f'time, {kind}, p_L = 0.5']:.0%} ({kind})" for kind in P_LAST)
    none = ", ".join(f"{n[f'time, {kind}, p_L = 0']:.0%}" for kind in P_LAST)
    caption = (
        f"ResNet of {sum(BLOCKS)} blocks, batches of {BATCH} pictures of 16×16, {ROUNDS} steps; processor time against "
        f"p_L = 1. p_L = 0.5: {n['active blocks / L, p_L = 0.5']:.0%} of the blocks are active, the time is {half}. "
        f"p_L = 0: {n['active blocks / L, p_L = 0']:.0%} active, {none}."
    )
    alt = (
        "Time of a training step against the share of active blocks. With one gate for the whole batch and skipped "
        "branches it falls as fewer blocks are active, staying above the line on which time is proportional to depth. "
        "With a gate for each sample it falls little or not at all on these small pictures, and where branches "
        "are computed and multiplied by zero it stays level."
    )
    return Picture(figure, alt, caption)


TIME_SAVED = Effect(
    "depth.time_saved",
    "If the branches that are left out are skipped, one gate for the whole batch, a training step of a small ResNet "
    "takes at least a tenth less time at p_L = 0.5 and a quarter less at p_L = 0, though not quite in proportion to "
    "the active blocks, as the rest of the step remains. Branches that are computed and multiplied by 0 save nothing. "
    "On so small pictures, sorting out samples one by one saves less than skipping for all.",
    run,
    holds,
    draw,
    seconds=2.5,
)
