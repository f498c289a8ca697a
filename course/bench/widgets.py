"""From a control that moves to the picture that has changed: every widget, in a real JupyterLab in a real Chromium.

Beside them `ipywidgets.interact` with matplotlib draws the same picture from the same numbers; both take turns. A turn
moves every control of a widget by one stop with its arrow key, one after the other, so that hardly any state comes
twice, and then drags over the picture, an event about every 16 ms, to see whether pictures queue up.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from course.bench import browser, latency
from course.bench.browser import Notebook, Watched
from course.bench.latency import INTERACT, Row, alt, rows, table

PHOTOS = ("AugmentationMixer", "HogExplorer", "KernelEditor", "MixBlender", "PixelInspector")
DRAG = 30  # events of a drag

# The same panels, sizes and numbers; what does not move is computed once, outside, as our widgets do it.
PEERS = {
    "Descent": (
        "momentum α",
        """
import ipywidgets, matplotlib.pyplot as plt, numpy as np, torch
from course.descent import SURFACES
from course.widgets.descent import descend
%matplotlib inline
grid = np.linspace(-2, 2, 64)
height = SURFACES["ravine"].loss(torch.from_numpy(np.stack(np.meshgrid(grid, grid), axis=-1))).numpy()
levels = height.max() * np.linspace(0, 1, 15) ** 2

def draw(momentum):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.32, 3.92), dpi=100)
    left.contour(grid, grid, height, levels, cmap="Blues")
    ways = descend("ravine", -1.6, 0.6, 0.02, (0.0, momentum), 60)
    for way, style in zip(ways, ("k.--", "C1.-")):
        left.plot(*way.path.T, style)
        right.semilogy(np.maximum(way.loss, 1e-6), style[:2] + style[3:])
    left.set(title="Ravine", xlabel="x", ylabel="y", xlim=(-2, 2), ylim=(-2, 2))
    right.set(title="Loss above the minimum", xlabel="step", ylim=(1e-6, 1e2))
    plt.show()

ipywidgets.interact(draw, momentum=ipywidgets.FloatSlider(0.8, min=0, max=0.95, step=0.05));
""",
    ),
    "PixelInspector": (
        "brightness ×",
        """
import ipywidgets, matplotlib.pyplot as plt
from course.data import PHOTOS
from course.widgets.pixels import changed, distances, stored
%matplotlib inline

def draw(brightness):
    x = changed("astronaut", brightness, 0, 0.0)
    figure, axes = plt.subplots(2, 2, figsize=(7.32, 4.78), dpi=100, height_ratios=(3, 1))
    axes[0, 0].imshow(x.permute(1, 2, 0))
    axes[0, 0].plot(70, 47, "w+", markersize=12)
    part = x[:, 44:51, 67:74].permute(1, 2, 0)
    axes[0, 1].imshow(part)
    for i, line in enumerate(stored(part).tolist()):
        for j, values in enumerate(line):
            axes[0, 1].text(j, i, "\\n".join(map(str, values)), ha="center", va="center", color="w", size=6)
    axes[1, 0].barh(["red", "green", "blue"], stored(x)[:, 47, 70])
    axes[1, 1].barh(PHOTOS, distances("astronaut", brightness, 0, 0.0)[0])
    plt.show()

ipywidgets.interact(draw, brightness=ipywidgets.FloatSlider(1.0, min=0.1, max=2.0, step=0.1));
""",
    ),
}
"""Widgets that are compared: the control that is moved in both, and the same as a program with interact."""


# ------------------------------------------------------------------------------------------------ measuring


@dataclass
class Contestant:
    """Something on the page that is moved: a widget of ours (`made` is its twin in this process), or interact's cell.

    What is measured of it: see `course.bench.latency.Measured`.
    """

    name: str
    shown: Watched
    made: Any = None
    only: str = ""
    times: list[tuple[str, float]] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    backwards: set[str] = field(default_factory=set)

    @property
    def ours(self) -> bool:
        """Whether it is a widget of the course."""
        return self.made is not None

    def controls(self) -> list[str]:
        """Accessible names of the controls that are to be moved; interact has one, without a name."""
        if self.made is None:
            return [""]
        knobs = self.shown.root.locator(".knob:not([hidden]) [data-knob]")
        names = knobs.evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
        return [self.only] if self.only else names

    def control(self, name: str) -> Any:
        """One of them, as a locator."""
        return self.shown.control(name) if name else self.shown.root.locator(".noUi-handle").first

    def move(self, name: str) -> None:
        """Move a control by one stop, to where it has not been; at its end it turns round."""
        control, page = self.control(name), self.shown.page
        control.focus()
        for _ in range(2):
            ahead = name not in self.backwards
            kind = control.evaluate("e => e.type || 'handle'")
            keys = {"checkbox": ("Space", "Space"), "select-one": ("ArrowUp", "ArrowDown")}
            before, key = _position(control), keys.get(kind, ("ArrowLeft", "ArrowRight"))[ahead]
            took = self.shown.latency(partial(page.keyboard.press, key), 0.7)
            if took is not None:
                self.times.append((name, took))
            if took is not None or _position(control) != before:  # a move that changes no pixel is no measurement
                return
            self.backwards ^= {name}

    def drag(self) -> None:
        """Drag with a mouse, `DRAG` events in half a second, and see what comes after the last of them."""
        if self.made is None or self.only:
            handle = self.control(self.only)
            box = handle.evaluate("""e => {
              const of = r => [r.left, r.top, r.width, r.height];
              return of((e.closest('.noUi-target') ?? e).getBoundingClientRect()); }""")
            path = [(0.1 + 0.6 * i / DRAG, 0.5) for i in range(DRAG + 1)]
            at = handle.evaluate(
                "e => { const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + 8] }"
            )
            grip = at if self.made is None else None
        else:
            pad = self.shown.root.locator(".pad").bounding_box()
            box, grip = [pad[k] for k in ("x", "y", "width", "height")], None
            path = [(0.2 + 0.5 * i / DRAG, 0.3 + 0.5 * i / DRAG) for i in range(DRAG + 1)]
        self._drag(box, path, grip)

    def _drag(self, box: Sequence[float], path: Sequence[tuple[float, float]], grip: Sequence[float] | None) -> None:
        mouse = self.shown.page.mouse
        points = [(box[0] + u * box[2], box[1] + v * box[3]) for u, v in path]
        mouse.move(*(grip or points[0]))
        self.shown.start()
        mouse.down()
        due = time.monotonic()
        for point in points[1:]:
            due += 0.016
            time.sleep(max(0.0, due - time.monotonic()))
            mouse.move(*point)
        last = max(self.shown.read()[0])
        self.shown.settle()
        mouse.up()
        late = [t for t in self.shown.read()[1] if t > last]
        self.queued.append(len(late))
        self.settled.append(late[-1] - last if late else 0.0)
        self.right.append(self.up_to_date())

    def up_to_date(self) -> bool:
        """Whether the picture is that of the state in which the controls are now.

        Ours is compared with what this process draws for that state. Of interact's we can only see whether a step away
        and back leads to the same picture.
        """
        if self.made is None:
            before, page = self.shown.picture(), self.shown.page
            self.control("").focus()
            for key in ("ArrowLeft", "ArrowRight"):
                self.shown.latency(partial(page.keyboard.press, key), 0.7)
            return self.shown.picture() == before
        state = self.shown.root.locator("[data-knob]").evaluate_all(
            "all => all.map(e => [e.dataset.knob, e.type === 'checkbox' ? e.checked : e.value])"
        )
        with self.made.hold_trait_notifications():
            for name, value in state:
                knob = self.made.knobs()[name]
                self.made.set_trait(name, knob.values[int(value)] if hasattr(knob, "unit") else value)
        panels = self.made.figure().panels
        expected = [part for panel in panels for part in (panel.back, panel.front)]
        same = """(root, expected) => {
          const drawn = [...root.querySelectorAll('.panels g.back, .panels g.front')].map(g => g.innerHTML);
          const spare = document.createElementNS('http://www.w3.org/2000/svg', 'g');
          return drawn.join() === expected.map(e => ((spare.innerHTML = e), spare.innerHTML)).join();
        }"""
        return self.shown.root.evaluate(same, expected)


def _position(control: Any) -> str:
    return control.evaluate("e => e.type === 'checkbox' ? '' + e.checked : e.value ?? e.getAttribute('aria-valuenow')")


def measure(notebook: Notebook, names: Sequence[str], repeats: int, advance: Callable[[str], object]) -> list[Row]:
    """Pairs first, then every widget by itself; see `rows`.

    Args:
        notebook: an open one with two empty cells.
        names: of widgets.
        repeats: turns that each one gets, after one that does not count.
        advance: called with a name after each turn.
    """
    found = []
    for name in [n for n in names if n in PEERS]:
        label, program = PEERS[name]
        pair = [
            _ours(notebook, name, label),
            Contestant(INTERACT, Watched(notebook.page, notebook.run_cell(1, program))),
        ]
        pair[1].shown.root.locator("img").wait_for()
        _turns(pair, repeats, advance)
        found += rows(f"{name}: {label}", _kind(name), pair)
        notebook.run_cell(1, "")
    for name in names:
        alone = [_ours(notebook, name)]
        _turns(alone, repeats, advance)
        found += rows(name, _kind(name), alone)
    return found


def _kind(name: str) -> str:
    return "photo" if name in PHOTOS else "vector"


def _ours(notebook: Notebook, name: str, only: str = "") -> Contestant:
    from course import widgets

    cell = notebook.run_cell(0, f"from course.widgets import {name}\n{name}()")
    root = cell.locator(".explorable")
    root.wait_for()
    return Contestant(name, Watched(notebook.page, root), getattr(widgets, name)(), only)


def _turns(contestants: Sequence[Contestant], repeats: int, advance: Callable[[str], object]) -> None:
    for turn in range(repeats + 1):
        for one in contestants:
            one.shown.root.scroll_into_view_if_needed()
            for name in one.controls():
                for _ in range(5 if one.only or one.made is None else 1):
                    one.move(name)
            one.drag()
            if not turn:  # neither the first pictures nor the first imports count
                for kept in (one.times, one.queued, one.settled, one.right):
                    kept.clear()
            advance(one.name)


# ------------------------------------------------------------------------------------------------ the command


@contextlib.contextmanager
def bench_notebook() -> Iterator[Notebook]:
    """A notebook with two empty code cells, open in JupyterLab.

    Raises:
        BrowserMissing: there is no browser to open it in.
    """
    import nbformat

    with browser.chromium() as chrome, tempfile.TemporaryDirectory(prefix="cv-bench-") as home:
        root = Path(home) / "root"
        root.mkdir()
        cells = [nbformat.v4.new_code_cell("") for _ in range(2)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=browser.KERNEL), root / "bench.ipynb")
        with browser.jupyterlab(Path(home), root) as lab, browser.window(chrome, lab) as open_notebook:
            notebook = open_notebook("bench.ipynb")
            notebook.page.set_viewport_size({"width": 1280, "height": 1300})
            yield notebook


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure with a progress bar, print the table, and write rows and plot where asked to.

    Args:
        json_file: where to write the rows; `-` prints them instead of the table.
        plot: where to write a plot, a PNG file.
        repeats: turns that each widget gets.
        only: what the widgets that are measured have in their names.

    Raises:
        BenchError: none has.
        BrowserMissing: Playwright or Chromium is missing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from course import widgets
    from course.bench import chosen
    from course.bench.harness import device_name
    from course.files import write_picture, write_rows

    names = chosen(widgets.__all__, only)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        turns = (repeats + 1) * (len(names) + 2 * len(PEERS.keys() & names))
        task = progress.add_task("starting JupyterLab", total=turns)
        with bench_notebook() as notebook:
            found = measure(notebook, names, repeats, lambda n: progress.update(task, advance=1, description=n))
    title = f"Widgets in JupyterLab, {device_name(_cpu())}, load {found[-1]['load']:.1f}"
    if json_file is not None:
        write_rows(found, json_file)
    if str(json_file) != "-":
        Console().print(table(found, title))
    if plot is not None:
        write_picture(latency.plot(found, title), plot, title, alt(found))


def _cpu() -> Any:
    import torch

    return torch.device("cpu")
