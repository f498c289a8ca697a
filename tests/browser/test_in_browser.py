"""The widget and the notebook as a student meets them: in JupyterLab, with mouse, keyboard, a narrow and a dark window.

One server, one Chromium, two notebooks: a small one that holds the widget only, and the course's own.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import nbformat
import pytest

from course.bench.browser import KERNEL
from course.widgets import Descent

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "03_descent" / "descent.ipynb"
VERDICT = "application/vnd.cv-course.verdict+json"

WRONG = """\
def momentum_step(w, grad, delta, lr, alpha):
    delta = alpha * delta + (1 - alpha) * grad
    return w - lr * delta, delta
"""
RIGHT = WRONG.replace("(1 - alpha) * grad", "grad")


@pytest.fixture(scope="module")
def playground(open_notebook, lab):
    """A notebook with the widget, run, in a window of its own."""
    cells = [
        "from course.widgets import Descent\nDescent(surface='ravine', lr=0.02, momentum=0.8, steps=60)",
        "from IPython.display import HTML\nHTML(Descent(surface='saddle').figure().still())",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=KERNEL)
    nbformat.write(notebook, lab.root / "playground.ipynb")
    opened = open_notebook("playground.ipynb")
    opened.run_all()
    opened.page.locator(".explorable").wait_for()
    return opened


def test_it_runs_without_a_complaint(playground):
    assert playground.complaints() == []
    assert playground.page.locator(".explorable").count() == 1


def test_the_still_is_a_picture_with_words(playground):
    still = playground.page.locator('img[alt^="Saddle, 60 steps"]')
    still.wait_for()
    assert still.evaluate("e => e.complete && e.naturalWidth") > 600


@pytest.mark.parametrize("label", ["learning rate η", "momentum α", "steps", "start x", "start y"])
def test_arrow_keys_change_the_picture_and_keep_the_focus(playground, label):
    slider = playground.widget().control(label)
    slider.focus()
    before = slider.get_attribute("aria-valuetext")
    playground.widget().changes(lambda: playground.page.keyboard.press("ArrowRight"))
    assert slider.get_attribute("aria-valuetext") != before
    assert slider.evaluate("e => e === document.activeElement")


def test_letters_typed_on_a_knob_are_no_notebook_commands(playground):
    cells = playground.page.locator(".jp-Notebook .jp-Cell")
    count = cells.count()
    playground.widget().control("momentum α").focus()
    for key in "abx":  # insert above, insert below, cut
        playground.page.keyboard.press(key)
    playground.page.wait_for_timeout(200)
    assert cells.count() == count


def test_escape_returns_to_the_cell(playground):
    playground.widget().control("steps").focus()
    playground.page.keyboard.press("Escape")
    assert playground.page.evaluate("document.activeElement.classList.contains('jp-Cell')")


def test_the_menu_changes_the_surface(playground):
    playground.widget().changes(lambda: playground.widget().control("surface").select_option("bowl"))
    assert playground.page.locator("figcaption").inner_text().startswith("Bowl")


def test_a_preset_sets_all_its_knobs_and_is_marked(playground):
    button = playground.page.get_by_role("button", name="Escapes")
    playground.widget().changes(button.click)
    assert playground.page.locator("figcaption").inner_text().startswith("Local minimum, 80 steps with η = 0.02")
    assert playground.widget().control("surface").input_value() == "local minimum"
    assert button.get_attribute("aria-pressed") == "true"
    assert playground.page.locator('.explorable button[aria-pressed="true"]').count() == 1


def test_reset_brings_back_how_it_was_made(playground):
    playground.widget().changes(playground.page.get_by_role("button", name="Reset").click)
    assert (
        playground.page.locator("figcaption").inner_text().startswith("Ravine, 60 steps with η = 0.02 from (−1.6, 0.6)")
    )
    assert playground.widget().control("momentum α").get_attribute("aria-valuetext") == "0.8"


def test_the_state_is_copied_as_a_line_of_python(playground):
    playground.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    playground.widget().changes(playground.page.get_by_role("button", name="Escapes").click)
    playground.page.get_by_role("button", name="Copy as code").click()
    playground.page.get_by_role("button", name="Copied").wait_for()
    code = playground.page.evaluate("navigator.clipboard.readText()")
    again = eval(code, {"Descent": Descent})
    assert {**again.state, **Descent.presets["Escapes"]} == again.state
    assert again.caption == playground.page.locator("figcaption").inner_text()


@pytest.mark.parametrize(("calm", "stride"), [(False, 2), (True, 7)])
def test_a_slider_runs_by_itself_until_something_is_touched(playground, calm, stride):
    """Whoever asks for less motion gets a tenth of the stops, slowly."""
    steps, page = playground.widget().control("steps"), playground.page
    page.emulate_media(reduced_motion="reduce" if calm else "no-preference")
    steps.focus()
    page.keyboard.press("Home")
    steps.evaluate("""e => {
      window.stops = [];
      const seen = () => window.stops.at(-1) === +e.value || window.stops.push(+e.value);
      new MutationObserver(seen).observe(e, { attributeFilter: ['aria-valuetext'] });
    }""")
    page.get_by_role("button", name="Play: steps").click()
    page.wait_for_function("() => window.stops.length >= 3")
    page.get_by_role("button", name="Pause: steps").wait_for()
    assert page.evaluate("window.stops.slice(0, 3)") == [stride, 2 * stride, 3 * stride]
    playground.widget().control("start x").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Play: steps").wait_for()
    stopped = steps.input_value()
    page.wait_for_timeout(900)
    assert steps.input_value() == stopped
    page.emulate_media(reduced_motion="no-preference")


def test_what_changed_is_read_out_once_it_rests(playground):
    spoken = playground.page.locator('.explorable [aria-live="polite"]')
    before = spoken.inner_text()
    playground.widget().changes(playground.page.get_by_role("button", name="Diverges").click)
    assert spoken.inner_text() == before
    playground.page.wait_for_timeout(900)
    assert "diverges" in spoken.inner_text()


def test_dragging_on_the_map_moves_the_start(playground):
    box = playground.page.locator(".explorable .pad").bounding_box()
    mouse = playground.page.mouse
    mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    playground.widget().changes(mouse.down)
    assert [playground.widget().control(f"start {axis}").get_attribute("aria-valuetext") for axis in "xy"] == [
        "−1",
        "1",
    ]
    mouse.move(box["x"] + box["width"] * 0.75, box["y"] - 400, steps=5)
    playground.page.wait_for_function("document.querySelector('[data-knob=y]').ariaValueText === '2'")
    mouse.up()
    assert playground.widget().control("start x").get_attribute("aria-valuetext") == "1"


def test_a_fast_hand_gets_few_pictures_and_the_last_one(playground):
    """60 values in a row: the waiting ones are replaced by the newest, so that nothing lags behind."""
    playground.page.evaluate("""() => {
      window.drawn = 0;
      const front = document.querySelector('.explorable .front');
      new MutationObserver(() => window.drawn++).observe(front, { childList: true });
      const slider = document.querySelector('[data-knob=x]');
      for (let i = 0; i < 60; i++) { slider.value = 10 + i; slider.dispatchEvent(new Event('input')); }
    }""")
    playground.page.locator("figcaption", has_text="from (1.45, 2)").wait_for(timeout=10_000)
    playground.page.wait_for_timeout(300)
    assert playground.page.evaluate("window.drawn") <= 10
    assert playground.widget().control("start x").get_attribute("aria-valuetext") == "1.45"
    assert "from (1.45, 2)" in playground.page.locator("figcaption").inner_text()


def test_the_picture_follows_the_knob_at_once(playground, capsys):
    playground.widget().changes(playground.page.get_by_role("button", name="Rolls").click)
    playground.widget().control("momentum α").focus()
    keys = iter(["ArrowLeft", "ArrowRight"] * 20)
    times = playground.widget().latencies(lambda: playground.page.keyboard.press(next(keys)), 30)
    p50, p95 = median(times), times[round(0.95 * (len(times) - 1))]
    with capsys.disabled():
        print(f"\ncontrol to picture: p50 {p50:.0f} ms, p95 {p95:.0f} ms ({len(times)} moves)")
    assert p50 < 400


@pytest.mark.parametrize("dark", [False, True])
def test_every_word_is_legible(playground, dark):
    playground.dark(dark)
    try:
        playground.widget().keep("playground-dark" if dark else "playground-light")
        assert playground.widget().contrast() >= 4.5
    finally:
        playground.dark(False)


def test_a_narrow_window_needs_no_sideways_scrolling(playground):
    try:
        playground.page.set_viewport_size({"width": 480, "height": 1200})
        playground.page.wait_for_timeout(300)
        playground.keep("playground-narrow", ".jp-Notebook")
        assert playground.widget().overflow() == []
    finally:
        playground.page.set_viewport_size({"width": 1280, "height": 1000})


def test_after_a_restart_it_says_why_it_no_longer_moves(playground):
    told = playground.page.locator(".explorable .lost")
    assert told.inner_text() == ""
    playground.page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }")
    told.get_by_text("The kernel has been restarted. Run this cell again").wait_for()
    playground.wait_idle()
    playground.run_all()
    assert playground.page.locator(".explorable .lost").inner_text() == ""


def test_nothing_is_asked_from_outside(playground):
    assert playground.outside == []


# ------------------------------------------------------------------------------------- the course's notebook


@pytest.fixture(scope="module")
def section(open_notebook: Callable, lab: SimpleNamespace):
    """A copy of the student's notebook, opened and run from top to bottom."""
    shutil.copytree(NOTEBOOK.parent, lab.root / "section")
    opened = open_notebook(f"section/{NOTEBOOK.name}")
    opened.run_all()
    return opened


def verdict(notebook) -> dict:
    """What the check in the active cell says, from the cell's outputs."""
    found = [o["data"][VERDICT] for o in notebook.outputs() if VERDICT in o.get("data", {})]
    assert found, f"no verdict in {notebook.outputs()}"
    return found[-1]


def test_the_blank_notebook_runs_to_its_end(section):
    assert section.complaints() == []


def test_its_widget_moves(section):
    section.page.locator(".explorable").first.scroll_into_view_if_needed()
    section.widget().control("learning rate η").focus()
    section.widget().changes(lambda: section.page.keyboard.press("ArrowLeft"))


def test_a_wrong_solution_is_told_its_mistake(section):
    section.write_and_run("momentum_step", WRONG)
    shown = section.write_and_run("check-momentum_step")
    told = verdict(section)
    assert (told["exercise"], told["status"], told["points"]) == ("descent.momentum_step", "failed", 0)
    assert told["misconception"]
    assert told["sentence"] in " ".join(" ".join(shown.all_inner_texts()).split())
    section.keep("section-wrong", ".jp-Cell.jp-mod-active")


def test_a_right_solution_earns_its_points(section):
    section.write_and_run("momentum_step", RIGHT)
    shown = section.write_and_run("check-momentum_step")
    told = verdict(section)
    assert (told["status"], told["points"]) == ("passed", told["max_points"])
    assert told["points"] > 0
    assert shown.count() > 0
    section.keep("section-right", ".jp-Cell.jp-mod-active")


def test_validate_names_what_is_still_missing(section):
    section.command("docmanager:save")
    section.page.locator("jp-button.validate-button, .validate-button").first.click()
    dialog = section.page.locator(".nbgrader-ErrorDialog, .nbgrader-SuccessDialog")
    dialog.wait_for(timeout=300_000)
    words = dialog.inner_text()
    dialog.locator("button").last.click()
    assert 'check("descent.' in words, words
    assert 'check("descent.momentum_step"' not in words, "the solved exercise must not be among the missing ones"


# ------------------------------------------------------------------------------------------ learning alone


def run_below(notebook, source: str):
    """Put a cell below the active one and run it; its outputs."""
    notebook.command("notebook:insert-cell-below")
    notebook.set_source(source)
    notebook.command("notebook:run-cell")
    notebook.wait_idle(120)
    return notebook.page.locator(".jp-Notebook .jp-Cell.jp-mod-active .jp-OutputArea-output")


def test_a_failed_check_unfolds_its_hints_by_keyboard(section):
    for body in ("w + lr * grad", "w - grad"):  # two attempts unlock two hints
        section.write_and_run("gd_step", f"def gd_step(w, grad, lr):\n    return {body}")
        report = section.write_and_run("check-gd_step")
    hints = report.locator("summary", has_text="Hint")
    for summary in hints.all():
        summary.focus()
        section.page.keyboard.press("Enter")
    assert hints.count() == report.locator("details[open]").count() == 2
    assert "Θ ← Θ − η · ∇L" in report.inner_text()
    section.keep("study-hints", ".jp-Cell.jp-mod-active")


def test_at_the_second_request_a_right_answer_stands_beside_ones_own(section):
    section.cell("check-gd_step")
    assert run_below(section, 'hint("descent.gd_step", gd_step)').locator("table").count() == 0
    shown = run_below(section, 'hint("descent.gd_step", gd_step)')
    assert shown.locator("th").all_inner_texts() == ["your code", "a right answer"]
    marked = shown.locator("td b").all_inner_texts()
    assert "".join(marked).replace(" ", "") == "lr*"
    section.dark(True)
    section.keep("study-solution-dark", ".jp-Cell.jp-mod-active")
    section.dark(False)


def test_a_prediction_is_made_by_keyboard_and_compared(section):
    question = section.page.get_by_role("group", name="Predict.")
    question.get_by_role("radio").first.focus()
    section.page.keyboard.press("Space")
    section.page.keyboard.press("ArrowDown")  # and no notebook command
    assert question.get_by_role("radio", checked=True).evaluate("e => e.closest('label').innerText").startswith("a few")
    assert question.get_by_role("status").inner_text().startswith("Noted")
    section.cell("check-momentum_step")
    shown = run_below(section, "guess.show()")
    assert shown.locator("th", has_text="predicted").locator("xpath=following-sibling::td").inner_text() == (
        "a few: up to 20 %"
    )
    assert shown.locator("th", has_text="measured").locator("xpath=following-sibling::td").inner_text() == "none"
    section.keep("study-compared", ".jp-Cell.jp-mod-active")
