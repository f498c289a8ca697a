"""What becomes of measured latencies: percentiles, goals, a table, a plot, and words."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

Row = dict[str, Any]

GOALS = {"vector": 100.0, "photo": 150.0}
"""Milliseconds that 95 of 100 moves should take at most, for what is drawn with lines and for what shows photos."""

TIMES = 3.0
"""How many times as fast as interact and matplotlib it should be."""

QUEUE = 3
"""Pictures after a drag's last event that are no queue: one that the browser has, one that Python draws, the last."""

INTERACT = "interact + matplotlib"


class Measured(Protocol):
    """What was measured of one that was moved on a page: ours, or interact.

    Attributes:
        times: milliseconds from each control's event to the changed picture, with the control's name.
        queued: after each drag: pictures that came after its last event.
        settled: after each drag: milliseconds from its last event to its last picture.
        right: after each drag: whether that picture belonged to the state in which it ended.
    """

    name: str
    times: list[tuple[str, float]]
    queued: list[int]
    settled: list[float]
    right: list[bool]

    @property
    def ours(self) -> bool:
        """Whether it is a widget of the course."""


def rows(work: str, kind: str, contestants: Sequence[Measured]) -> list[Row]:
    """One row per contestant.

    Fields: work, contender, peer, kind ("vector" or "photo"), moves (how many were timed), p50, p95 (ms, from control
    to picture), slowest (the control with the largest median, and that), times_as_fast (ours against interact: ratio of
    the medians), queued (most pictures after a drag's last event), settled (ms from there to the last picture, p50 and
    p95 of all drags), right (whether each drag ended with its last state's picture), goal (ms for p95), met, load (of
    the machine, processes that want to run).
    """
    made = [_row(work, kind, c) for c in contestants]
    if len(made) > 1:
        made[0]["times_as_fast"] = made[1]["p50"] / made[0]["p50"]
        made[0]["met"] = made[0]["met"] and made[0]["times_as_fast"] >= TIMES
    return made


def _row(work: str, kind: str, one: Measured) -> Row:
    times = [t for _, t in one.times]
    by_control = {n: statistics.median(t for m, t in one.times if m == n) for n, _ in one.times}
    slowest = max(by_control, key=lambda n: by_control[n])
    p95, queued, right = quantile(times, 0.95), max(one.queued), all(one.right)
    return {
        "work": work,
        "contender": one.name,
        "peer": not one.ours,
        "kind": kind,
        "moves": len(times),
        "p50": quantile(times, 0.5),
        "p95": p95,
        "slowest": [slowest, by_control[slowest]],
        "times_as_fast": None,
        "drags": len(one.queued),
        "queued": queued,
        "settled": [quantile(one.settled, 0.5), quantile(one.settled, 0.95)],
        "right": right,
        "goal": GOALS[kind] if one.ours else None,
        "met": p95 <= GOALS[kind] and queued <= QUEUE and right if one.ours else None,
        "load": os.getloadavg()[0],
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least such a share of them do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def table(found: Sequence[Row], title: str) -> Table:
    """The rows for reading."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    look: dict[str, Any] = {"box": box.SIMPLE_HEAD, "pad_edge": False, "collapse_padding": True}
    shown = Table(title=title, title_justify="left", header_style="bold", **look)
    shown.add_column("all controls of, or one", no_wrap=True)
    for heading in ("moves", "p50", "p95", "goal", "×", "queued", "settled"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for r in found:
        faster = "" if r["times_as_fast"] is None else f"{r['times_as_fast']:.1f}"
        name = f"    {INTERACT}" if r["peer"] else f"{'✓' if r['met'] else '✗'} {r['work']}"
        numbers = (r["moves"], f"{r['p50']:.0f}", f"{r['p95']:.0f}", "" if r["goal"] is None else f"{r['goal']:.0f}")
        shown.add_row(escape(name), *map(str, numbers), faster, str(r["queued"]), f"{r['settled'][0]:.0f}")
    shown.caption_justify = "left"
    shown.caption = (
        "p50, p95: ms from control to picture. ×: times as fast as interact. queued: most pictures that came after a "
        "drag's last event; settled: ms from there to the last picture. ✓: p95 within its goal, at most "
        f"{QUEUE} queued, the last picture that of the last state, and where compared {TIMES:g}× as fast."
    )
    return shown


def plot(found: Sequence[Row], title: str) -> Figure:
    """Medians as bars, up to the 95th percentile as a line, the goal as a tick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.4 + 0.32 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    for i, r in enumerate(found):
        axes.barh(i, r["p50"], color="#56B4E9" if r["peer"] else "#D55E00", height=0.75)
        axes.plot([r["p50"], r["p95"]], [i, i], color="#222222", linewidth=1.5)
        if r["goal"]:
            axes.plot([r["goal"]] * 2, [i - 0.42, i + 0.42], color="#222222", linewidth=2.5)
    for colour, label in (("#D55E00", "this course, median"), ("#56B4E9", INTERACT)):
        axes.barh(0, 0, color=colour, label=label)
    axes.plot([], [], color="#222222", linewidth=1.5, label="to the 95th percentile")
    axes.plot([], [], "|", color="#222222", markersize=9, markeredgewidth=2.5, label="goal for it")
    axes.set_yticks(range(len(found)), [INTERACT if r["peer"] else r["work"] for r in found])
    axes.set(title=title, xlabel="milliseconds from the control to the changed picture (logarithmic)")
    axes.set(xscale="log", xlim=(10, 2 * max(r["p95"] for r in found)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.1), ncols=2)
    return figure


def alt(found: Sequence[Row]) -> str:
    """The plot in words."""
    parts = [
        f"{r['contender'] if r['peer'] else r['work']}: median {r['p50']:.0f}, 95th percentile {r['p95']:.0f}"
        for r in found
    ]
    return "Milliseconds from control to picture. " + "; ".join(parts) + "."
