"""What a submission's process says in place of an answer is taken for an error, and for no more."""

from __future__ import annotations

import json
import socket
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from course.grading.remarks import no_answer
from course.grading.runner.record import Reader, Record
from course.grading.runner.session import Ended, Patience, Session
from course.grading.runner.wire import FAILED, send


class Process(SimpleNamespace):
    """One that does not end, whatever happens to its channel."""

    killed = False

    def wait(self, seconds: float) -> int:
        raise subprocess.TimeoutExpired("it", seconds)

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def session() -> Any:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = object.__new__(Session)
        made._process, made._patience, made._deadline = Process(channel=ours), Patience(5), float("inf")  # type: ignore[assignment]
        made._record = Reader(ours)
        Record(theirs)
        yield made, theirs


@pytest.mark.parametrize(
    "said",
    [
        {"output_type": "stream", "name": "stdout", "text": "1.0"},
        {"output_type": "execute_result", "data": {"text/plain": "1.0"}, "ename": "X"},
        {"ename": "CellTimeoutError", "evalue": "\ud800", "traceback": []},
        {"ename": 7, "evalue": {}},
        {"ename": ["\ud800"]},
        {},
        [1],
        "x",
    ],
)
def test_it_is_an_error_with_words(said: Any, session: tuple[Session, socket.socket]) -> None:
    asker, theirs = session
    send(theirs, FAILED, json.dumps(said).encode())
    outputs = asker.ask("descent.gd_step", "gd_step", 1)
    assert isinstance(outputs, list)
    shown = no_answer(outputs)
    assert shown.output_type == "error"
    assert shown.ename
    assert "".join(shown.traceback).encode()


def test_one_that_hangs_up_and_stays_is_ended(session: tuple[Session, socket.socket]) -> None:
    asker, theirs = session
    theirs.close()
    with pytest.raises(Ended, match="broke the connection to the grader"):
        asker.run("x = 1")
    assert asker._process.killed  # type: ignore[attr-defined]
