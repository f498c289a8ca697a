"""Every widget in JupyterLab: it runs clean, follows mouse and keyboard, and is legible, dark and narrow.

The descent playground has more tests, in test_in_browser.py: what it shows of the shell holds for all.
"""

from __future__ import annotations

from statistics import median

import nbformat
import pytest

from course import widgets

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
# A control of each widget, and two keys that change it to and fro.
CONTROLS = {
    "AugmentationMixer": ("rotate up to", ("ArrowLeft", "ArrowRight")),
    "BlockLights": ("p of the last block", ("ArrowLeft", "ArrowRight")),
    "Descent": ("momentum α", ("ArrowLeft", "ArrowRight")),
    "HogExplorer": ("turned by", ("ArrowRight", "ArrowLeft")),
    "KernelEditor": ("row 2, column 2", ("ArrowLeft", "ArrowRight")),
    "LossLandscape": ("reach", ("ArrowLeft", "ArrowRight")),
    "MixBlender": ("λ", ("ArrowLeft", "ArrowRight")),
    "OptimizerRace": ("η of Adam", ("ArrowLeft", "ArrowRight")),
    "PixelInspector": ("brightness ×", ("ArrowLeft", "ArrowRight")),
    "RegularizationPath": ("λ = 10^", ("ArrowRight", "ArrowLeft")),
    "ScheduleDesigner": ("rate η₀", ("ArrowLeft", "ArrowRight")),
    "SmoothingExplorer": ("smoothing ε", ("ArrowRight", "ArrowLeft")),
    "Timeline": ("milestone", ("ArrowDown", "ArrowUp")),
}


@pytest.fixture(scope="module", params=sorted(CONTROLS))
def widget(request, open_notebook, lab):
    """A notebook with one widget, run."""
    name = request.param
    cell = nbformat.v4.new_code_cell(f"from course.widgets import {name}\n{name}()")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=KERNEL), lab.root / f"{name}.ipynb")
    opened = open_notebook(f"{name}.ipynb")
    opened.run_all()
    opened.page.locator(".explorable").wait_for()
    opened.name = name
    yield opened
    opened.page.close()


def test_all_widgets_are_here():
    assert set(CONTROLS) == set(widgets.__all__)


def test_it_runs_clean_and_asks_nothing_from_outside(widget):
    assert widget.complaints() == []
    assert widget.outside == []


def test_the_mouse_moves_it(widget):
    box = widget.page.locator(".explorable .pad").bounding_box()
    widget.changes(lambda: widget.page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.62 * box["height"]))


def test_the_keyboard_moves_it_at_once(widget, capsys):
    label, keys = CONTROLS[widget.name]
    widget.control(label).focus()
    widget.changes(lambda: widget.page.keyboard.press(keys[0]))
    presses = iter([keys[1], keys[0]] * 20)
    times = widget.latencies(lambda: widget.page.keyboard.press(next(presses)), 20)
    with capsys.disabled():
        print(f"\n{widget.name}: p50 {median(times):.0f} ms, p95 {times[round(0.95 * (len(times) - 1))]:.0f} ms")
    assert median(times) < 400


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_is_legible(widget, dark):
    widget.dark(dark)
    try:
        widget.page.wait_for_timeout(500)  # the theme's style sheet follows its name
        widget.keep(f"{widget.name}-{'dark' if dark else 'light'}")
        assert widget.contrast() >= 4.5
    finally:
        widget.dark(False)


def test_a_narrow_window_needs_no_sideways_scrolling(widget):
    try:
        widget.page.set_viewport_size({"width": 480, "height": 1400})
        widget.page.wait_for_timeout(300)
        widget.keep(f"{widget.name}-narrow", ".jp-Notebook")
        assert widget.overflow() == []
    finally:
        widget.page.set_viewport_size({"width": 1280, "height": 1000})
