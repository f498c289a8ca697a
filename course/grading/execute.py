"""Running a submission: nbgrader's `Execute`, which goes on where a kernel dies, hangs or floods us with output."""

from __future__ import annotations

import math
import signal
import textwrap
import time
import uuid
from collections.abc import Callable
from typing import Any

from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerBase
from nbclient.exceptions import CellExecutionComplete, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import preprocessors
from traitlets import Integer, Type

from course.grading.cells import VERDICT_MIME, Resources, checked_exercise, grade_id, is_check
from course.grading.client import BoundedClient, Garbled
from course.grading.provisioner import GradingProvisioner
from course.grading.sandbox.launch import ConfinedKernel


class KernelLost(RuntimeError):
    """A kernel ended through no fault of its notebook; another try is fair."""


class Execute(preprocessors.Execute):
    """Executes what can be executed; what a student earned before the kernel died stays earned.

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
        self._room = self.max_output
        self._deadline = time.monotonic() + self.notebook_timeout
        self.error_on_timeout = {
            "ename": "CellTimeoutError",
            "evalue": "",
            "traceback": [f"This cell did not end within {self.timeout} seconds and was stopped."],
        }
        return super().preprocess(nb, resources, km)

    def preprocess_cell(self, cell: NotebookNode, resources: Resources, index: int) -> tuple[NotebookNode, Resources]:
        """Execute one cell, or say why that is not possible any more."""
        if cell.cell_type != "code":
            return cell, resources
        if self._gone:
            _fail(cell, "NotRun", f"This check could not run: {self._gone}.")
            return cell, resources
        self._room = self.max_output
        if isinstance(self.kc, BoundedClient):
            self.kc.bound(self.max_flood, self._stop_flood)
        try:
            super().preprocess_cell(cell, resources, index)
        except (DeadKernelError, CellTimeoutError, Garbled) as error:
            self._give_up(cell, index, error)
        if is_check(cell):
            settle(cell)
        return cell, resources

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Take in a message, whatever fields it lacks."""
        try:
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception as error:
            raise Garbled(f"{type(error).__name__}: {error}") from error

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        """Keep an output, unless the cell has written far more than anybody reads."""
        content = msg["content"]
        size = len(content.get("text", "")) + sum(len(str(value)) for value in content.get("data", {}).values())
        if self._room <= 0:
            return None
        self._room -= size
        if self._room <= 0:
            content.clear()
            content.update(name="stdout", text="\n… the rest of this cell's output was left out\n")
            msg["msg_type"] = msg["header"]["msg_type"] = "stream"
        return super().output(outs, msg, display_id, cell_index)

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

    def _give_up(self, cell: NotebookNode, index: int, error: Exception) -> None:
        """The kernel is lost: say so in this cell, and remember it for the ones to come."""
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        if getattr(process, "lost", False):
            raise KernelLost("the server that had started this kernel was ended")
        if isinstance(error, DeadKernelError):
            event = f"the kernel died ({_cause_of_death(process)})"
        else:
            event = f"the kernel did not answer any more within {self.timeout} seconds and was ended"
            if isinstance(error, Garbled):
                event = "the kernel sent a message that cannot be understood and was ended"
            assert self.km is not None
            run_sync(self.km.shutdown_kernel)(now=True)
        checking = is_check(cell)
        where = f"while {checked_exercise(cell)} was being checked" if checking else f"in {_place(cell, index)}"
        self._gone = f"{event} {where}"
        cell.outputs.append(error_output("KernelDied", f"{event[0].upper()}{event[1:]} {where}."))


def _cause_of_death(process: Any) -> str:
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


def settle(cell: NotebookNode) -> None:
    """Bring the outputs of a check into the form nbgrader scores: points, or an error. Never neither.

    nbgrader gives full marks to a test cell without an error or a number, and none to one that wrote to stderr.
    Here the check's own result is what counts: without one (`check` was redefined, say) nothing is earned, and a
    warning that a library printed costs nothing.
    """
    outputs = []
    for output in cell.outputs:
        if output.output_type == "stream":
            output.name = "stdout"
        if output.output_type != "execute_result" or _points(output, cell) is not None:
            outputs.append(output)
    cell.outputs = outputs
    if not any(o.output_type in ("error", "execute_result") for o in outputs):
        _fail(cell, "NoVerdict", "This cell gave no result of check(): was the name `check` used for something else?")


def _points(output: NotebookNode, cell: NotebookNode) -> float | None:
    """The points that a result of check() states; None if it is something else."""
    if VERDICT_MIME not in output.data:
        return None
    try:
        points = float("".join(output.data["text/plain"]))
    except (KeyError, TypeError, ValueError):
        return None
    return points if 0 <= points <= float(cell.metadata.nbgrader.points) else None


def _fail(cell: NotebookNode, name: str, sentence: str) -> None:
    cell.execution_count = None
    if is_check(cell):
        cell.outputs.append(error_output(name, sentence))


def error_output(name: str, sentence: str) -> NotebookNode:
    """An output that nbgrader scores 0, with a sentence for the student."""
    # Wrapped, because feedback pages show these lines as they are, and cut what does not fit.
    return new_output("error", ename=name, evalue=sentence, traceback=textwrap.wrap(f"{name}: {sentence}", 88))


def _place(cell: NotebookNode, index: int) -> str:
    """How a person finds a cell again."""
    lines = [line for line in cell.source.splitlines() if line.strip()]
    name = grade_id(cell)
    return f"cell {index + 1}" + (f" ({name})" if name else f", which starts with `{lines[0][:60]}`" if lines else "")
