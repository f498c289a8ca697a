"""Blocks that light up: which residual blocks are active at each training step, and how deep the network is.

Probabilities and gates come from `course.depth`, which the notebook's exercises are judged by.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from course.depth import depth_distribution, draw_gates, expected_depth, survival_probabilities
from course.widgets.shell import Explorable, Menu, Slider, pad
from course.widgets.svg import Figure, Frame, Panel, counted, halo, number, tag, text

WIDTH, HEIGHT = 360, 392  # of each panel, in pixels
STEPS = 40
GRID = Frame(44, 46, 232, 308, (0, STEPS), (0, 1))
CHAIN = Frame(298, 46, 50, 308, (0, 1), (0, 1))  # the network of the present step
DEPTHS = Frame(44, 46, 304, 130, (0, 1), (0, 1))
SHARES = Frame(44, 242, 304, 112, (0, 1), (0, 1))
RULES = ("linear", "constant")
LIT = {"fill": "var(--accent)", "stroke": "none"}


# ------------------------------------------------------------------------------------------ the numbers


class Draws(NamedTuple):
    """Probabilities to survive (L,), gates of all steps (STEPS, L), and how probable each depth is (L + 1,)."""

    survival: np.ndarray
    gates: np.ndarray
    probable: np.ndarray
    expected: float


@lru_cache(maxsize=64)
def draws(rule: str, blocks: int, p_last: float, seed: int) -> Draws:
    """All steps' gates, one for each block and the whole batch.

    The numbers behind the gates do not depend on p, so that a block goes out when its p falls below its number.
    """
    p = survival_probabilities(blocks, p_last) if rule == "linear" else torch.full((blocks,), p_last)
    gates: list[np.ndarray] = []
    for q in p.tolist():
        generator = torch.Generator().manual_seed(1009 * seed + len(gates))
        gates.append(draw_gates(STEPS, q, generator).numpy())
    return Draws(
        p.numpy(),
        np.stack(gates, axis=1).astype(bool),
        depth_distribution(p.double()).numpy(),
        expected_depth(p).item(),
    )


# ------------------------------------------------------------------------------------------ the picture


def picture(rule: str = "linear", blocks: int = 12, p_last: float = 0.5, step: int = 30, seed: int = 0) -> Figure:
    """Active blocks step by step, the network of this step; the depths so far, and how often each block was active.

    Args:
        rule: "linear", p_ℓ = 1 − ℓ/L (1 − p_L), or "constant", p_ℓ = p_L.
        blocks: L ≥ 1.
        p_last: p_L, 0 … 1.
        step: the present step, 1 … 40.
        seed: of the gates.

    Returns:
        Two panels, and a caption with the same numbers.

    Raises:
        ValueError: an unknown rule, or numbers out of range.

    Source: lecture, "Stochastic Depth"; Huang et al. (2016).
    """
    if rule not in RULES or not (1 <= step <= STEPS and blocks >= 1 and 0 <= p_last <= 1 and seed >= 0):
        raise ValueError(
            f"need a rule of {RULES}, L ≥ 1, p_L from 0 to 1, a step from 1 to {STEPS} and a seed ≥ 0; "
            f"got {rule=}, {blocks=}, {p_last=}, {step=}, {seed=}"
        )
    found = draws(rule, blocks, p_last, seed)
    panels = (
        Panel(WIDTH, HEIGHT, back=_ground(blocks), front=_lights(found.gates, step) + _chain(found.gates[step - 1])),
        Panel(WIDTH, HEIGHT, back=_axes(blocks), front=_depths(found, step) + _shares(found, step)),
    )
    return Figure(panels, _caption(found, rule, blocks, p_last, step))


def _caption(found: Draws, rule: str, blocks: int, p_last: float, step: int) -> str:
    seen = found.gates[:step]
    out = [str(i + 1) for i in np.flatnonzero(~seen[-1])]
    left = "none is left out" if not out else f"left out: {', '.join(out)}"
    falls = (
        f"p falls along a line to {number(p_last)}"
        if rule == "linear" and p_last < 1
        else f"p = {number(p_last)} for all"
    )
    different = len(np.unique(seen, axis=0))
    networks = "the same network each time" if different == 1 < step else counted(different, "different network")
    networks = "one network" if step == 1 else networks
    steps = counted(step, "step")
    return (
        f"{counted(blocks, 'block')}, {falls}. Step {step}: {seen[-1].sum()} active, {left}. Mean depth of {steps}: "
        f"{seen.sum(1).mean():.1f}; expected, Σp: {found.expected:.1f}. In {steps}: {networks}."
    )


@lru_cache(maxsize=16)
def _ground(blocks: int) -> str:
    title = text(GRID.left, 16, "Active blocks, step by step", font_weight=600)
    title += text(CHAIN.left + CHAIN.width / 2, 36, "now", "middle", "var(--quiet)")
    marks = [(_middle(i, blocks), str(i + 1)) for i in sorted({0, (blocks - 1) // 2, blocks - 1})]
    words = GRID.edge() + GRID.x_ticks([(1, "1"), (20, "20"), (40, "40")], "training step") + GRID.y_ticks(marks)
    up = text(CHAIN.left + CHAIN.width / 2, CHAIN.top + CHAIN.height + 17, "input", "middle", "var(--quiet)")
    return title + words + up + text(GRID.left - 30, 36, "block", "start", "var(--quiet)")


def _middle(i: int, blocks: int) -> float:
    return (i + 0.5) / blocks


def _lights(gates: np.ndarray, step: int) -> str:
    """A lit cell for each active block at each step so far; neighbours above each other make one shape."""
    blocks = gates.shape[1]
    wide, high = GRID.width / STEPS, GRID.height / blocks
    gap = min(1.5, high / 5)
    cells = ""
    for t in range(step):
        x = GRID.left + t * wide
        for i in np.flatnonzero(gates[t]):
            y = GRID.top + GRID.height - (i + 1) * high
            cells += f"M{x + 0.5:.1f} {y + gap / 2:.1f}h{wide - 1:.1f}v{high - gap:.1f}h{1 - wide:.1f}z"
    now = GRID.left + (step - 1) * wide
    box = {"x": f"{now - 0.5:.1f}", "y": GRID.top - 2, "width": f"{wide + 1:.1f}", "height": GRID.height + 4}
    lit = tag("path", d=cells, opacity=0.75, **LIT) if cells else ""
    return lit + tag("rect", fill="none", stroke="var(--ink)", stroke_width=1.6, **box)


def _chain(active: np.ndarray) -> str:
    """The network of this step from the input upwards: blocks, and the line of the identity past them."""
    blocks = len(active)
    high = CHAIN.height / blocks
    centre, bottom = CHAIN.left + 14, CHAIN.top + CHAIN.height
    drawn = tag("path", d=f"M{centre:.1f} {bottom:g}V{CHAIN.top:g}", stroke="var(--ink)", stroke_width=2)
    tall, x = max(1.5, 0.62 * high), CHAIN.left + 26
    for i, lit in enumerate(active):
        y = bottom - (i + 0.5) * high
        style: dict[str, Any] = (
            LIT if lit else {"fill": "none", "stroke": "var(--quiet)", "stroke_width": 1, "stroke_dasharray": "2 2"}
        )
        if lit:
            path = f"M{centre:.1f} {y + 0.45 * high:.1f}H{x + 11:.1f}V{y - 0.45 * high:.1f}H{centre:.1f}"
            drawn += tag("path", d=path, fill="none", stroke="var(--ink)", stroke_width=1)
        drawn += tag("rect", x=f"{x:.1f}", y=f"{y - tall / 2:.1f}", width=22, height=f"{tall:.1f}", **style)
    return drawn


@lru_cache(maxsize=16)
def _axes(blocks: int) -> str:
    title = text(DEPTHS.left, 16, "Depth: how many are active", font_weight=600)
    title += tag("path", d="M44 30h14", stroke="var(--accent)", stroke_width=8, stroke_opacity=0.75)
    title += text(64, 34, "steps so far") + tag("path", d="M152 30h20", stroke="var(--cool)", stroke_width=2)
    title += text(178, 34, "exact probability")
    title += text(SHARES.left, SHARES.top - 12, "How often each block is active", font_weight=600)
    wide = DEPTHS.width / (blocks + 1)
    numbers = "".join(
        text(DEPTHS.left + (k + 0.5) * wide, DEPTHS.top + DEPTHS.height + 17, str(k), "middle", "var(--quiet)")
        for k in sorted({0, blocks // 2, blocks})
    )
    which = [(_middle(i, blocks), str(i + 1)) for i in sorted({0, (blocks - 1) // 2, blocks - 1})]
    halves = SHARES.y_ticks([(0, "0"), (0.5, "½"), (1, "1")], grid=True)
    return title + numbers + DEPTHS.edge() + SHARES.x_ticks(which, "block") + halves


def _depths(found: Draws, step: int) -> str:
    """Bars: shares of the steps so far; line: exact probabilities; a mark at the expected depth."""
    blocks = len(found.survival)
    seen = np.bincount(found.gates[:step].sum(1), minlength=blocks + 1) / step
    top = 1.15 * max(seen.max(), found.probable.max())
    wide, foot = DEPTHS.width / (blocks + 1), DEPTHS.top + DEPTHS.height
    bars = "".join(
        f"M{DEPTHS.left + (k + 0.1) * wide:.1f} {foot:g}v{-share / top * DEPTHS.height:.1f}h{0.8 * wide:.1f}V{foot:g}z"
        for k, share in enumerate(seen)
        if share
    )
    frame = Frame(DEPTHS.left, DEPTHS.top, DEPTHS.width, DEPTHS.height, (-0.5, blocks + 0.5), (0, top))
    line = frame.line(np.stack([np.arange(blocks + 1), found.probable], 1), stroke="var(--cool)", stroke_width=2)
    x = frame.at([[found.expected, 0]])[0, 0]
    mark = tag("path", d=f"M{x:.1f} {DEPTHS.top:g}V{foot:g}", stroke="var(--ink)", stroke_dasharray="4 3")
    side, shift = ("end", -5) if found.expected > blocks / 2 else ("start", 5)
    words = halo(x + shift, DEPTHS.top + 14, f"expected {found.expected:.1f}", side)
    return tag("path", d=bars, opacity=0.75, **LIT) + line + mark + words


def _shares(found: Draws, step: int) -> str:
    """Bars: how often each block was active so far; line: its p."""
    blocks = len(found.survival)
    wide, foot = SHARES.width / blocks, SHARES.top + SHARES.height
    bars = "".join(
        f"M{SHARES.left + (i + 0.1) * wide:.1f} {foot:g}v{-share * SHARES.height:.1f}h{0.8 * wide:.1f}V{foot:g}z"
        for i, share in enumerate(found.gates[:step].mean(0))
        if share
    )
    steps = "".join(
        f"M{SHARES.left + i * wide:.1f} {foot - p * SHARES.height:.1f}h{wide:.1f}" for i, p in enumerate(found.survival)
    )
    lit = tag("path", d=bars, opacity=0.75, **LIT) if bars else ""
    return lit + tag("path", d=steps, fill="none", stroke="var(--cool)", stroke_width=2)


# ------------------------------------------------------------------------------------------- the widget


class BlockLights(Explorable):
    """Blocks that light up: `BlockLights()`, `BlockLights(blocks=54, p_last=0.2)`.

    Knobs: `rule` ("linear" or "constant"), `blocks` L, `p_last` p_L, the present `step` (drag over the grid), and
    `seed`, which draws other gates.

    Raises:
        TypeError: an argument that is no knob.
        traitlets.TraitError: a value outside its knob's range; the message names knob and range.

    Source: lecture, "Stochastic Depth".
    """

    title: ClassVar[str] = "Blocks that light up"
    rule = Menu(list(RULES), "linear", "survival")
    blocks = Slider([1, 2, 3, 4, 6, 9, 12, 18, 27, 36, 54], 12, "blocks L")
    p_last = Slider([round(0.05 * i, 2) for i in range(21)], 0.5, "p of the last block")
    step = Slider(list(range(1, STEPS + 1)), 30, "training step", play=True)
    seed = Slider(list(range(21)), 0, "draw number")
    drag: ClassVar[dict[str, Any]] = pad(GRID, "step", hint="Drag to choose a step")
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "Linear, to one half": {"rule": "linear", "blocks": 12, "p_last": 0.5, "step": 40, "seed": 0},
        "The same for all": {"rule": "constant", "blocks": 12, "p_last": 0.5, "step": 40, "seed": 0},
        "An ordinary ResNet": {"rule": "linear", "blocks": 12, "p_last": 1.0, "step": 40, "seed": 0},
        "54 blocks": {"rule": "linear", "blocks": 54, "p_last": 0.5, "step": 40, "seed": 0},
        "Down to nothing": {"rule": "linear", "blocks": 12, "p_last": 0.0, "step": 40, "seed": 0},
    }

    def draw(self) -> Figure:
        """`picture` of the present state."""
        return picture(**self.state)
