"""`course review`: a class's folder to a list for a person."""

from __future__ import annotations

import json
import re
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from typer.testing import CliRunner

from course import exercises
from course.authoring import fill, solutions
from course.authoring.builder import find_sources
from course.authoring.notebook import instructor_notebook, text_of
from course.authoring.source import load
from course.cli import app
from course.grading.classroom import Classroom
from course.grading.planting import planted
from course.grading.report import page
from course.grading.review import ReviewError, survey
from course.grading.settings import CLASS_CONFIG

ROOT = Path(__file__).parents[2]
ASSIGNMENT, FILE = "00_tour", "tour.ipynb"
EVIL = "x<img src=y onerror=alert(1)>\x1b[31m[bold]"
PATTERN = "local_binary_pattern"
OWN = """def local_binary_pattern(gray):
    rows, columns = gray.shape
    big = F.pad(gray, (1, 1, 1, 1))
    answer = []
    for r in range(rows):
        for c in range(columns):
            window = big[r : r + 3, c : c + 3].flatten().tolist()
            order = [window[k] for k in (5, 2, 1, 0, 3, 6, 7, 8)]
            answer.append(sum(1 << bit for bit, value in enumerate(order) if value >= window[4]))
    return torch.tensor(answer).view(rows, columns)  # by hand
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course directory with a released notebook and some submissions; nbgrader need not run for that."""
    place = tmp_path_factory.mktemp("class")
    source = load(find_sources(ROOT, ["tour"])[0], exercises, ROOT)
    (place / "nbgrader_config.py").write_text(CLASS_CONFIG)
    put(place / "source" / ASSIGNMENT, text_of(instructor_notebook(source, exercises)))
    blank = (ROOT / "notebooks" / ASSIGNMENT / FILE).read_text(encoding="utf-8")
    put(place / "release" / ASSIGNMENT, blank)
    for student, made in submissions(nbformat.reads(blank, as_version=4)).items():
        put(place / "submitted" / student / ASSIGNMENT, made if isinstance(made, str) else nbformat.writes(made))
    beside = place / "submitted" / "files" / ASSIGNMENT
    (beside / "torch.py").write_text("from course.exercises import get\n")
    (beside / "helper.py").write_text("import gc\n")
    (beside / "picture.png").write_bytes(b"x")
    (beside / "link").symlink_to("/etc/passwd")
    (place / "submitted" / "empty" / ASSIGNMENT).mkdir(parents=True)
    (place / "submitted" / "linked").mkdir()
    (place / "submitted" / "linked" / ASSIGNMENT).symlink_to("../files/" + ASSIGNMENT)
    return place


def put(folder: Path, text: str, filename: str = FILE) -> None:
    folder.mkdir(parents=True)
    (folder / filename).write_text(text, encoding="utf-8")


def submissions(blank: NotebookNode) -> dict[str, NotebookNode | str]:
    of = {e.function: e for e in exercises.of_section("tour")}
    pattern = planted(of[PATTERN].alternatives[0], PATTERN)
    evil = fill(
        blank, {"haar_response": "def haar_response(integral, box):\n    return tour.haar_response(integral, box)"}
    )
    evil.cells.insert(3, new_code_cell("from course import tour\nexec('\x1b]0;<b>[red]')"))
    edited = deepcopy(blank)
    first = next(c for c in edited.cells if c.cell_type == "code")
    first.source += "\nimport math"
    return {
        "ann": fill(blank, {PATTERN: OWN}),
        "bob": fill(blank, {PATTERN: "# mine\n\n" + re.sub(r"\b(rows|big|order|window)\b", r"my_\1", OWN)}),
        "reader": fill(blank, {PATTERN: pattern.replace("gray", "picture")}),
        "blank": blank,
        "edited": edited,
        "broken": fill(blank, {PATTERN: "def local_binary_pattern(gray:\n    pass"}),
        "text": "dear teacher",
        "files": blank,
        EVIL.replace("/", ""): evil,
    }


def test_a_challenge_is_reviewed_as_exercises_are(tmp_path: Path) -> None:
    """Weights that were brought along, pictures that were not handed out, and one entry handed in twice."""
    name = "10_recipe"
    notebook = nbformat.read(ROOT / "notebooks" / name / "recipe.ipynb", as_version=4)
    (tmp_path / "nbgrader_config.py").write_text(CLASS_CONFIG)
    entry = solutions("recipe", ROOT)["best_recipe"].replace("average", "mean_of_all")
    entry = entry.replace("0.98", "0.95").replace("torch.arange(16)", "torch.arange(len(x[0, 0]))")
    more = (
        "from course.data import fruit\n\n\ndef best_recipe(x, y, budget, generator):\n    x, y = fruit('train', 5000)"
    )
    for student, text in {"ann": entry, "bob": f"# mine\n{entry}", "data": more}.items():
        put(
            tmp_path / "submitted" / student / name,
            nbformat.writes(fill(notebook, {"best_recipe": text})),
            "recipe.ipynb",
        )
    put(tmp_path / "release" / name, nbformat.writes(notebook), "recipe.ipynb")
    found = {f.student: f for f in survey(tmp_path, name).flags}
    assert set(found) == {"ann", "bob", "data"}
    assert "like bob" in found["ann"].what
    assert (found["data"].severity, found["data"].exercise, found["data"].line) == ("high", "recipe.best_recipe", 5)
    assert "course.data" in found["data"].why


def run(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(app, ["review", *arguments], env={"COLUMNS": "200", **environment})


@pytest.fixture(scope="module")
def rows(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    target = tmp_path_factory.mktemp("out") / "flags.json"
    result = run(ASSIGNMENT, "--folder", str(folder), "--json", str(target))
    assert result.exit_code == 0, result.output
    return json.loads(target.read_text(encoding="utf-8"))


def of(rows: list[dict[str, Any]], student: str) -> list[dict[str, Any]]:
    return [r for r in rows if r["student"] == student]


def test_rows_have_all_that_a_person_needs(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert list(row) == ["student", "severity", "exercise", "cell", "line", "what", "why"]
        assert row["severity"] in ("high", "medium", "low")
        assert row["what"]
        assert row["why"]


def test_a_copy_names_the_other_and_both_places(rows: list[dict[str, Any]]) -> None:
    for one, other in (("ann", "bob"), ("bob", "ann")):
        (flag,) = of(rows, one)
        assert flag["exercise"] == "tour.local_binary_pattern"
        assert f"like {other} (cell {flag['cell']}) 100 %" in flag["what"]
        assert "another submission" in flag["why"]
    assert of(rows, "ann")[0]["line"] == 1
    assert of(rows, "bob")[0]["line"] == 3


def test_an_answer_out_of_the_librarys_files_is_told_as_such(rows: list[dict[str, Any]]) -> None:
    (flag,) = of(rows, "reader")
    assert "course.exercises.tour.local_binary_pattern.by_unfold 100 %" in flag["what"]
    assert "read elsewhere" in flag["why"]


@pytest.mark.parametrize("student", ["blank", "edited"])
def test_nothing_is_said_about_who_did_nothing(rows: list[dict[str, Any]], student: str) -> None:
    assert of(rows, student) == []


@pytest.mark.parametrize(
    ("student", "said"),
    [("broken", "cannot be read as Python"), ("text", "tour.ipynb"), ("empty", "tour.ipynb"), ("linked", ASSIGNMENT)],
)
def test_what_cannot_be_read_is_said(rows: list[dict[str, Any]], student: str, said: str) -> None:
    (flag,) = of(rows, student)
    assert (flag["severity"], flag["what"]) == ("medium", said)


def test_one_that_stops_the_reader_does_not_stop_the_review(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from course.grading.review import folder as module

    real = module.remarks

    def stumbles(cells: Any, asked: Any) -> Any:
        if any("my_rows" in c.source for c in cells):
            raise RecursionError
        return real(cells, asked)

    monkeypatch.setattr(module, "remarks", stumbles)
    found = survey(folder, ASSIGNMENT)
    (flag,) = [f for f in found.flags if f.student == "bob"]
    assert (flag.severity, flag.what) == ("high", FILE)
    assert "RecursionError" in flag.why
    assert any(f.student == "reader" for f in found.flags)


def test_code_beside_the_notebook_is_read(rows: list[dict[str, Any]]) -> None:
    found = {r["what"]: r for r in of(rows, "files")}
    assert "takes the place of the module torch" in found["torch.py"]["why"]
    assert found["helper.py"]["severity"] == "medium"
    assert found["link"]["severity"] == "high"
    assert "course.exercises.get" in found
    assert found["gc"]["severity"] == "high"
    assert "picture.png" not in found


def test_a_name_or_code_is_never_obeyed(folder: Path, rows: list[dict[str, Any]]) -> None:
    evil = [r for r in rows if r["student"].startswith("x")]
    assert {r["student"] for r in evil} == {"x\\x3cimg src=y onerror=alert(1)\\x3e\\x1b[31m[bold]"}
    assert any(r["exercise"] == "tour.haar_response" and r["severity"] == "high" for r in evil)
    shown = run(ASSIGNMENT, "--folder", str(folder), FORCE_COLOR="1", TERM="xterm").output
    assert "\x1b[31m[bold]" not in shown
    assert "\x1b]" not in shown
    assert "<img" not in json.dumps(rows)
    assert "[bold]" in shown, "printed, not taken for markup"


def test_the_table_and_the_summary(folder: Path) -> None:
    result = run(ASSIGNMENT, "--folder", str(folder))
    assert result.exit_code == 0, result.output
    for text in ("near-copy", "local_binary_pattern", "10 submissions read, none was run", "change no score"):
        assert text in result.output
    assert "source folder" not in result.output


def test_json_on_standard_output_is_nothing_but_json(folder: Path, rows: list[dict[str, Any]]) -> None:
    assert json.loads(run(ASSIGNMENT, "--folder", str(folder), "--json", "-").stdout) == rows


def test_the_report_lists_them(folder: Path, rows: list[dict[str, Any]]) -> None:
    assert page._flags(Classroom(folder, ASSIGNMENT)) == [r for r in rows if r["severity"] != "low"]
    assert page._flags(Classroom(folder, "03_descent")) == []


def test_nothing_is_written_into_the_class(folder: Path) -> None:
    before = sorted((p, p.lstat().st_mtime_ns) for p in folder.rglob("*"))
    survey(folder, ASSIGNMENT)
    assert sorted((p, p.lstat().st_mtime_ns) for p in folder.rglob("*")) == before


def test_progress_counts_the_submissions(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = survey(folder, ASSIGNMENT, lambda done, of: seen.append((done, of)))
    looked_at = found.submissions + 1  # one is a link, and is not read
    assert seen == [(i, looked_at) for i in range(1, looked_at + 1)]


def test_without_the_instructors_notebook_the_rest_is_done(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "class"
    shutil.copytree(folder, place, symlinks=True)
    shutil.rmtree(place / "source")
    result = run(ASSIGNMENT, "--folder", str(place))
    assert result.exit_code == 0
    assert "so it was not compared with" in " ".join(result.output.split())
    assert "near-copy" in result.output


def test_what_is_missing_is_one_line_that_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((ASSIGNMENT, "--folder", str(tmp_path)), "no nbgrader_config.py"),
        (("00_tuor", "--folder", str(folder)), "there are 00_tour"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert said in result.output
        assert "Traceback" not in result.output
    shutil.copytree(folder / "release", tmp_path / "release")
    (tmp_path / "nbgrader_config.py").write_text(CLASS_CONFIG)
    with pytest.raises(ReviewError, match="nobody has handed in"):
        survey(tmp_path, ASSIGNMENT)
