"""The fast path and nbgrader's own give every submission the same scores, rows and reasons; kill −9 loses nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook

from course.bench.hostile.forgers import FORGERS
from course.grading.batch import cluster
from course.grading.batch.command import main
from course.grading.cells import VERDICT_MIME, is_check
from course.grading.classroom import CONFIG, Classroom, Outcome
from course.grading.verdict.seeds import SECRET
from tests.grading.conftest import ASSIGNMENT, FILE

pytestmark = pytest.mark.slow
DASK = importlib.util.find_spec("distributed") is not None
NO_SCHEDULER = "there is no Dask scheduler at tcp://127.0.0.1:1" if DASK else "--scheduler needs Dask: pip install"
# These end in another sentence: an endless print is cut sooner or later, and forgers meddle with what carries answers.
OWN_ENDING = {"flood", *FORGERS}


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "course.cli", "autograde", ASSIGNMENT, "--folder", str(folder), *more]


def outcomes(folder: Path) -> dict[str, str]:
    """By student: what is noted."""
    return {p.stem: p.read_text(encoding="utf-8") for p in (folder / "outcomes" / ASSIGNMENT).glob("*.json")}


@pytest.fixture(scope="module")
def fast(graded: dict[str, Outcome], classroom: Classroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same class with the same secret, graded by the command; killed in the middle, and started again."""
    place = tmp_path_factory.mktemp("fast") / "class"
    files = {p.name: p.read_bytes() for p in (classroom.folder / "source" / ASSIGNMENT).iterdir()}
    Classroom.create(place, ASSIGNMENT, files)
    with (place / CONFIG).open("a", encoding="utf-8") as config:
        config.write("c.Execute.timeout = 6\n")
    shutil.copy(classroom.folder / SECRET, place / SECRET)
    for name in graded:
        shutil.copytree(classroom.folder / "submitted" / name, place / "submitted" / name)
    tmp = place.parent / "t"
    tmp.mkdir()
    own = {**os.environ, "TMPDIR": str(tmp)}
    with subprocess.Popen(command(place), start_new_session=True, stdout=subprocess.DEVNULL, env=own) as first:
        deadline = time.monotonic() + 300
        while not outcomes(place) and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert first.poll() is None, "it was to be killed in the middle"
        os.kill(first.pid, signal.SIGKILL)
    assert list(tmp.glob("cv-fork-*")), "kill −9 leaves a folder, and the next run removes it"
    before = outcomes(place)
    assert 0 < len(before) < len(graded)
    (place / "before.json").write_text(json.dumps(before))
    done = subprocess.run(
        command(place, "--json", str(place / "rows.json")), capture_output=True, text=True, timeout=600, env=own
    )
    (place / "said.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def read(folder: Path, name: str) -> Outcome:
    return Outcome.from_json(outcomes(folder)[name])


def test_a_killed_run_is_taken_up_where_it_was(fast: Path, graded: dict[str, Outcome]) -> None:
    before, after = json.loads((fast / "before.json").read_text()), outcomes(fast)
    assert before.items() <= after.items(), "what was graded was graded again"
    assert set(after) == set(graded)
    assert {row["student"] for row in json.loads((fast / "rows.json").read_text())} == set(graded) - set(before)
    left = [p for p in fast.rglob("*") if p.suffix in (".new", ".old", ".part")] + [*(fast.parent / "t").iterdir()]
    assert not left


def test_everybody_has_the_same_findings(fast: Path, graded: dict[str, Outcome]) -> None:
    for name, slow in graded.items():
        mine = read(fast, name)
        assert [f.points for f in mine.findings] == [f.points for f in slow.findings], name
        assert name in OWN_ENDING or mine.findings == slow.findings, name
        for field in ("score", "max_score", "waiting", "failed", "remarks"):
            assert getattr(mine, field) == getattr(slow, field), (name, field)


def gradebook_rows(folder: Path) -> dict[tuple[str, str], Any]:
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        found: dict[tuple[str, str], Any] = {}
        for submission in gradebook.assignment_submissions(ASSIGNMENT):
            found[submission.student.id, ""] = (submission.timestamp, submission.score, submission.needs_manual_grade)
            for notebook in submission.notebooks:
                for g in notebook.grades:
                    found[submission.student.id, g.name] = (g.auto_score, g.manual_score, g.needs_manual_grade)
                for c in notebook.comments:
                    found[submission.student.id, f"comment {c.name}"] = (c.auto_comment, c.manual_comment)
        return found


def test_the_gradebooks_hold_the_same_rows(fast: Path, graded: dict[str, Outcome], classroom: Classroom) -> None:
    mine, theirs = gradebook_rows(fast), gradebook_rows(classroom.folder)
    for key, row in theirs.items():
        if key[0] in graded:
            assert mine[key] == row, key


def test_the_notebooks_say_the_same(fast: Path, graded: dict[str, Outcome], classroom: Classroom) -> None:
    for name in graded:
        pair = []
        for folder in (fast, classroom.folder):
            notebook = nbformat.read(folder / "autograded" / name / ASSIGNMENT / FILE, as_version=4)
            nbformat.validate(notebook)
            pair.append(notebook)
        mine, theirs = ([c for c in notebook.cells if is_check(c)] for notebook in pair)
        assert [c.source for c in pair[0].cells] == [c.source for c in pair[1].cells]
        for a, b in zip(mine, theirs, strict=True):
            if name in OWN_ENDING:
                continue
            verdicts = [[o.data[VERDICT_MIME] for o in c.outputs if VERDICT_MIME in o.get("data", {})] for c in (a, b)]
            assert verdicts[0] == verdicts[1], (name, a.source)


def test_the_command_says_where_the_class_is_stuck(fast: Path) -> None:
    said = " ".join((fast / "said.txt").read_text().split())
    for words in (
        "Exercises",
        "descent.gd_step",
        "Where the class is stuck",
        "had been graded before",
        "generate_feedback",
    ):
        assert words in said


def test_nbgrader_makes_feedback_of_it(fast: Path) -> None:
    classroom = Classroom(fast, ASSIGNMENT)
    classroom.feedback("momentum_step-damped")
    (page,) = (fast / "feedback/momentum_step-damped" / ASSIGNMENT).glob("*.html")
    assert "momentum with a (1 − α) factor" in page.read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"students": ["nobody"]}, "nothing of nobody lies in"),
        ({"shard": "3/2"}, "--shard takes i/n"),
        ({"folder": Path("/nowhere")}, "is no course directory"),
        ({"scheduler": "tcp://127.0.0.1:1"}, NO_SCHEDULER),
    ],
)
def test_bad_input_says_what_to_do(
    changes: dict[str, Any], words: str, fast: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    usual = {"folder": fast, "students": [], "workers": 1, "resume": True, "shard": None, "scheduler": None}
    with pytest.raises(SystemExit) as end:
        main(ASSIGNMENT, **(usual | changes), json_file=None)
    assert end.value.code == 1
    assert words in " ".join(capsys.readouterr().out.split())
