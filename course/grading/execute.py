"""Running a submission: nbgrader's `Execute`, which goes on, in a new kernel, where one dies, hangs or floods us.

A kernel runs what is the student's. Tests it only answers; see `course.grading.verdict` for who judges.
"""

from __future__ import annotations

import asyncio
import base64
import math
import os
import signal
import time
import uuid
from collections.abc import Callable
from typing import Any

from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerBase
from nbclient.exceptions import CellExecutionComplete, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader import preprocessors
from traitlets import Integer, Type

from course.grading.cells import Resources, is_check
from course.grading.clean import Shown, clean_count, clean_outputs
from course.grading.client import SMALLEST_MESSAGE, BoundedClient, Garbled
from course.grading.provisioner import GradingProvisioner
from course.grading.remarks import ended, no_answer, no_verdict, not_run
from course.grading.restarts import Restarts
from course.grading.sandbox.interrupts import EVERY_SECONDS, INSIST
from course.grading.sandbox.launch import ConfinedKernel
from course.grading.verdict import ANSWER_MIME, MAX_BYTES
from course.grading.verdict.examination import Examination
from course.grading.verdict.seeds import secret_of

LOST = DeadKernelError, CellTimeoutError, Garbled


class KernelLost(RuntimeError):
    """A kernel ended through no fault of its notebook; another try is fair."""


class Execute(preprocessors.Execute):
    """Executes what can be executed: if the kernel dies in a cell, a new one goes on without it; see `Restarts`.

    A check that could not run gets an error output with a sentence that says why, so nbgrader scores it 0.
    """

    provisioner = Type(GradingProvisioner, klass=KernelProvisionerBase, help="How kernels start").tag(config=True)
    notebook_timeout = Integer(900, help="Seconds that a whole notebook may take").tag(config=True)
    max_output = Integer(5_000_000, help="Characters of output kept of one cell").tag(config=True)
    max_flood = Integer(500_000_000, help="Bytes of messages after which a kernel is ended").tag(config=True)

    def create_kernel_manager(self) -> KernelManager:
        """A kernel manager that starts its kernel through `provisioner`."""
        manager = super().create_kernel_manager()
        manager.kernel_id = str(uuid.uuid4())
        manager.client_factory = BoundedClient
        start: Callable[..., KernelProvisionerBase] = self.provisioner
        manager.provisioner = start(kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager)
        return manager

    def preprocess(
        self, nb: NotebookNode, resources: Resources, km: KernelManager | None = None
    ) -> tuple[NotebookNode, Resources]:
        """Execute all cells."""
        self._gone: str | None = None
        self._room, self._shown = self.max_output, Shown()
        self._deadline = time.monotonic() + self.notebook_timeout
        self._restarts = Restarts(nb.cells, self._deadline)
        about = resources["nbgrader"]
        beside = getattr(self._converter(), "beside", {}).get(about["notebook"], "")
        self._examination = Examination(secret_of(self._class_folder()), about, nb, beside)
        self.error_on_timeout = {
            "ename": "CellTimeoutError",
            "evalue": "",
            "traceback": [f"This cell did not end within {self.timeout} seconds and was stopped."],
        }
        return super().preprocess(nb, resources, km)

    def preprocess_cell(self, cell: NotebookNode, resources: Resources, index: int) -> tuple[NotebookNode, Resources]:
        """Execute one cell, or say why that is not possible any more. A test is asked, and its answer judged here."""
        if cell.cell_type != "code":
            return cell, resources
        if self._gone:
            not_run(cell, self._gone)
            return cell, resources
        try:
            if is_check(cell):
                self._examine(cell, resources, index)
            else:
                self._room = self.max_output
                self._run_cell(cell, resources, index)
        except LOST as error:
            self._give_up(index, error, index)
        if not is_check(cell):
            cell.outputs = self._shown.keep(clean_outputs(cell.outputs))
            cell.execution_count = clean_count(cell.get("execution_count"))  # pages show it as it is
        return cell, resources

    def _run_cell(self, cell: NotebookNode, resources: Resources, index: int) -> None:
        """As nbclient does; whatever a kernel's replies make it stumble over is the kernel's doing."""
        self._idle = asyncio.Event()
        self._display_id_map.clear()  # a display of an earlier cell stays as it is: cleaned, or judged
        if isinstance(self.kc, BoundedClient):
            self.kc.bound(self.max_flood, self._stop_flood)
        try:
            super().preprocess_cell(cell, resources, index)
        except LOST:
            raise
        except Exception as error:
            raise Garbled(f"{type(error).__name__}: {error}") from error

    async def _async_handle_timeout(self, timeout: int, cell: NotebookNode | None = None) -> dict[str, Any] | None:
        """Interrupt, and then insist, while nbclient waits for the kernel to be idle again."""
        reply: dict[str, Any] | None = await super()._async_handle_timeout(timeout, cell)
        self._insisting = asyncio.ensure_future(self._insist(self._idle, time.monotonic() + self.iopub_timeout))
        return reply

    async def _insist(self, idle: asyncio.Event, limit: float) -> None:
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        while isinstance(process, ConfinedKernel) and time.monotonic() < limit:
            await asyncio.sleep(EVERY_SECONDS)
            if idle.is_set():
                return
            process.send_signal(INSIST)

    def _examine(self, cell: NotebookNode, resources: Resources, index: int) -> None:
        """Let the kernel answer a test; the judge is here."""
        try:
            request = self._examination.question(cell).request(self._examination.seed(cell))
        except ValueError as error:
            cell.outputs = [no_verdict(str(error))]
            return
        asked = self._run_instead(request, resources, index, 2 * MAX_BYTES)
        answers = [o.data[ANSWER_MIME] for o in asked.outputs if ANSWER_MIME in o.get("data", {})]
        errors = clean_outputs([o for o in asked.outputs if o.output_type == "error"])
        if not answers:
            cell.outputs = [no_answer(errors)]
        else:  # errors beside it are others', such as a hook's that runs after each cell
            cell.outputs = self._examination.judge(cell, [_bytes(text) for text in answers])

    def _run_instead(self, source: str, resources: Resources, index: int, room: int) -> NotebookNode:
        """Run something else in a cell's place; the cell stays as it is."""
        cell, other, self._room = self.nb.cells[index], new_code_cell(source), room
        self.nb.cells[index] = other  # where nbclient looks for displays that are updated
        try:
            self._run_cell(other, resources, index)
        finally:
            self.nb.cells[index] = cell
        return other

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Take in a message, whatever fields it lacks."""
        try:
            content = msg["content"]
            if not isinstance(content.get("data", {}), dict):
                raise TypeError("what is to be displayed is no bundle")
            if "execution_count" in content:
                content["execution_count"] = clean_count(content["execution_count"])
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            self._idle.set()
            raise
        except Exception as error:
            raise Garbled(f"{type(error).__name__}: {error}") from error

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        """Keep an output, unless the cell has written far more than anybody reads."""
        content = msg["content"]
        size = len(content.get("text", "")) + sum(len(str(value)) for value in content.get("data", {}).values())
        if self._room <= 0:
            return None
        self._room -= size if msg["msg_type"] == "stream" else max(size, SMALLEST_MESSAGE)
        if self._room <= 0:
            content.clear()
            content.update(name="stdout", text="\n… the rest of this cell's output was left out\n")
            msg["msg_type"] = msg["header"]["msg_type"] = "stream"
        return super().output(outs, msg, display_id, cell_index)

    def _class_folder(self) -> str:
        """Where the class's secret lies; nbgrader works in there."""
        converter = self._converter()
        return str(converter.coursedir.root) if converter else os.getcwd()

    def _converter(self) -> Any:
        """Who has this notebook executed; None where nbgrader is not at work."""
        return getattr(self.parent, "parent", None)

    def _stop_flood(self) -> None:
        """Nobody reads this, and taking it in keeps the grader busy: end the kernel."""
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        if isinstance(process, ConfinedKernel):
            process.end(f"it wrote more than {self.max_flood:,} bytes of output")
        elif process is not None:
            process.kill()

    def _get_timeout(self, cell: NotebookNode | None) -> int | None:
        left = max(1, math.ceil(self._deadline - time.monotonic()))
        return min(super()._get_timeout(cell) or left, left)

    def _give_up(self, index: int, error: Exception, reached: int) -> None:
        """The kernel is lost in this cell: say so, and go on in another, or remember it for the cells to come."""
        event, another = self._event(error), self._restarts.allowed_after(index)
        told = ended(self.nb.cells[index], index, event, another)
        if not another:
            self._gone = told
            return
        self._cleanup_kernel()
        self.km = self.create_kernel_manager()
        self.start_new_kernel()
        self.start_new_kernel_client()
        for before in self._restarts.to_repeat(reached):
            try:
                self._run_instead(self.nb.cells[before].source, self.resources, before, self.max_output)
            except LOST as again:
                self._give_up(before, again, reached)
                return

    def _event(self, error: Exception) -> str:
        """How the kernel was lost; no process is left.

        Raises:
            KernelLost: through no fault of the notebook.
        """
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        if getattr(process, "lost", False):
            raise KernelLost("the server that had started this kernel was ended")
        if isinstance(error, DeadKernelError):
            return f"the kernel died ({cause_of_death(process)})"
        manager: Any = self.km
        run_sync(manager.shutdown_kernel)(now=True)
        if isinstance(error, Garbled):
            return "the kernel sent a message that cannot be understood and was ended"
        return f"the kernel did not answer any more within {self.timeout} seconds and was ended"


def _bytes(text: Any) -> bytes:
    """What was published; nothing if that is no text in base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        return b""


def cause_of_death(process: Any) -> str:
    """Why a kernel's process ended, in words."""
    code = process.poll() if process else None
    if verdict := getattr(process, "verdict", ""):
        return verdict
    if code is None:
        return "for an unknown reason"
    if code >= 0:
        return f"it left with exit code {code}, as exit() or os._exit() do"
    name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
    hints = {signal.SIGKILL: ", perhaps for want of memory", signal.SIGSEGV: ", a crash in compiled code"}
    return name + hints.get(-code, "")
