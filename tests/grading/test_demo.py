"""`course demo`: the table, the exit code, and that it can be interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from course.grading import demo
from course.grading.forkserver import ForkServer
from course.grading.workers import processors

pytestmark = pytest.mark.slow
SOME = ["solved", "blank", "gd_step-ascent", "syntax-error", "not-a-notebook"]


def kept(folder: Path) -> dict[str, float]:
    """How long grading each submission took, to the millisecond, by student: another run would take another time."""
    files = [*(folder / "outcomes").glob("*/*.json"), *(folder / ".graded").glob("*/*.json")]
    rows = [json.loads(p.read_text(encoding="utf-8")) for p in files]
    return {row["student"]: row["seconds"] for row in rows}


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's folder, interrupted by Ctrl-C when the first submissions were graded."""
    place = tmp_path_factory.mktemp("demo") / "new"
    command = [sys.executable, "-m", "course.cli", "demo", "--folder", str(place)]
    for name in SOME:
        command += ["--only", name]
    process = subprocess.Popen(
        command,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 180
    while not kept(place) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    (place / "said.txt").write_text(said, encoding="utf-8")
    assert process.returncode == 130, said
    return place


@pytest.fixture(autouse=True)
def _one_server_is_enough(monkeypatch: pytest.MonkeyPatch, server: ForkServer) -> None:
    monkeypatch.setattr(demo, "ForkServer", lambda *_, **__: nullcontext(server))
    monkeypatch.setattr("course.grading.batch.run.processors", lambda: 1)  # each worker imports torch here


def run(root: Path, folder: Path | None, monkeypatch: pytest.MonkeyPatch, **more: Any) -> int:
    """The demo in this process; its exit code."""
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "150")
    try:
        demo.main("descent", folder, more.get("only", SOME), more.get("json_file"))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_an_interrupted_demo_says_how_to_go_on(folder: Path) -> None:
    said = (folder / "said.txt").read_text(encoding="utf-8")
    assert f"course demo --folder {folder}" in said
    assert "Traceback" not in said
    assert 1 <= len(kept(folder)) < len(SOME)


def test_it_goes_on_and_tells_what_came_out(
    folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = kept(folder)
    (folder / "said.txt").unlink()
    assert run(root, folder, monkeypatch, json_file=tmp_path / "rows.json") == 0
    assert before.items() <= kept(folder).items(), "what was graded was graded again"
    told = capsys.readouterr().out
    for words in (
        "solved",
        "17/17",
        "everything right",
        "ascent: This climbs",
        "4 points wait for you",
        "1 of 1 mistakes",
    ):
        assert words in told
    for place in ("gradebook.db", "descent.html", "generate_feedback", "jupyter"):
        assert place in told
    rows = {row["student"]: row for row in json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))}
    assert list(rows) == SOME
    assert [rows[name]["score"] for name in SOME] == [17, 0, 16, 15, 0]
    ascent = rows["gd_step-ascent"]
    assert (ascent["exercise"], ascent["misconception"], ascent["diagnosed"]) == ("descent.gd_step", "ascent", "ascent")
    assert all(row["seconds"] > 0 and not row["objections"] for row in rows.values())
    assert not list(folder.glob("**/*.part")) + list(folder.glob("submitted/*/.*"))


def test_a_mistake_that_is_not_named_ends_with_1(
    folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = (folder / "outcomes").glob("*/gd_step-ascent.json")
    honest = path.read_text(encoding="utf-8")
    path.write_text(honest.replace('"ascent"', '"lr_forgotten"'), encoding="utf-8")
    try:
        assert run(root, folder, monkeypatch, only=["gd_step-a*"]) == 1
    finally:
        path.write_text(honest, encoding="utf-8")
    told = capsys.readouterr().out
    assert "ascent was taken for lr_forgotten" in told
    assert "0 of 1 mistakes" in told


def test_rows_can_be_printed_alone(
    folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, folder, monkeypatch, only=["blank"], json_file=Path("-")) == 0
    assert [row["student"] for row in json.loads(capsys.readouterr().out)] == ["blank"]


@pytest.mark.parametrize(
    ("only", "words"), [(["momentum_step-dampd"], "momentum_step-damped"), (["zzzzz"], "there are solved, blank")]
)
def test_an_unknown_student_lists_near_names(
    only: list[str],
    words: str,
    folder: Path,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(root, folder, monkeypatch, only=only) == 1
    assert words in " ".join(capsys.readouterr().out.split())


def test_a_folder_of_somebody_else_is_left_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    assert run(root, tmp_path, monkeypatch) == 1
    assert "is not empty" in capsys.readouterr().out
    assert run(root, tmp_path / "thesis.tex", monkeypatch) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_made_from_another_notebook_is_refused(
    folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = folder / demo.MARKER
    honest = marker.read_text()
    marker.write_text(json.dumps({"source": "of last year"}))
    try:
        assert run(root, folder, monkeypatch) == 1
    finally:
        marker.write_text(honest)
    assert "another version of the notebook" in " ".join(capsys.readouterr().out.split())


def test_two_demos_do_not_share_a_folder(
    folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with demo.FileLock(folder / demo.LOCK):
        assert run(root, folder, monkeypatch) == 1
    assert "another demo is at work" in " ".join(capsys.readouterr().out.split())


def test_there_is_at_least_one_processor() -> None:
    assert processors() >= 1
