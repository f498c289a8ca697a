"""The report: points for nbgrader, an explanation for people, a row for tools; and when `check` raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbgrader.utils import determine_grade, get_partial_grade

from course import exercises
from course.check import CheckFailed, check, verdict
from course.check.report import _COLOURS, VERDICT_MIME, Report
from course.study import card


def right(w, grad, lr):
    return w - lr * grad


def edits(w, grad, lr):
    grad *= lr
    return w - grad


def climbs(w, grad, lr):
    return w + lr * grad


def crashes(w, grad, lr):
    raise ValueError("<script>alert('raised')</script>")


def stub(w, grad, lr):
    raise NotImplementedError


OUTCOMES = [(right, "passed", 1.0), (edits, "partial", 0.5), (climbs, "failed", 0.0), (stub, "unwritten", 0.0)]
outcomes = pytest.mark.parametrize(("function", "status", "points"), OUTCOMES)


def report_on(function: Any, name: str = "descent.gd_step") -> Report:
    return Report(verdict(exercises.get(name), function, 0))


# --------------------------------------------------------------------------------------------- for nbgrader


def cell(output: dict[str, Any], points: float) -> nbformat.NotebookNode:
    """A graded test cell that shows this output."""
    grading = {"grade": True, "solution": False, "locked": True, "schema_version": 3, "cell_type": "code"}
    node = nbformat.v4.new_code_cell("check(…)", metadata={"nbgrader": {**grading, "grade_id": "x", "points": points}})
    node.outputs = [nbformat.v4.new_output(**output)]
    nbformat.validate(nbformat.v4.new_notebook(cells=[node]))
    return node


def shown(report: Report) -> dict[str, Any]:
    """What IPython makes of the report as the last value of a cell."""
    from IPython.core.formatters import DisplayFormatter

    data, metadata = DisplayFormatter().format(report)
    return {"output_type": "execute_result", "data": data, "metadata": metadata, "execution_count": 1}


@outcomes
def test_nbgrader_reads_the_points(function: Any, status: str, points: float) -> None:
    report = report_on(function)
    assert float(repr(report)) == report.points == points
    assert get_partial_grade(shown(report), 1.0) == points
    assert determine_grade(cell(shown(report), 1.0)) == (points, 1.0)


@pytest.mark.parametrize("name", [e.name for e in exercises.every()])
def test_full_marks_are_the_cells_points(name: str) -> None:
    """nbgrader refuses more points than the cell has, and takes what it cannot read for full marks."""
    report = report_on(exercises.get(name).reference, name)
    full = exercises.get(name).points
    assert determine_grade(cell(shown(report), full)) == (full, full)
    assert re.fullmatch(r"\d+\.\d+", repr(report))


def test_points_of_thirds_are_still_read() -> None:
    import dataclasses

    exercise = dataclasses.replace(exercises.get("descent.gd_step"), points=1 / 3)
    report = Report(verdict(exercise, edits, 0))
    assert determine_grade(cell(shown(report), 1 / 3))[0] == pytest.approx(1 / 6, abs=1e-3)
    assert determine_grade(cell(shown(Report(verdict(exercise, right, 0))), 1 / 3))[0] == pytest.approx(1 / 3, abs=1e-3)


def test_an_error_is_worth_nothing_and_one_line_long() -> None:
    error = CheckFailed("gd_step: This climbs.")
    assert error._render_traceback_() == ["CheckFailed: gd_step: This climbs."]
    output = {"output_type": "error", "ename": "CheckFailed", "evalue": str(error), "traceback": []}
    assert determine_grade(cell(output, 1.0)) == (0, 1.0)


# ----------------------------------------------------------------------------------------------- for tools


@outcomes
def test_the_verdict_as_a_row(function: Any, status: str, points: float) -> None:
    report = report_on(function)
    bundle = report._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", VERDICT_MIME}
    row = bundle[VERDICT_MIME]
    assert json.loads(json.dumps(row)) == row == report.row()
    wanted = {"exercise", "status", "points", "max_points", "layer", "misconception", "sentence"}
    assert wanted <= set(row)
    assert (row["exercise"], row["status"], row["points"], row["max_points"]) == (
        "descent.gd_step",
        status,
        points,
        1.0,
    )
    assert (row["layer"] is None) == (status == "passed")
    assert row["misconception"] == ("ascent" if function is climbs else None)
    assert isinstance(row["sentence"], str)
    assert row["sentence"]


def test_the_mime_type_is_the_one_other_tools_look_for() -> None:
    assert VERDICT_MIME == "application/vnd.cv-course.verdict+json"


# ---------------------------------------------------------------------------------------------- for people


class Tags(HTMLParser):
    """Collects tags, and complains about those that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert not tags.open
    return tags


@outcomes
def test_html_is_well_formed_and_says_what_the_text_says(function: Any, status: str, points: float) -> None:
    report = report_on(function)
    tags = parsed(report.html())
    assert tags.seen <= {"div", "p", "b", "code", "span", "br", "table", "tr", "th", "td", "details", "summary", "pre"}
    assert "gd_step" in tags.text
    assert f"{points:g} of 1 point" in tags.text
    assert f"{points:g} of 1 point" in report.text()
    if status != "passed":
        assert report.verdict.sentence in " ".join(tags.text.split())
        assert report.verdict.sentence in report.text()


HOSTILE = "</pre></code><script>alert(1)</script><img src=x onerror=alert(2)>&amp;"


def prints_script(w, grad, lr):
    print(HOSTILE)
    return w - lr * grad


def raises_script(w, grad, lr):
    raise ValueError(HOSTILE)


def warns_script(w, grad, lr):
    import warnings

    warnings.warn(HOSTILE, stacklevel=1)
    return w - lr * grad


def returns_script(w, grad, lr):
    return HOSTILE


def returns_type(w, grad, lr):
    return type(HOSTILE, (), {})()


def raises_named_type(w, grad, lr):
    raise type(HOSTILE, (Exception,), {})("x")


SCRIPTS = [prints_script, raises_script, warns_script, returns_script, returns_type, raises_named_type, crashes]


@pytest.mark.parametrize("function", SCRIPTS)
def test_student_text_is_escaped(function: Any) -> None:
    function.__name__ = function.__qualname__ = "<script>alert(0)</script>"
    report = report_on(function)
    tags = parsed(report.html())
    assert not tags.seen & {"script", "img"}
    assert "alert(" in tags.text, "it is shown, as text"


def test_names_of_mappings_are_escaped() -> None:
    report = report_on(lambda w, grad, delta, lr, alpha: {HOSTILE: w}, "descent.momentum_step")
    assert not parsed(report.html()).seen & {"script", "img"}


def test_a_failure_shows_the_input_what_was_expected_and_what_came() -> None:
    report = report_on(climbs)
    text = " ".join(parsed(report.html()).text.split())
    for word in ("w", "grad", "lr", "expected", "got", "seed=0", "This climbs"):
        assert word in text
    assert "0.25" in text  # the learning rate of the first case by hand
    assert "0.5" in text  # 1 − 0.25 · 2
    assert "1.5" in text  # 1 + 0.25 · 2


def test_a_pass_says_what_was_checked() -> None:
    report = report_on(right)
    assert all(layer in report.text() for layer in report.verdict.exercise.layers)
    assert report.passed
    assert "✗" not in report.html()


@pytest.mark.parametrize(("ink", "paper"), [((33, 33, 33), (255, 255, 255)), ((255, 255, 255), (17, 17, 17))])
@pytest.mark.parametrize("colour", [*_COLOURS.values(), card.GREEN, card.ORANGE])
def test_a_verdict_can_be_read_on_a_light_and_on_a_dark_page(colour: str, ink: Any, paper: Any) -> None:
    def luminance(rgb: Any) -> float:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    share = int(re.fullmatch(rf"color:color-mix\(in srgb, {colour} (\d+)%, currentColor\)", card.legible(colour))[1])
    own = bytes.fromhex(colour[1:])
    mixed = [share / 100 * c + (1 - share / 100) * i for c, i in zip(own, ink, strict=True)]
    dark, light = sorted((luminance(mixed), luminance(paper)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2


def test_colour_is_never_the_only_sign() -> None:
    heads = {status: parsed(report_on(function).html()).text[:2] for function, status, _ in OUTCOMES}
    assert len(set(heads.values())) == 4


# ---------------------------------------------------------------------------------------------------- check


@outcomes
def test_check_raises_in_grading_exactly_when_nothing_was_earned(
    function: Any,
    status: str,
    points: float,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    report = check("descent.gd_step", function)
    assert (report.verdict.status, report.points) == (status, points)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    if points:
        assert check("descent.gd_step", function).points == points
    else:
        with pytest.raises(CheckFailed, match="gd_step: "):
            check("descent.gd_step", function)
    assert capfd.readouterr().err == ""


@pytest.fixture
def shell() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    yield made
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("execution", ["autograde", "validate"])
def test_while_grading_the_explanation_is_displayed_before_the_error(
    execution: str, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from IPython.utils.capture import capture_output

    monkeypatch.setenv("NBGRADER_EXECUTION", execution)
    shell.user_ns.update(check=check, climbs=climbs)
    with capture_output() as captured:
        result = shell.run_cell("check('descent.gd_step', climbs, seed=0)")
    assert isinstance(result.error_in_exec, CheckFailed)
    assert captured.stderr == ""
    (display,) = captured.outputs
    assert display.data[VERDICT_MIME]["misconception"] == "ascent"
    assert "This climbs" in display.data["text/html"]
    assert "This climbs" in display.data["text/plain"]
    assert "CheckFailed: gd_step: This climbs" in captured.stdout
    assert "Traceback" not in captured.stdout


def test_in_a_plain_notebook_run_all_goes_on(shell: Any) -> None:
    from IPython.utils.capture import capture_output

    shell.user_ns.update(check=check, climbs=climbs)
    with capture_output() as captured:
        result = shell.run_cell("check('descent.gd_step', climbs, seed=0)")
    assert result.success
    assert captured.stderr == ""
    assert result.result.points == 0


def test_who_checks_an_old_version_is_told(shell: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a cell that stopped with an error, and where a changed cell was perhaps not run."""
    from IPython.utils.capture import capture_output

    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    shell.user_ns.update(check=check)

    def told(cell: str) -> str:
        with capture_output():
            shell.run_cell(cell, store_history=True)
            return shell.run_cell("check('descent.gd_step', gd_step)", store_history=True).result.text()

    wrong = "def gd_step(w, grad, lr):\n    return w + lr * grad"
    first = told(wrong)
    assert "checked before" not in first
    assert "stopped with an error" not in first
    assert "This version was checked before. After a change, run its cell first." in told("")
    assert "The cell of gd_step stopped with an error" in told(wrong.replace("return", "retrun"))
    assert "The cell of gd_step stopped" in told("def gd_step(w: Tensor, grad, lr):\n    return w - lr * grad")
    assert "✓ right" in (mended := told("if True:\n    def gd_step(w, grad, lr):\n        return w - lr * grad"))
    assert "stopped with an error" not in mended


def test_unknown_exercises_list_near_matches() -> None:
    with pytest.raises(exercises.UnknownExercise, match=r"descent\.gd_step"):
        check("descent.gd_stepp", right)


def inputs_of(**options: Any) -> list[Any]:
    seen: list[Any] = []

    def listens(w, grad, lr):
        seen.append((w.tolist(), grad.tolist(), lr))
        return w - lr * grad

    check("descent.gd_step", listens, **options)
    return seen


def test_a_seed_brings_the_inputs_back() -> None:
    assert inputs_of(seed=5) == inputs_of(seed=5)
    assert inputs_of(seed=5) != inputs_of(seed=6)


def test_without_a_seed_inputs_are_new_each_time() -> None:
    torch.manual_seed(0)
    first = inputs_of()
    torch.manual_seed(0)
    assert inputs_of() != first, "not even torch.manual_seed makes them predictable"


def test_the_seed_of_a_report_reproduces_it() -> None:
    report = check("descent.gd_step", climbs)
    again = check("descent.gd_step", climbs, seed=report.row()["seed"])
    assert again.row() == report.row()
    assert again.html() == report.html()


def test_course_seed_fixes_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SEED", "11")
    assert inputs_of() == inputs_of(seed=11)
    assert inputs_of(seed=3) != inputs_of()
    monkeypatch.setenv("COURSE_SEED", "")
    assert inputs_of() != inputs_of()


def test_a_course_seed_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SEED", "eleven")
    with pytest.raises(ValueError, match="COURSE_SEED"):
        check("descent.gd_step", right)
