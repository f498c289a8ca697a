"""The instructor's page: true numbers, and nothing in it that a student could make run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from course.grading.classroom import CONFIG, Classroom, ClassroomError, Outcome
from course.grading.diagnosis import Finding
from course.grading.report.page import main, render, summarise
from course.grading.settings import CLASS_CONFIG

ASSIGNMENT = "03_descent"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def classroom(tmp_path: Path) -> Classroom:
    """A class of which grading has noted something; its gradebook is not needed."""
    (tmp_path / CONFIG).write_text(CLASS_CONFIG)
    made = Classroom(tmp_path, ASSIGNMENT)
    for name, status, points, remark in (
        ("ada", "passed", 2.0, ""),
        ("bob", "failed", 0.0, ""),
        ("cyd", "failed", 0.0, f"Its kernel, {HOSTILE}, was replaced by the course's."),
        ("dan", "partial", 1.0, ""),
    ):
        made.submit(name, {"descent.ipynb": "{}"})
        mistake, sentence = ("ascent", f"This climbs {HOSTILE}.") if status == "failed" else (None, "")
        found = (
            Finding("descent.gd_step", status, points, 2.0, mistake, sentence),
            Finding("descent.train", "unwritten", 0.0, 3.0),
        )
        remarks = (remark,) if remark else ()
        made.note(
            Outcome(name, points, 5.0, 4.0, found, remarks, seconds=len(name) + points, digest=made._digest(name))
        )
    made.submit("eve", {"descent.ipynb": "{}"})
    return made


def test_the_numbers_are_those_of_the_class(classroom: Classroom) -> None:
    summary = summarise(classroom)
    assert (summary.mean, summary.median, summary.max_score, summary.waiting) == (0.75, 0.5, 5.0, 4)
    assert summary.ungraded == ["eve"]
    step, train = summary.exercises
    assert (step.rate, dict(step.counts)) == (0.25, {"passed": 1, "failed": 2, "partial": 1})
    assert train.counts == {"unwritten": 4}
    (mistake,) = summary.mistakes
    assert (mistake.name, mistake.students) == ("ascent", ["bob", "cyd"])
    assert [bar.count for bar in summary.bars] == [2, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    assert summary.slowest[0].student == "ada"
    assert [o.student for o in summary.flagged] == ["cyd"]


def test_the_page_shows_them_and_runs_nothing(classroom: Classroom) -> None:
    page = render(summarise(classroom), ASSIGNMENT)
    text = re.sub(r"<[^>]*>", " ", page)
    for words in ("03_descent", "gd_step", "25 %", "ascent", "bob, cyd", "Not graded yet: eve", "alert(1)"):
        assert words in text
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "iframe", "img", "link", "object")
            assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    Reader().feed(page)


def test_full_marks_are_in_the_last_bar(classroom: Classroom) -> None:
    classroom.submit("max", {"descent.ipynb": "{}"})
    classroom.note(Outcome("max", 5.0, 5.0, digest=classroom._digest("max")))
    assert summarise(classroom).bars[-1].count == 1


def test_the_command_writes_the_page_and_rows(classroom: Classroom, capsys: pytest.CaptureFixture[str]) -> None:
    main(ASSIGNMENT, classroom.folder, None, classroom.folder / "rows.json")
    assert (classroom.folder / "reports/03_descent.html").is_file()
    assert "4 submissions, mean 0.8 of 5 points" in capsys.readouterr().out
    rows = json.loads((classroom.folder / "rows.json").read_text())
    assert rows[0] == {
        "exercise": "descent.gd_step", "points": 2.0, "rate": 0.25, "passed": 1, "partial": 1, "failed": 2,
        "unwritten": 0, "not_run": 0,
    }  # fmt: skip


def test_without_anything_graded_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / CONFIG).write_text(CLASS_CONFIG)
    with pytest.raises(ClassroomError, match="course autograde 03_descent"):
        summarise(Classroom(tmp_path, ASSIGNMENT))
    with pytest.raises(SystemExit):
        main(ASSIGNMENT, tmp_path, None)
    assert "nothing of 03_descent is graded yet" in " ".join(capsys.readouterr().out.split())
