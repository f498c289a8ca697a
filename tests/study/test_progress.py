"""Progress in the notebook and on the command line: the sums, the words, and forgetting."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from course import exercises
from course.cli import app
from course.study import book, progress
from course.study.overview import duration, lines, total


@pytest.fixture(autouse=True)
def _some_are_done():
    book.checked("descent.gd_step", "passed", 1.0, "a")
    book.checked("descent.momentum_step", "failed", 0.0, "a")
    book.checked("descent.cross_entropy", "partial", 1.5, "a")
    book.checked("descent.not_there_any_more", "passed", 5.0, "a")


def course(*arguments: str, typed: str = "", **variables: str):
    return CliRunner().invoke(app, list(arguments), input=typed, env={"COLUMNS": "150", **variables})


def test_the_sums():
    section = exercises.of_section("descent")
    t = total(lines("descent"))
    assert (t.passed, t.tried, t.untouched) == (1, 2, len(section) - 3)
    assert (t.points, t.max_points) == (2.5, sum(e.points for e in section))
    assert t.minutes_done == exercises.get("descent.gd_step").minutes
    assert t.minutes_done + t.minutes_left == sum(e.minutes for e in section)
    whole = total(lines())
    everything = [*exercises.every(), *(c for s in exercises.sections() for c in exercises.challenges(s))]
    assert whole.count == len(everything)
    assert whole.max_points == sum(e.points for e in everything)


def test_the_card_of_a_section_and_of_the_course():
    card = progress("descent")
    shown = card._repr_html_()
    assert "1 of 7 exercises passed, 2 tried, 2.5 of 17 points" in shown
    assert 'aria-label="1 passed, 2 tried, 4 untouched"' in shown
    assert all(e.title in shown and e.title in repr(card) for e in exercises.of_section("descent"))
    whole = repr(progress())
    assert all(re.search(rf"\b{section}\b", whole) for section in exercises.sections())
    with pytest.raises(exercises.UnknownExercise, match="descent"):
        progress("decent")


def test_no_card_while_nbgrader_runs(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert "passed" not in repr(progress("descent"))


def test_the_command_in_words_and_as_json():
    said = course("progress", "descent")
    assert said.exit_code == 0, said.output
    assert "1 of 7 exercises passed" in said.output
    assert "progress.json" in said.output
    rows = json.loads(course("progress", "--json", "-").stdout)
    assert [row["exercise"] for row in rows if row["section"] != "recipe"] == [
        e.name for e in exercises.every() if e.section != "recipe"
    ]
    assert rows[-1]["exercise"] == "recipe.best_recipe", "challenges, too"
    by_name = {row["exercise"]: row for row in rows}
    assert by_name["descent.gd_step"]["status"] == "passed"
    assert by_name["descent.cross_entropy"] | {"points": 1.5, "attempts": 1} == by_name["descent.cross_entropy"]


def test_forgetting_asks_first():
    assert course("progress", "--reset", typed="n\n").exit_code == 1
    assert total(lines()).passed == 1
    assert course("progress", "schedules", "--reset", "--yes").exit_code == 0
    assert total(lines()).passed == 1
    said = course("progress", "descent", "--reset", typed="y\n")
    assert "3 exercises" in said.output
    assert total(lines()).passed == total(lines()).tried == 0
    assert "descent.not_there_any_more" in book.read(), "only what was asked for"


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    said = course("progress", "descent", COURSE_HOME=str(tmp_path / "file" / "x"))
    assert said.exit_code == 0
    assert "COURSE_HOME" in said.stderr
    assert "kept in" not in said.stdout


def test_the_notebook_does_not_promise_to_keep_what_it_cannot(tmp_path, monkeypatch):
    assert "Kept on this machine" in repr(progress("descent"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "x"))
    said = repr(progress("descent"))
    assert "Progress cannot be kept" in said
    assert "Kept on this machine" not in said


def test_a_damaged_file_is_named(home):
    (home / "progress.json").write_text('{"vers')
    assert "progress-damaged-1.json" in course("progress").stderr


def test_in_a_terminal_of_80_columns_the_sections_can_be_read():
    said = course("progress", COLUMNS="80").stdout
    assert all(re.search(rf"^. {section} ", said, re.MULTILINE) for section in exercises.sections())


def test_minutes_as_people_say_them():
    assert [duration(m) for m in (0, 45, 60, 200)] == ["0 min", "45 min", "1 h", "3 h 20 min"]
