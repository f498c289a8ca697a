"""Measuring that holds on a busy machine: contenders take turns, medians of ratios, one thread.

Times on a shared machine vary by a factor of two from one minute to the next. So all contenders do the same work in
turn, again and again; each one's time is divided by the one of the first contender in the same round; and the median of
these ratios is what counts. On the CPU the clock is processor time of the whole process, which neither other programs
nor a second thread can embellish.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from course import neutral

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

Row = dict[str, Any]


@dataclass(frozen=True)
class Contender:
    """One way to do a work.

    Attributes:
        name: who does it, with its version.
        run: does it once; None if it cannot be run here.
        peer: whether it is somebody else's, to compare with.
        missing: where it cannot be run: why, and how to install it.
        difference: how far its answer is from the first contender's, where both should be the same.
    """

    name: str
    run: Callable[[], object] | None
    peer: bool = False
    missing: str = ""
    difference: Callable[[], float] | None = None


@dataclass(frozen=True)
class Work:
    """Something to do, and who can; the first contender is the one that all are compared with.

    Attributes:
        name: what is done.
        images: how many pictures at once.
        size: bytes that must be read and written at least: input and result.
    """

    name: str
    images: int
    size: int
    contenders: tuple[Contender, ...]


@contextmanager
def one_thread() -> Iterator[None]:
    """No more than one thread in torch, and in OpenCV where it is used."""
    import importlib.util

    if importlib.util.find_spec("cv2") is not None:
        import cv2

        cv2.setNumThreads(1)
    with neutral.one_thread():
        yield


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """How long one run takes: processor time on the CPU, waiting time on an accelerator."""
    if device.type == "cpu":
        start = time.process_time()
        run()
        return time.process_time() - start
    torch.accelerator.synchronize(device)
    start = time.perf_counter()
    run()
    torch.accelerator.synchronize(device)
    return time.perf_counter() - start


def bandwidth(device: torch.device, size: int = 1 << 26) -> float:
    """Bytes per second that a plain copy reads and writes on this device."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    return 2 * size / statistics.median(seconds(lambda: target.copy_(source), device) for _ in range(7))


def device_name(device: torch.device) -> str:
    """What the device calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor() if device.type == "cpu" else str(device)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def measure(
    works: Sequence[Work],
    repeats: int,
    device: torch.device | str = "cpu",
    advance: Callable[[str], object] | None = None,
) -> list[Row]:
    """Let the contenders take turns, `repeats` times after one round that does not count.

    Args:
        works: what is to be done.
        repeats: rounds, ≥ 1; an odd number is best.
        device: where it is done; its clock is used.
        advance: called with the contender's name after each run.

    Returns:
        One row per contender: work, contender, peer, seconds (median of one run), ratio (how many times as fast as the
        first contender: median over the rounds), spread (half the distance between the quartiles of the ratio, relative
        to it), images, images_per_second, bandwidth (share of what a plain copy moves), difference, device, missing.
        What was not measured is None.

    Raises:
        ValueError: repeats < 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be ≥ 1, got {repeats}")
    device, rows = torch.device(device), list[Row]()
    with one_thread():
        limit, name = bandwidth(device), device_name(device)
        for work in works:
            able = [c for c in work.contenders if c.run is not None]
            times: dict[str, list[float]] = {c.name: [] for c in able}
            for turn in range(repeats + 1):
                for contender in able:
                    assert contender.run is not None
                    taken = seconds(contender.run, device)
                    if turn:
                        times[contender.name].append(taken)
                    if advance is not None:
                        advance(contender.name)
            rows += [_row(work, c, times, limit, name) for c in work.contenders]
    return rows


def _row(work: Work, contender: Contender, times: dict[str, list[float]], limit: float, device: str) -> Row:
    row: Row = {"work": work.name, "contender": contender.name, "peer": contender.peer, "seconds": None, "ratio": None}
    row |= {"spread": None, "images": work.images, "images_per_second": None, "bandwidth": None, "difference": None}
    row |= {"device": device, "missing": contender.missing or None}
    if contender.run is None:
        return row
    own, first = times[contender.name], times.get(work.contenders[0].name)
    median = max(statistics.median(own), 1e-9)
    row |= {"seconds": median, "images_per_second": work.images / median, "bandwidth": work.size / median / limit}
    if first is not None:
        ratios = [a / max(b, 1e-9) for a, b in zip(first, own, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        row |= {"ratio": statistics.median(ratios), "spread": (high - low) / 2 / middle}
    if contender.difference is not None:
        row["difference"] = contender.difference()
    return row


# ------------------------------------------------------------------------------------------------- showing


def table(rows: Sequence[Row], title: str) -> Table:
    """The rows for reading: one block for each work."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    caption = (
        "× first: times as fast as the first of its block, median of paired rounds ± half the quartiles' distance. "
        "copy: share of a plain copy's memory traffic. apart: largest difference from the first's answer."
    )
    shown = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    shown.caption, shown.caption_justify = caption, "left"
    shown.add_column("work and contender", no_wrap=True)
    for heading in ("ms", "images/s", "× first", "copy", "apart"):
        shown.add_column(heading, justify="right")
    last = None
    for row in rows:
        if row["work"] != last:
            if last is not None:
                shown.add_section()
            shown.add_row(f"[bold]{escape(row['work'])}[/bold]")
            last = row["work"]
        shown.add_row("  " + escape(row["contender"]), *_cells(row))
    return shown


def _cells(row: Row) -> list[str]:
    if row["seconds"] is None:
        return ["missing"]
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f} ± {row['ratio'] * row['spread']:.1f}"
    apart = "" if row["difference"] is None else f"{row['difference']:.1g}"
    share = f"{100 * row['bandwidth']:.1f} %"
    return [f"{1e3 * row['seconds']:.1f}", f"{row['images_per_second']:,.0f}", ratio, share, apart]


def plot(rows: Sequence[Row], title: str) -> Figure:
    """How many times as fast as the first contender each one is: bars on a logarithmic axis, work by work.

    Raises:
        ValueError: no row has a ratio.
    """
    from matplotlib.figure import Figure

    rows = [r for r in rows if r["ratio"] is not None]
    if not rows:
        raise ValueError("there is no ratio to plot: nobody can be compared with the first contender of a work")
    figure = Figure(figsize=(8, 1.2 + 0.34 * len(rows) + 0.3 * len({r["work"] for r in rows})), layout="constrained")
    axes, place, places, names = figure.add_subplot(), 0.0, list[float](), list[str]()
    for k, row in enumerate(rows):
        if not k or row["work"] != rows[k - 1]["work"]:
            place += 0.9
            axes.text(0, place - 0.75, row["work"], transform=axes.get_yaxis_transform(), weight="bold", va="center")
        axes.barh(place, row["ratio"], color="#56B4E9" if row["peer"] else "#D55E00", height=0.8)
        axes.text(row["ratio"] * 1.04, place, f"{row['ratio']:.1f}×", va="center")
        places.append(place)
        names.append(row["contender"])
        place += 1
    axes.set_yticks(places, names)
    axes.set(xscale="log", xlabel="times as fast as the first of its group (logarithmic)", title=title)
    axes.xaxis.set_major_formatter("{x:g}")
    for colour, label in (("#D55E00", "this course"), ("#56B4E9", "others")):
        axes.barh(0, 0, color=colour, label=label)
    axes.legend(frameon=False, loc="upper right")
    axes.set_xlim(0.5, 2 * max(r["ratio"] for r in rows))
    axes.set_ylim(place, -0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def alt(rows: Sequence[Row]) -> str:
    """The plot in words."""
    parts = [f"{r['work']}, {r['contender']}: {r['ratio']:.1f} times" for r in rows if r["ratio"] is not None]
    return "Speed relative to the first contender of each work. " + "; ".join(parts) + "."


def report(
    works: Callable[[torch.device], Sequence[Work]],
    title: str,
    json_file: Path | None,
    picture: Path | None,
    repeats: int,
    only: str = "",
) -> list[Row]:
    """Measure on one CPU thread, and on the GPU where there is one; print tables, write rows and plot where asked to.

    Args:
        works: what is to be done on a device.
        title: of tables and plot.
        json_file: where to write the rows; `-` prints them instead of the tables.
        picture: where to write a plot of the CPU's ratios, a PNG file.
        repeats: rounds.
        only: what the works that are measured have in their names.

    Raises:
        BenchError: none has.
    """
    from course.bench import chosen
    from course.files import write_picture, write_rows

    rows, printed = list[Row](), str(json_file) == "-"
    for name in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        device = torch.device(name)
        found = _with_progress(chosen(works(device), only, lambda work: work.name), repeats, device)
        rows += found
        threads = ", one CPU thread" if name == "cpu" else ""
        headed = f"{title}{threads} · {device_name(device)}"
        if not printed:
            _print_table(found, headed)
        if json_file is not None and not printed:
            write_rows(rows, json_file)
        if picture is not None and name == "cpu":
            write_picture(plot(found, headed), picture, headed, alt(found))
    if printed:
        write_rows(rows, Path("-"))
    return rows


def _with_progress(works: Sequence[Work], repeats: int, device: torch.device) -> list[Row]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total = (repeats + 1) * sum(c.run is not None for w in works for c in w.contenders)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=total)
        return measure(works, repeats, device, lambda name: progress.update(task, advance=1, description=escape(name)))


def _print_table(rows: Sequence[Row], title: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    console.print(table(rows, title))
    for who, why in {r["contender"]: r["missing"] for r in rows if r["missing"]}.items():
        console.print(f"{escape(who)} is missing: {escape(why)}")
