"""Leaderboards: what goes in, who comes first, what may be published."""

from __future__ import annotations

import csv
import json
import stat

import pytest
from typer.testing import CliRunner

from course.cli import app
from course.grading import leaderboard as board
from course.grading.leaderboard import LeaderboardError, Result

RESULTS = [
    {"student": "ada", "score": 0.91, "points": 8},
    {"student": "bob|<b>x</b>", "score": 0.88},
    {"student": "cy", "score": None},
    {"student": "=dan", "score": 0.9101, "points": 8},
    {"student": "ada", "score": 0.85, "points": 2},
]


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(RESULTS))
    return path


def outcome(folder, student, assignment="10_recipe", **finding):
    home = folder / "outcomes" / assignment
    home.mkdir(parents=True, exist_ok=True)
    finding = {"exercise": "recipe.best_recipe", "points": 8.0, **finding}
    other = {"exercise": "recipe.batch_norm", "points": 4.0}
    (home / f"{student}.json").write_text(json.dumps({"student": student, "findings": [other, finding]}))


def test_best_first_and_equal_scores_share_a_rank(results):
    lines = board.rank(board.collect(results))
    assert [(line.rank, line.name) for line in lines] == [(1, "=dan"), (1, "ada"), (3, "bob|<b>x</b>")]
    assert lines[1].points == 8


def test_a_class_folder(tmp_path):
    outcome(tmp_path, "ada", score=0.9)
    outcome(tmp_path, "bob", score=None)
    outcome(tmp_path, "eve", "03_descent", exercise="descent.train")
    assert board.collect(tmp_path) == [Result("ada", 0.9, 8.0), Result("bob", None, 8.0)]
    outcome(tmp_path, "eve", "11_again", score=0.5)
    with pytest.raises(LeaderboardError, match="--assignment"):
        board.collect(tmp_path)
    assert board.collect(tmp_path, assignment="11_again") == [Result("eve", 0.5, 8.0)]
    with pytest.raises(LeaderboardError, match="there is 03_descent"):
        board.collect(tmp_path, assignment="12")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("{}", "list of results"),
        ("[]", "no results"),
        ("[3]", "result 1: a result has fields"),
        ('[{"score": 0.5}]', "name is missing"),
        ('[{"student": "a", "score": 91}]', "share between 0 and 1"),
        ('[{"student": "a", "score": true}]', "share between 0 and 1"),
        ('[{"student": "a", "score": NaN}]', "share between 0 and 1"),
        ('[{"student": "a", "score": 0.5, "points": -1}]', "number ≥ 0"),
    ],
)
def test_bad_results_are_said(tmp_path, text, said):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(LeaderboardError, match=said):
        board.collect(path)


def test_bad_folders_are_said(tmp_path):
    with pytest.raises(LeaderboardError, match="neither"):
        board.collect(tmp_path / "nowhere")
    with pytest.raises(LeaderboardError, match="no graded submissions"):
        board.collect(tmp_path)
    home = tmp_path / "outcomes" / "10_recipe"
    home.mkdir(parents=True)
    (home / "ada.json").write_text("[]")
    with pytest.raises(LeaderboardError, match="no outcome of grading"):
        board.collect(tmp_path)


def test_pseudonyms_stay_and_are_private(tmp_path):
    memory = tmp_path / "private" / "names.json"
    first = board.pseudonyms(["ada", "bob"], memory)
    again = board.pseudonyms(["bob", "cy", "ada"], memory)
    assert {k: again[k] for k in first} == first
    assert len(set(again.values())) == 3
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    many = board.pseudonyms([f"s{i}" for i in range(500)], memory)
    assert len(set(many.values())) == len(many) == 503
    memory.write_text('{"a": "x", "b": "x"}')
    with pytest.raises(LeaderboardError, match="same pseudonym"):
        board.pseudonyms(["a"], memory)


def test_what_is_published_is_harmless(results, tmp_path):
    out = tmp_path / "out"
    run = CliRunner().invoke(app, ["leaderboard", str(results), "--out", str(out)])
    assert run.exit_code == 0, run.output
    text = (out / "leaderboard.md").read_text()
    assert "bob\\|&lt;b&gt;x&lt;/b&gt;" in text
    rows = list(csv.DictReader((out / "leaderboard.csv").open()))
    assert [r["name"] for r in rows] == ["'=dan", "ada", "bob|<b>x</b>"]
    assert [r["score"] for r in json.loads((out / "leaderboard.json").read_text())] == [0.91, 0.91, 0.88]


def test_the_command_hides_names_and_says_what_is_wrong(results, tmp_path):
    out, memory = tmp_path / "out", tmp_path / "names.json"
    run = CliRunner().invoke(app, ["leaderboard", str(results), "--out", str(out), "--pseudonyms", str(memory)])
    assert run.exit_code == 0, run.output
    published = "".join(p.read_text() for p in out.iterdir())
    assert "ada" not in published.replace("papaya", "")
    beside = CliRunner().invoke(
        app, ["leaderboard", str(results), "--out", str(out), "--pseudonyms", str(out / "names.json")]
    )
    assert beside.exit_code == 1
    assert CliRunner().invoke(app, ["leaderboard", str(tmp_path / "none")]).exit_code == 1
