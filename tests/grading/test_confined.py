"""Processes of our own in the sandbox, and the trial that every sandbox has to pass before it is used."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from course.grading.sandbox import SandboxError, launch, proof
from course.grading.sandbox.confined import ConfinedProcess, start

PROBE = "course.grading.sandbox.proof:probe"
METHODS = [pytest.param(m, marks=pytest.mark.skipif(bool(o := launch.obstacle(m)), reason=o)) for m in launch.METHODS]


@pytest.fixture(params=METHODS)
def sandbox(request: pytest.FixtureRequest) -> launch.Sandbox:
    return launch.available(request.param)


def test_a_function_of_ours_runs_confined(sandbox: launch.Sandbox, tmp_path: Path) -> None:
    with proof.outside(str(tmp_path)) as wanted, start(PROBE, None, sandbox) as process:
        assert proof.judge(process.channel, wanted) == ""
        assert process.wait(20) == 0
        assert process.channel.recv(1) == b""
    assert (tmp_path / "canary").read_text() == "canary"


def test_its_time_is_limited_and_the_reason_told(sandbox: launch.Sandbox) -> None:
    short = replace(sandbox, limits=replace(sandbox.limits, wall=1))
    with start(PROBE, None, short) as process:  # it waits for a question
        assert process.channel.recv(1) == b""
        assert process.wait(20) == -9
        assert process.verdict == "it ran for more than 1 seconds"


def test_one_that_takes_long_to_end_is_no_trouble(sandbox: launch.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: ConfinedProcess, seconds: float) -> int:
        raise subprocess.TimeoutExpired("it", seconds)

    with monkeypatch.context() as patched, start(PROBE, None, sandbox) as process:
        patched.setattr(ConfinedProcess, "wait", busy)
    assert not os.path.exists(process._folder)
    assert process.wait(20) in (-9, 1), "killed, or hung up on"


def test_a_function_that_is_not_there_ends_it(sandbox: launch.Sandbox) -> None:
    with start("course.grading.sandbox.proof:nothing", None, sandbox) as process:
        assert process.channel.recv(1) == b""
        assert process.wait(20) == 1


def test_a_submission_where_all_can_read_it_is_refused(sandbox: launch.Sandbox) -> None:
    with pytest.raises(SandboxError, match="which every submission can read"):
        start(PROBE, os.path.dirname(proof.__file__), sandbox)


@pytest.fixture
def unconfined() -> Iterator[socket.socket]:
    """The probe, where there are no walls."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=proof.probe, args=(theirs,))
        thread.start()
        yield ours
        thread.join()


def test_the_trial_notices_missing_walls(unconfined: socket.socket, tmp_path: Path) -> None:
    with proof.outside(str(tmp_path)) as wanted:
        said = proof.judge(unconfined, wanted)
    canary, door = wanted["read"][0], wanted["unix"]
    for what in (f"reading {canary}", f"writing {canary}", "connecting to ('127.0.0.1'", f"connecting to {door}"):
        assert f"it does not hold {what}" in said
    assert "NoNewPrivs 0, Seccomp 0" in said
