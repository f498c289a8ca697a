"""What a training step costs when branches are left out, and when they are only multiplied by 0."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

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
    computed: dict[tuple[str, float], float]  # rows that went through a branch, as a share of all
    times: dict[tuple[str, float], float]  # of a step, relative to p_L = 1 in the same round, median


def _experiment(seed: int) -> _Found:
    """All networks take turns, with gates drawn beforehand; the clock is the processor time of this process."""
    generator = torch.Generator().manual_seed(seed)
    x, y = small_fruit("train", 300)
    networks, optimizers = {}, {}
    rows_seen = dict.fromkeys(WAYS, 0)
    for way in WAYS:
        kind, p = way
        mode: Mode = "batch" if kind == BATCHES else "row"
        networks[way] = ResNet(
            3, BLOCKS, WIDTHS, p_last=p, mode=mode, skip=kind != ZEROS, generator=torch.Generator().manual_seed(seed)
        )
        optimizers[way] = torch.optim.SGD(networks[way].parameters(), 0.05)

        def count(_branch: nn.Module, inputs: tuple[Tensor], way: tuple[str, float] = way) -> None:
            rows_seen[way] += len(inputs[0])

        for block in networks[way].blocks:
            block.get_submodule("branch").register_forward_pre_hook(count)
    taken: dict[tuple[str, float], list[float]] = {way: [] for way in WAYS}
    active = dict.fromkeys(WAYS, 0.0)
    for _ in range(ROUNDS + 1):
        rows = torch.randperm(len(x), generator=generator)[:BATCH]
        for way in WAYS:
            network, b = networks[way], networks[way].draw(BATCH, generator)
            active[way] += b.mean().item() / (ROUNDS + 1)
            start = time.process_time()
            optimizers[way].zero_grad()
            cross_entropy(network(x[rows] - 0.5, b), y[rows]).backward()
            optimizers[way].step()
            taken[way].append(time.process_time() - start)
    whole = taken[BATCHES, 1.0]
    times = {way: median(t / w for t, w in zip(taken[way][1:], whole[1:], strict=True)) for way in WAYS}
    all_ = (ROUNDS + 1) * BATCH * sum(BLOCKS)
    return _Found(active, {way: seen / all_ for way, seen in rows_seen.items()}, times)


def _numbers(found: _Found) -> Numbers:
    numbers = {f"active blocks / L, p_L = {p:g}": found.depth[BATCHES, p] for p in P_LAST[BATCHES]}
    for kind, p in WAYS:
        if p < 1:
            numbers[f"excess of computed over active blocks / L, {kind}, p_L = {p:g}"] = (
                found.computed[kind, p] - found.depth[kind, p]
            )
            numbers[f"time, {kind}, p_L = {p:g}"] = found.times[kind, p]
    return numbers


def run(seed: int) -> Numbers:
    """Active blocks, blocks computed beyond them, and processor time of training steps relative to p_L = 1."""
    return _numbers(_experiment(seed))


def holds(rows: Sequence[Numbers]) -> bool:
    """Every run computes what is said, counted; in the middle of the runs, with room for a busy machine, the times."""
    usual = {name: median(r[name] for r in rows) for name in rows[0]}
    excess = "excess of computed over active blocks / L, "
    return all(
        all(abs(r[f"{excess}{kind}, p_L = {p:g}"]) < 1e-6 for kind in (BATCHES, SAMPLES) for p in P_LAST[kind] if p < 1)
        and 0.1 < r[f"{excess}{ZEROS}, p_L = 0.5"] < 0.4
        and 0.3 < r[f"{excess}{ZEROS}, p_L = 0"] < 0.7
        and r["active blocks / L, p_L = 1"] == 1
        and 0.55 < r["active blocks / L, p_L = 0.5"] < 0.9
        and 0.3 < r["active blocks / L, p_L = 0"] < 0.6
        for r in rows
    ) and (
        usual[f"time, {BATCHES}, p_L = 0.5"] < 0.95
        and usual["active blocks / L, p_L = 0"] < usual[f"time, {BATCHES}, p_L = 0"] < 0.8
        and all(0.8 < usual[f"time, {ZEROS}, p_L = {p:g}"] < 1.4 for p in P_LAST[ZEROS])
        and usual[f"time, {BATCHES}, p_L = 0"] + 0.05 < usual[f"time, {SAMPLES}, p_L = 0"] < 1.4
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
    label(axes, 72, 100 * found.times[ZEROS, 0.5] - 6, "computed, and " + ZEROS, VERMILLION, ha="center")
    label(axes, 45.5, 100 * found.times[SAMPLES, 0.0] - 6, SAMPLES, PINK)
    label(axes, 57, 100 * found.times[BATCHES, 0.25] + 8, BATCHES, BLUE, ha="right")
    label(axes, 80, 72, "time like depth", GREY)
    axes.set(xlabel="active blocks / % of all", ylabel="time of a step / %", title="What a training step costs")
    axes.set(xlim=(36, 103), ylim=(30, 130))
    half = ", ".join(f"{n[f'time, {kind}, p_L = 0.5']:.0%} ({kind})" for kind in P_LAST)
    none = ", ".join(f"{n[f'time, {kind}, p_L = 0']:.0%}" for kind in P_LAST)
    caption = (
        f"ResNet of {sum(BLOCKS)} blocks, batches of {BATCH} pictures of 16×16, {ROUNDS} steps; processor time against "
        f"p_L = 1, median. p_L = 0.5: {n['active blocks / L, p_L = 0.5']:.0%} of the blocks are active, "
        f"the time is {half}. "
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
    "Where branches that are left out are skipped, exactly the active ones are computed. With one gate for the whole "
    "batch a training step of a small ResNet then takes at least a twentieth less time at p_L = 0.5 and a fifth less "
    "at p_L = 0, though less than in proportion to the active blocks, as the rest of the step remains. Branches that "
    "are multiplied by 0 are all computed and save nothing to speak of. On so small pictures, sorting out samples one "
    "by one saves less than skipping for all.",
    run,
    holds,
    draw,
    seconds=3.0,
)
