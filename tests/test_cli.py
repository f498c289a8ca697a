"""The `course` command: what it prints, what it writes, how it fails; and that it starts at once."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from course.cli import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
WITH_SECTION = ("exercises", "verify", "effects", "progress")
FIELDS = {
    "section",
    "exercise",
    "title",
    "signature",
    "points",
    "minutes",
    "difficulty",
    "layers",
    "misconceptions",
}


def course(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(app, list(arguments), env=environment)


def one_line(text: str) -> str:
    return " ".join(text.split())


# ---------------------------------------------------------------------------------------------------- help


def test_the_commands_are_listed() -> None:
    result = course("--help")
    assert result.exit_code == 0
    assert set(COMMANDS) >= {"exercises", "verify", "effects", "build", "demo", "lab", "doctor"}
    assert all(name in result.output for name in COMMANDS)


def test_without_a_command_the_help_is_shown() -> None:
    result = course()
    assert "Usage" in result.output
    assert "verify" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = course(command, "--help", COLUMNS="200")
    assert result.exit_code == 0
    usage, *rest = [line for line in result.output.splitlines() if line.strip()]
    assert usage.startswith(("Usage: root " + command, "Usage: course " + command))
    assert rest[0].strip().rstrip(".")
    options = [line.split() for line in rest if line.strip().startswith("--")]
    assert all(len(words) > 1 for words in options), "every option says what it does"


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_options_are_refused(command: str) -> None:
    if command == "lab":
        pytest.skip("lab hands further options on to jupyter lab")
    result = course(command, "--no-such-option")
    assert result.exit_code == 2
    assert "no-such-option" in result.stderr


# ------------------------------------------------------------------------------------------------ exercises


def test_exercises_as_json() -> None:
    result = course("exercises", "--json", "-")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert len(rows) >= 7
    for row in rows:
        assert set(row) >= FIELDS
        assert row["exercise"].startswith(row["section"] + ".")
        assert row["signature"].startswith(row["exercise"].split(".")[1] + "(")
        assert isinstance(row["points"], float)
        assert isinstance(row["minutes"], int)
        assert row["difficulty"] in (1, 2, 3)
        assert row["layers"][0] == "runs"
        assert len(row["misconceptions"]) >= 3


def test_exercises_of_one_section_in_a_file(tmp_path: Path) -> None:
    target = tmp_path / "rows.json"
    result = course("exercises", "descent", "--json", str(target))
    assert result.exit_code == 0
    assert {row["section"] for row in json.loads(target.read_text(encoding="utf-8"))} == {"descent"}
    assert os.listdir(tmp_path) == ["rows.json"], "nothing half-written stays behind"


def test_exercises_in_words() -> None:
    result = course("exercises", "descent", COLUMNS="200")
    assert result.exit_code == 0
    text = one_line(result.output)
    rows = json.loads(course("exercises", "descent", "--json", "-").stdout)
    for row in rows:
        assert row["exercise"] in text
        assert row["title"] in text
        assert all(name in text for name in row["misconceptions"])
    assert f"{len(rows)} exercises, {sum(r['points'] for r in rows):g} points" in text
    assert "· 1 points" not in text


# ---------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("command", WITH_SECTION)
def test_an_unknown_section_is_one_line_on_stderr(command: str) -> None:
    result = course(command, "decent")
    assert result.exit_code == 1
    assert "decent" in result.stderr
    assert "descent" in result.stderr, "the names that there are"
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert isinstance(result.exception, SystemExit), f"not caught: {result.exception!r}"


@pytest.mark.parametrize("command", ["exercises", "verify"])
def test_a_file_that_cannot_be_written_is_one_line_on_stderr(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("course.exercises.every", lambda: ())
    (tmp_path / "file").write_text("in the way")
    result = course(command, "--json", str(tmp_path / "file" / "rows.json"))
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), f"not caught: {result.exception!r}"
    assert "rows.json" in one_line(result.stderr).replace(" ", "")
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("seeds", ["0", "-1", "many"])
def test_verify_refuses_a_number_of_seeds_that_is_none(seeds: str) -> None:
    result = course("verify", "--seeds", seeds)
    assert result.exit_code == 2
    assert "seeds" in result.stderr


# ----------------------------------------------------------------------------------------------- verify, speed


@pytest.mark.slow
def test_verify_proves_the_real_exercises(tmp_path: Path) -> None:
    target = tmp_path / "culprits.json"
    result = course("verify", "descent", "--seeds", "1", "--first-seed", "40", "--json", str(target))
    assert result.exit_code == 0, result.output
    assert json.loads(target.read_text(encoding="utf-8")) == []
    assert "7 exercises sound" in one_line(result.output)
    assert "seeds 40 … 40" in one_line(result.output)


THREADS = """
import atexit, sys
def report():
    import torch
    print("threads:", torch.get_num_threads())
atexit.register(report)
sys.argv = ["course", "verify", "descent", "--seeds", "1"]
from course.cli import app
app()
"""


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is only one thread anyway")
def test_verify_runs_on_one_thread() -> None:
    """Small tensors: with a second thread the gate takes more than twice the processor time."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    run = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=300, env=environment)
    assert run.returncode == 0, run.stderr
    assert "threads: 1\n" in run.stdout


def test_the_command_starts_at_once() -> None:
    """Processor time, best of three: it does not depend on what else the machine does."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run([sys.executable, "-m", "course.cli", "--help"], capture_output=True, text=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run.returncode == 0, run.stderr
        assert "verify" in run.stdout
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.5


def test_the_installed_command_is_this_one() -> None:
    script = Path(sys.executable).with_name("course")
    if not script.exists():
        pytest.skip("the package is not installed with its script")
    run = subprocess.run([str(script), "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "verify" in run.stdout
