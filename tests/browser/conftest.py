"""A real JupyterLab on loopback, driven in a real Chromium; both are started once per test module and leave nothing.

They are those of `course.bench.browser`. Skipped, with the reason, where Chromium or Playwright is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course.bench import browser
from course.bench.browser import Lab, Watched

ARTEFACTS = Path(__file__).parents[2] / "artefacts"


# Contrast (WCAG 2.2) of every text against the page (class "on": against what it is written on, which the widgets'
# own tests look after); the canvas mixes translucent colours as the page does.
CONTRAST = """root => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
  const paper = getComputedStyle(root).getPropertyValue('--paper').trim();
  const luminance = colour => {
    for (const layer of [paper, colour]) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ratio = colour => {
    const [dark, light] = [luminance(colour), luminance(paper)].sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
  };
  const texts = [...root.querySelectorAll('text:not(.on)')].map(t => getComputedStyle(t).fill);
  const rest = [...root.querySelectorAll(':is(button, label, figcaption, output, p)')];
  return Math.min(...[...texts, ...rest.map(e => getComputedStyle(e).color)].map(ratio));
}"""

OVERFLOW = """root => {
  const box = root.closest('.jp-OutputArea-child').getBoundingClientRect();
  const out = [...root.querySelectorAll('svg, label, input, select, button, output, figcaption, p')]
    .filter(e => e.getBoundingClientRect().right > box.right + 1).map(e => e.outerHTML.slice(0, 80));
  return root.scrollWidth > root.clientWidth ? ['the widget itself', ...out] : out;
}"""

# Knobs whose name runs into its value, its button or its slider.
COLLISIONS = """root => [...root.querySelectorAll('.knob:not([hidden])')].filter(knob => {
  const words = document.createRange();
  words.selectNodeContents(knob.querySelector('span'));
  const others = [...knob.querySelectorAll('output, button, input, select')].map(e => e.getBoundingClientRect());
  const meet = (a, b) => a.right > b.left + 1 && a.left < b.right - 1 && a.bottom > b.top + 3 && a.top < b.bottom - 3;
  return [...words.getClientRects()].some(a => others.some(b => meet(a, b)));
}).map(knob => knob.textContent)"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


class Widget(Watched):
    """One of the course's widgets on the page."""

    def changes(self, act: Callable[[], object]) -> None:
        """Do something, and wait until the picture is another one."""
        assert self.latency(act) is not None, "the picture stays as it is"

    def latencies(self, act: Callable[[], object], times: int) -> list[float]:
        """Milliseconds from the control's event to the frame with the new picture, for each time, in order of size."""
        found = [self.latency(act) for _ in range(times)]
        assert None not in found, "a move left the picture as it was"
        return sorted(t for t in found if t is not None)

    def contrast(self) -> float:
        """The lowest contrast of any text of the widget."""
        return self.root.evaluate(CONTRAST)

    def overflow(self) -> list[str]:
        """What sticks out of the widget's cell."""
        return self.root.evaluate(OVERFLOW)

    def collisions(self) -> list[str]:
        """Knobs whose name runs into something."""
        return self.root.evaluate(COLLISIONS)

    def keep(self, name: str) -> Path:
        """A screenshot under artefacts/, for people to look at."""
        return keep(self.root, name)


def keep(shown: Any, name: str) -> Path:
    """A screenshot under artefacts/, for people to look at."""
    ARTEFACTS.mkdir(exist_ok=True)
    shown.screenshot(path=ARTEFACTS / f"{name}.png")
    return ARTEFACTS / f"{name}.png"


class Notebook(browser.Notebook):
    """A notebook that is open in JupyterLab, and what one does with it."""

    def widget(self, title: str = "") -> Widget:
        """The widget with this title, or the first one."""
        named = f'[aria-label="{title}"]' if title else ""
        return Widget(self.page, self.page.locator(f".explorable{named}").first)

    def cell(self, grade_id: str) -> Any:
        """The cell that nbgrader knows by this id, scrolled into view: a far-away cell is not in the page at all."""
        index = self.page.evaluate(
            """id => {
              const { content } = window.jupyterapp.shell.currentWidget;
              const at = content.widgets.findIndex(c => c.model.getMetadata('nbgrader')?.grade_id === id);
              if (at >= 0) content.activeCellIndex = at;
              return at < 0 ? at : content.scrollToItem(at).then(() => at);
            }""",
            grade_id,
        )
        assert index >= 0, f"the notebook has no cell with the nbgrader id {grade_id!r}"
        return self.page.locator(".jp-Notebook .jp-Cell.jp-mod-active")

    def write_and_run(self, grade_id: str, source: str | None = None) -> Any:
        """Give a cell this source (or leave it as it is), run it, and return its outputs as a locator."""
        cell = self.cell(grade_id)
        if source is not None:
            self.set_source(source)
        self.command("notebook:run-cell")
        self.wait_idle()
        return cell.locator(".jp-OutputArea-output")

    def outputs(self) -> list[dict[str, Any]]:
        """The outputs of the active cell, as in the notebook's file."""
        active = "window.jupyterapp.shell.currentWidget.content.activeCell"
        return self.page.evaluate(f"() => {active}.model.outputs.toJSON()")

    def keep(self, name: str, selector: str) -> Path:
        """A screenshot under artefacts/, for people to look at."""
        return keep(self.page.locator(selector).first, name)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab in an empty folder."""
    home = tmp_path_factory.mktemp("lab")
    (home / "root").mkdir()
    with browser.jupyterlab(home, home / "root") as lab:
        yield lab


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    """A Chromium without a window.

    Module scope on purpose: Playwright keeps an event loop running in this thread, and other tests need it free.
    """
    if why := browser.obstacle():
        pytest.skip(why)
    with browser.chromium() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def open_notebook(chrome: Any, lab: Lab) -> Iterator[Callable[[str], Notebook]]:
    """Opens a notebook of the lab's folder in a page of its own, and waits for its kernel."""
    with browser.window(chrome, lab, Notebook) as open_it:
        yield open_it
