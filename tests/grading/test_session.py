"""What a submission's process says in place of an answer is taken for an error, and for no more."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nbformat.v4 import new_output

from course.grading.clean import clean_outputs
from course.grading.remarks import no_answer
from course.grading.runner.inside import Outputs
from course.grading.runner.record import Reader, Record
from course.grading.runner.session import Ended, Patience, Session
from course.grading.runner.wire import DONE, FAILED, send
from course.grading.sandbox import SandboxUnavailable
from course.grading.sandbox.interrupts import INSIST
from course.grading.sandbox.launch import available
from course.grading.structure import is_modest


class Process(SimpleNamespace):
    """One that does not end, whatever happens to its channel."""

    killed = False

    def wait(self, seconds: float) -> int:
        raise subprocess.TimeoutExpired("it", seconds)

    def kill(self) -> None:
        self.killed = True


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions are processes in a sandbox")


@pytest.fixture
def session() -> Any:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = object.__new__(Session)
        made._process, made._patience, made._deadline = Process(channel=ours), Patience(5), float("inf")  # type: ignore[assignment]
        made._record = Reader(ours)
        made._process.record = Record(theirs)
        yield made, theirs
        made._record.close()


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


def test_a_reply_of_empty_lists_is_not_read(session: tuple[Session, socket.socket]) -> None:
    asker, theirs = session
    many = b"[" + b"[]," * 500_000 + b"[]]"
    threading.Thread(target=send, args=(theirs, DONE, many), daemon=True).start()
    assert asker.run("x = 1") == []
    assert not is_modest(many)
    assert is_modest(json.dumps(['[]",\\' * 500_000]).encode()), "in a text they are only that"
    assert is_modest(b'"' + b'\\"' * 2_000_000), "a text without an end takes no time"


def test_what_a_cell_printed_outlives_its_process(session: tuple[Session, socket.socket]) -> None:
    asker, theirs = session
    record = asker._process.record  # type: ignore[attr-defined]
    shown = Outputs(record)
    for text in ("before ", "the end"):
        shown.add({"output_type": "stream", "name": "stdout", "text": text}, len(text))
    shown.add({"output_type": "display_data", "data": {"text/html": "<b>x</b><script>y</script>"}}, 9)
    theirs.close()
    with pytest.raises(Ended) as end:
        asker.run("x = 1")
    assert [o.get("text") or o.data for o in end.value.outputs] == ["before the end", {"text/html": "<b>x</b>"}]


@pytest.mark.parametrize(
    "written", [b"\xff" * 99, b"[" * 3_000_000, b'7\n{}\n{"output_type": "stream"}\n"x"', b"\n" * 99]
)
def test_whatever_stands_in_that_memory_is_read(written: bytes, session: tuple[Session, socket.socket]) -> None:
    asker, _ = session
    memory = asker._process.record._memory  # type: ignore[attr-defined]
    memory[: 4 + len(written)] = b"\xff\xff\xff\xff" + written  # it claims to be longer than it is
    assert clean_outputs(asker._record.outputs()) in ([], [new_output("stream", text="")])
    with pytest.raises((OSError, SystemError, ValueError)):
        memory.resize(2 * len(memory))


LOOPS = """
import os, signal, sys, time
from course.grading.sandbox.interrupts import Insistence
def cell():
    def never(*_):
        while True: time.sleep(0.01)
    signal.signal(signal.SIGINT, never)
    print("ready", flush=True)
    while True:
        try:
            while True: time.sleep(0.01)
        except: pass
insistence = Insistence(cell.__code__)
insistence.listen()
os.kill(os.getpid(), signal.SIGUSR2)  # nobody is at work
try:
    cell()
except KeyboardInterrupt:
    insistence.rest()
    print("given up", flush=True)
"""


@pytest.mark.slow
def test_a_process_s_own_start_costs_no_cell_its_time(tmp_path: Path) -> None:
    """Without a fork server it imports for seconds; then forks, forgets an alarm, and still is one."""
    try:
        walls = available()
    except SandboxUnavailable as reason:
        pytest.skip(str(reason).splitlines()[1])
    with Session(tmp_path, walls, None, Patience(cell=1.5)) as session:
        assert session.run("import torch\nprint(torch.ones(2).sum().item())")[0].text == "2.0\n"
        assert session.run("import os\nchild = os.fork()") == []
        assert session.run("print('told')")[0].text == "told\n"
        alarm = (
            "import signal\nsignal.signal(signal.SIGALRM, lambda *_: 1 / 0)\nsignal.setitimer(signal.ITIMER_REAL, 0.1);"
        )
        assert session.run(alarm) == []
        time.sleep(0.3)
        assert session.run("print('told')")[0].text == "told\n"


def test_who_insists_is_heard() -> None:
    with subprocess.Popen([sys.executable, "-c", LOOPS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(INSIST)
            time.sleep(0.05)
        process.kill()
        assert process.stdout.read() == "given up\n"
