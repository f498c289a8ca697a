"""Outside: one submission's process in the sandbox. It runs cells and answers tests, within limits of time and size.

Everything that comes over the channel was made where students' code runs. It is JSON or bytes, read up to a limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from nbformat import NotebookNode

from course.grading.clean import clean_outputs
from course.grading.execute import KernelLost, cause_of_death
from course.grading.outputs import raised
from course.grading.remarks import no_verdict
from course.grading.runner import ENTRY
from course.grading.runner.record import Reader
from course.grading.runner.wire import ANSWER, ASK, DONE, FAILED, READY, RUN, TooLong, readable, receive, send
from course.grading.sandbox import SandboxError
from course.grading.sandbox.confined import ConfinedProcess, start
from course.grading.sandbox.interrupts import EVERY_SECONDS, INSIST
from course.grading.sandbox.launch import Sandbox
from course.grading.structure import is_modest
from course.grading.verdict import MAX_BYTES

START_SECONDS = 120.0
MAX_OUTPUT, GRACE = 32_000_000, 5.0  # a character takes six bytes at most
HUNG_UP = "the submission broke the connection to the grader"


@dataclass(frozen=True)
class Patience:
    """How many seconds a cell, and a whole notebook, may take."""

    cell: float = 60.0
    notebook: float = 900.0


class Ended(Exception):
    """The process is no more; the message is the event, as part of a sentence.

    `outputs` is what the cell that was running had put out until then.
    """

    def __init__(self, event: str) -> None:
        super().__init__(event)
        self.outputs: list[NotebookNode] = []


class Session:
    """A process for one notebook; used as a context, it ends with it.

    Args:
        files: the folder whose content the submission finds as its working directory.
        sandbox: the walls.
        address: of the fork server behind them; None: a fresh interpreter.
        patience: how long to wait.

    Raises:
        SandboxError, ForkUnavailable: it could not be started.
    """

    def __init__(self, files: Path, sandbox: Sandbox, address: str | None, patience: Patience) -> None:
        # As nbgrader sets it: experiments and widgets in a notebook do nothing then.
        env = {**os.environ, "NBGRADER_EXECUTION": "autograde"}
        self._process: ConfinedProcess = start(ENTRY, files, sandbox, address, env)
        try:
            self._record = Reader(self._process.channel)
            self._await_readiness()
        except BaseException:
            self._process.close()
            raise
        self._patience, self._deadline = patience, time.monotonic() + patience.notebook

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()
        self._record.close()

    def run(self, source: str) -> list[NotebookNode]:
        """Run a cell; what it put out.

        Raises:
            Ended: with it the process ended.
            KernelLost: it ended through no fault of the submission.
        """
        try:
            kind, content, late = self._request(RUN, source.encode("utf-8", "replace"))
            if kind != DONE:
                self._end(HUNG_UP)
        except Ended as end:
            end.outputs = clean_outputs(self._record.outputs())
            raise
        return [*clean_outputs(_parsed(content)), *([_timeout(self._patience.cell)] if late else [])]

    def ask(self, exercise: str, variable: str, seed: int) -> bytes | list[NotebookNode]:
        """Let it answer a test: the answer, or errors that say why there is none.

        Raises:
            Ended, KernelLost: as `run`.
        """
        request = json.dumps({"exercise": exercise, "variable": variable, "seed": seed}).encode()
        kind, content, late = self._request(ASK, request)
        if late:
            return [_timeout(self._patience.cell)]
        if kind == ANSWER:
            return content
        said = _parsed(content)
        if kind != FAILED or not isinstance(said, dict) or not said.get("ename"):
            return [no_verdict("The submission gave no answer to this test.")]
        about = {name: said.get(name) for name in ("ename", "evalue")}
        return clean_outputs([{"output_type": "error", "traceback": [], **about}])

    def _await_readiness(self) -> None:
        """Until then the clock stands still: a fresh interpreter imports for seconds, on a busy machine for many."""
        try:
            kind, _ = receive(self._process.channel, 0, time.monotonic() + START_SECONDS)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise SandboxError(f"a submission's process was not ready within {START_SECONDS:g} seconds") from None
            self._died_early()
        if kind != READY:
            raise SandboxError("a submission's process did not say that it was ready")

    def _died_early(self) -> NoReturn:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        if self._process.lost:
            raise KernelLost("the server that had started this process was ended")
        raise SandboxError(f"a submission's process ended before it was ready ({cause_of_death(self._process)})")

    def _request(self, kind: bytes, content: bytes) -> tuple[bytes, bytes, bool]:
        """The reply, and whether it came only after an interrupt."""
        channel, late = self._process.channel, False
        limit = min(time.monotonic() + self._patience.cell, self._deadline)
        most = MAX_BYTES if kind == ASK else MAX_OUTPUT
        try:
            channel.settimeout(self._patience.cell)
            send(channel, kind, content)
            if not readable(channel, limit):
                late = True
                limit = time.monotonic() + GRACE
                self._interrupt(limit)
            answer = receive(channel, most, limit + GRACE)
        except TimeoutError:
            self._end(f"the kernel did not answer any more within {self._patience.cell:g} seconds and was ended")
        except TooLong:
            self._end("it wrote more than is read of one cell")
        except OSError:
            self._died()
        return (*answer, late)

    def _interrupt(self, limit: float) -> None:
        """Ask a cell to end, and then insist, until it says something or the time is up."""
        number = signal.SIGINT
        while True:
            self._process.send_signal(number)
            if readable(self._process.channel, min(limit, time.monotonic() + EVERY_SECONDS)):
                return
            if time.monotonic() >= limit:
                raise TimeoutError
            number = INSIST

    def _died(self) -> None:
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._end(HUNG_UP)
        if self._process.lost:
            raise KernelLost("the server that had started this process was ended")
        raise Ended(f"the kernel died ({cause_of_death(self._process)})")

    def _end(self, event: str) -> None:
        self._process.kill()
        raise Ended(event)


def _timeout(seconds: float) -> NotebookNode:
    sentence = f"This cell did not end within {seconds:g} seconds and was stopped."
    return raised("CellTimeoutError", "", [sentence])


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if is_modest(content) else None
    except (ValueError, RecursionError):
        return None
