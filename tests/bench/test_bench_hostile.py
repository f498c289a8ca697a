"""The bench of hostile submissions: what it sees, that it sees nothing where nothing was, and who is shut in."""

from __future__ import annotations

import ast
import doctest
import json
import secrets
import sys
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat import NotebookNode

from course.bench import BenchError, hostile
from course.bench.hostile import graders, world
from course.bench.hostile.attacks import ATTACKS, Attack
from course.bench.hostile.notebooks import Notebooks
from course.exercises.descent import cross_entropy, gd_step
from course.grading.sandbox import launch

ROOT = Path(__file__).parents[2]
FULL = 4.0
QUIET = {"ended": True, "points": {"attacker": 4.0, "neighbour": 4.0}, "seconds": 1.0}
HONEST = ATTACKS[0]
WRITES_RESULTS = """import json, pathlib, sys
for student in ("attacker", "neighbour"):
    place = pathlib.Path("results", student)
    place.mkdir(parents=True, exist_ok=True)
    place.joinpath("results.json").write_text(json.dumps({"score": SCORE, "tests": []}))
"""


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> graders.Grader:
    """Not a real one: a command that says what it is told to."""
    assignment, name, notebook = graders.instructor({f: graders.asserts(f) for f in graders.FUNCTIONS})
    folder = tmp_path_factory.mktemp("class")
    both = Notebooks(notebook, deepcopy(notebook))
    return graders.Grader("fake", folder, assignment, name, both, lambda _: (), {}, "results")


def saying(grader: graders.Grader, script: str, score: str = "4.0", **changes: object) -> graders.Grader:
    command = [sys.executable, "-c", script + WRITES_RESULTS.replace("SCORE", score)]
    return replace(grader, commands=lambda _: [command], **changes)


# ------------------------------------------------------------------------------------------------ the same tests


@pytest.mark.parametrize("exercise", [cross_entropy.EXERCISE, gd_step.EXERCISE])
def test_others_tests_tell_right_from_wrong_as_ours_do(exercise) -> None:
    right, wrong = exercise.reference, exercise.misconceptions[0].implementation

    def by_asserts(function) -> bool:
        try:
            exec(graders.asserts(exercise.function), {"torch": torch, exercise.function: function})
        except AssertionError:
            return False
        return True

    def by_doctests(function) -> bool:
        spec: dict = {}
        exec(graders.doctests(exercise.function), spec)
        names = {"torch": torch, exercise.function: function}
        texts = [case["code"] for case in spec["test"]["suites"][0]["cases"]]
        made = [doctest.DocTestParser().get_doctest(text, names, "", "", 0) for text in texts]
        runner = doctest.DocTestRunner()
        return not sum(runner.run(test, out=lambda _: None).failed for test in made)

    assert by_asserts(right)
    assert by_doctests(right)
    assert not by_asserts(wrong)
    assert not by_doctests(wrong)


def test_a_solved_and_a_blank_notebook_ask_the_same(grader: graders.Grader) -> None:
    translated = graders._for_otter(grader.notebooks.solved)
    assert [cell.source for cell in translated.cells[2::2]] == [f'grader.check("{f}")' for f in graders.FUNCTIONS]
    assert graders.grader_points(grader) == FULL


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_each_attack_is_a_notebook_whose_cells_are_python(
    attack: Attack, grader: graders.Grader, tmp_path: Path
) -> None:
    graders._hand_in(grader, attack, tmp_path)
    text = (tmp_path / "class/submitted/attacker" / grader.assignment / grader.filename).read_text()
    if attack.name == "not-a-notebook":
        with pytest.raises(nbformat.reader.NotJSONError):
            nbformat.reads(text, as_version=4)
        return
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)
    assert (notebook.cells == grader.notebooks.solved.cells) == (attack is HONEST)


# ------------------------------------------------------------------------------------------------ what is seen


def test_what_is_done_is_seen(grader: graders.Grader) -> None:
    """Our own command plays the attacker: it reads, writes, connects, leaves something running."""
    deeds = """import os, pathlib, socket, subprocess, sys
secret = pathlib.Path("../home/secret")
pathlib.Path("results/attacker").mkdir(parents=True)
pathlib.Path("results/attacker/out").write_text(secret.read_text())
secret.write_text("gone")
pathlib.Path("../drop/new").touch()
notebook = next(pathlib.Path("submitted/attacker").rglob("*.ipynb")).read_text()
port, marker = notebook.split("PORT")[1].split()[:2]
socket.create_connection(("127.0.0.1", int(port))).close()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3)", marker], start_new_session=True)
page = pathlib.Path("feedback/attacker/page.html")
page.parent.mkdir(parents=True)
page.write_text("<p>canary_script</p><img onerror='canary_script()'>")
"""

    def told(desk) -> NotebookNode:
        return desk.solved_with(f"# PORT {desk.port} {desk.marker} ")

    attack = Attack("all", "everything", told)
    seen = graders.trial(saying(grader, deeds, walled=False), attack)
    row = hostile.judged(attack, "fake", FULL, seen)
    assert row["result"] == "read home; changed home; connected; left a process; wrote outside; its page runs scripts"
    quiet = hostile.judged(attack, "fake", FULL, graders.trial(saying(grader, "", walled=False), attack))
    assert quiet["result"] == hostile.FINE


def test_what_never_ends_is_ended(grader: graders.Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graders, "LIMIT", 0.5)
    seen = graders.trial(saying(grader, "import time; time.sleep(60)\n", walled=False), HONEST)
    assert hostile.judged(HONEST, "fake", FULL, seen)["result"] == "never ended; no score; neighbour: no score"


@pytest.mark.parametrize(
    ("page", "runs"),
    [
        ("<script>canary_script()</script>", True),
        ("<img src=x onerror='canary_script()'>", True),
        ("<script>other()</script><pre>&lt;script&gt;canary_script()&lt;/script&gt;</pre>", False),
        ("<p title='onerror=canary_script()'>canary_script()</p>", False),
    ],
)
def test_a_script_on_a_page_is_told_from_its_text(page: str, runs: bool) -> None:
    parser = world._Scripts()
    parser.feed(page)
    assert parser.found is runs


def test_points_are_compared_with_what_was_earned() -> None:
    forger = replace(HONEST, honest=False, neighbour=False)
    judged = partial(hostile.judged, grader="x", full=FULL)
    assert judged(HONEST, seen=QUIET)["result"] == hostile.FINE
    assert judged(forger, seen=QUIET)["result"] == "4 points for 0"
    lost = {**QUIET, "points": {"attacker": None, "neighbour": 1.0}}
    assert judged(HONEST, seen=lost)["result"] == "no score; neighbour: 1 of 4"
    rows = [{**judged(forger, seen=QUIET), "attack": "a"}, {**judged(HONEST, seen=QUIET), "attack": "b"}]
    assert hostile.sentence(rows) == "x: 1 of 2 as they should be, 1 with points that nobody earned, 2 s."


# ------------------------------------------------------------------------------------------------ walls


def test_without_walls_nothing_of_others_runs(grader: graders.Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "obstacle", lambda method: f"no {method} on this machine")
    with pytest.raises(BenchError, match="nothing is run"):
        graders.trial(saying(grader, ""), HONEST)


@pytest.mark.slow
@pytest.mark.skipif(bool(launch.obstacle("bubblewrap")), reason="no bubblewrap")
def test_others_see_a_copy_of_the_class_and_nothing_of_the_machine(grader: graders.Grader, tmp_path: Path) -> None:
    token = secrets.token_hex(8)
    (tmp_path / "mine").write_text(token)
    looks = (
        f"import os, socket\nfound = os.path.exists({str(tmp_path)!r}) + os.path.exists({str(ROOT / 'solutions')!r})\n"
    )
    looks += "names = [name for _, name in socket.if_nameindex()]\nfound += names != ['lo']\n"
    looks += "open('../home/secret', 'w').write('changed')\n"
    seen = graders.trial(saying(grader, looks, "4.0 + found"), HONEST)
    assert hostile.judged(HONEST, "fake", FULL, seen)["result"] == "changed home"


# ------------------------------------------------------------------------------------------------ what is told


def test_the_table_in_the_docs_is_the_one_that_was_measured() -> None:
    rows = json.loads((ROOT / "ci/benchmarks/hostile.json").read_text(encoding="utf-8"))
    assert hostile.page(rows) in (ROOT / "docs/grading.md").read_text(encoding="utf-8")
    assert list(dict.fromkeys(row["attack"] for row in rows)) == [attack.name for attack in ATTACKS]
    paid = [row for row in rows if (row["earned"] or 0) > row["deserved"] and row["grader"] == "course autograde"]
    assert [(row["attack"], row["flagged_by_review"]) for row in paid] == [("calls-the-reference", True)]


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    rows = [{**hostile.judged(HONEST, "x", FULL, QUIET), "attack": "a"}]
    hostile._plot(rows, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert hostile._table(rows).row_count == 1


def test_honest_work_is_graded_before_whatever_is_asked_for(monkeypatch, capsys) -> None:
    tried: list[str] = []
    monkeypatch.setattr(hostile, "measure", lambda home, attacks, *_: tried.extend(a.name for a in attacks) or [])
    monkeypatch.setattr(hostile, "sentence", lambda rows: "")
    hostile.main(only="patches")
    assert tried == ["honest", "patches-the-judge", "patches-torch"]
    with pytest.raises(BenchError, match="there is patches-the-judge"):
        hostile.main(only="unheard of")
