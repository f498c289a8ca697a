"""CSV for Canvas and Moodle, by nbgrader's own command."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from course.grading.report.export import CanvasExporter, MoodleExporter


@pytest.fixture
def gradebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gradebook:
    """Two assignments, three students, one late."""
    # nbgrader sets up its gradebook by calling `alembic`
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"])
    made = Gradebook(f"sqlite:///{tmp_path}/gradebook.db")
    for name in ("03_descent", "05_adaptive"):
        made.add_assignment(name, duedate="2020-01-01 00:00:00 UTC")
        made.add_notebook("nb", name)
        made.add_grade_cell("check-x", "nb", name, max_score=5, cell_type="code")
    made.add_student("ada", first_name="Ada", last_name="Lovelace", email="ada@example.org")
    made.add_student("bob")
    made.add_student("eve", last_name='=HYPERLINK("http://evil.example")')
    for student, name, score, penalty in (("ada", "03_descent", 4.5, 1.0), ("bob", "03_descent", 2, None)):
        made.add_submission(name, student)
        made.find_grade("check-x", "nb", name, student).auto_score = score
        made.find_submission_notebook("nb", name, student).late_submission_penalty = penalty
    made.db.commit()
    return made


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_canvas_gets_its_columns_and_the_points_possible(gradebook: Gradebook, tmp_path: Path) -> None:
    CanvasExporter(to=str(tmp_path / "c.csv")).export(gradebook)
    assert read(tmp_path / "c.csv") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "03_descent", "05_adaptive"],
        ["    Points Possible", "", "", "", "", "5", "5"],
        ["Lovelace, Ada", "", "ada", "ada", "", "3.5", ""],
        ["bob", "", "bob", "bob", "", "2", ""],
        ['\'=HYPERLINK("http://evil.example")', "", "eve", "eve", "", "", ""],
    ]


def test_moodle_can_map_number_or_address(gradebook: Gradebook, tmp_path: Path) -> None:
    MoodleExporter(to=str(tmp_path / "m.csv"), assignment=["03_descent"], student=["bob", "ada"]).export(gradebook)
    assert read(tmp_path / "m.csv") == [
        ["First name", "Last name", "ID number", "Email address", "03_descent (Real)"],
        ["", "", "bob", "", "2"],
        ["Ada", "Lovelace", "ada", "ada@example.org", "3.5"],
    ]


def test_an_unknown_student_is_an_error_that_lists_who_is_there(gradebook: Gradebook, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not know zed; it has ada, bob, eve"):
        MoodleExporter(to=str(tmp_path / "m.csv"), student=["zed"]).export(gradebook)
    assert not (tmp_path / "m.csv").exists()


@pytest.mark.slow
def test_nbgrader_s_command_takes_the_exporter(gradebook: Gradebook, tmp_path: Path) -> None:
    gradebook.close()
    nbgrader = shutil.which("nbgrader", path=sysconfig.get_path("scripts"))
    assert nbgrader
    command = [nbgrader, "export", "--exporter=course.grading.report.export.CanvasExporter", "--to=out.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(read(tmp_path / "out.csv")) == 5
