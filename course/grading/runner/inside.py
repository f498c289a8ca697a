"""In the sandbox: IPython's shell, which runs a notebook's cells one by one and keeps what they put out.

It does what a Jupyter kernel would, as far as a notebook can tell: `display`, rich results, figures that are shown at
the end of a cell, `await`, magics, interrupts. What comes of it is handed over as plain JSON, limited in size.
"""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from course.grading.runner.record import Output, Record
from course.grading.runner.wire import ANSWER, ASK, DONE, FAILED, READY, RUN, Broken, receive, send
from course.grading.sandbox.interrupts import Insistence
from course.grading.sandbox.kernel import without_terminal
from course.grading.sandbox.leftovers import put_right
from course.grading.verdict.inside import answer

MAX_REQUEST = 64_000_000
ROOM, SMALLEST = 5_000_000, 1_000  # an output takes up room, however little it says
CUT = "\n… the rest of this cell's output was left out\n"


class Outputs:
    """What one cell has put out so far, up to a limit: plain data, whatever objects they came from."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.clear()

    def clear(self) -> None:
        """Forget everything, for the next cell."""
        self._record.clear()
        self.entries: list[Output] = []
        self._room = ROOM
        self._clearing = False

    def add(self, entry: Output, size: int) -> None:
        """Keep an entry, if there is room; neighbouring pieces of one stream become one."""
        if self._clearing:
            self._clearing = False
            self.clear_output(wait=False)
        if self._room <= 0:
            return
        self._room -= size if self._continues(entry) else max(size, SMALLEST)
        if self._room <= 0:
            entry = {"output_type": "stream", "name": "stdout", "text": CUT}
        self._record.add(entry)
        if self._continues(entry):
            self.entries[-1]["parts"].append(entry["text"])
        elif entry["output_type"] == "stream":
            self.entries.append({**entry, "parts": [entry.pop("text")]})
        else:
            self.entries.append(entry)

    def _continues(self, entry: Output) -> bool:
        """Whether it is more of the stream that was written to last."""
        last = self.entries[-1] if self.entries else {}
        same = entry["output_type"] == last.get("output_type") == "stream"
        return same and bool(entry["name"] == last["name"])

    def clear_output(self, wait: bool) -> None:
        """What `IPython.display.clear_output` asks for."""
        if wait:
            self._clearing = True
        else:
            self._record.clear()
            self.entries = []

    def replace(self, name: str, data: Mapping[str, Any]) -> None:
        """What `update_display` asks for; a display of an earlier cell stays as it is."""
        for entry in self.entries:
            if entry.get("display_id") == name:
                entry["data"] = _plain(data)

    def finished(self) -> list[Output]:
        """As nbformat has them."""
        for entry in self.entries:
            entry.pop("display_id", None)
            if "parts" in entry:
                entry["text"] = "".join(entry.pop("parts"))
        return self.entries


class Stream(io.TextIOBase):
    """Standard output or error of the running cell."""

    encoding = "utf-8"

    def __init__(self, name: str, outputs: Outputs) -> None:
        self._stream, self._outputs = name, outputs

    def write(self, text: str) -> int:
        """Keep the text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._outputs.add({"output_type": "stream", "name": self._stream, "text": text}, len(text))
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True


class Publisher(DisplayPublisher):
    """Where `display` leads."""

    outputs: Outputs

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        source: Any = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        """Keep a display, or change one."""
        name = (transient or {}).get("display_id")
        if update:
            self.outputs.replace(str(name), data)
            return
        plain = _plain(data)
        entry = {"output_type": "display_data", "data": plain, "display_id": str(name)}
        self.outputs.add(entry, sum(map(len, plain.values())))

    def clear_output(self, wait: bool = False) -> None:
        """Forget what was shown."""
        self.outputs.clear_output(wait)


class Hook(DisplayHook):
    """Where the value of a cell's last line leads."""

    outputs: Outputs

    def start_displayhook(self) -> None:
        """Begin."""

    def write_output_prompt(self) -> None:
        """There is none."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Keep the value."""
        plain = _plain(format_dict)
        entry = {"output_type": "execute_result", "data": plain, "execution_count": self.prompt_count}
        self.outputs.add(entry, sum(map(len, plain.values())))

    def finish_displayhook(self) -> None:
        """End."""


class Shell(InteractiveShell):
    """IPython's, without a terminal and without a history on the disk."""

    outputs: Outputs

    leaving = False
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)

    def collect(self, outputs: Outputs) -> None:
        """From now on, outputs go there."""
        self.outputs = outputs
        for place in (self.display_pub, self.displayhook):
            assert isinstance(place, Publisher | Hook)
            place.outputs = outputs

    def ask_exit(self) -> None:
        """What `exit()` does: the process ends with this cell."""
        self.leaving = True

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window to show."""

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        text, lines = _words(evalue), [_exactly(line) for line in stb]
        entry = {"output_type": "error", "ename": _name(evalue), "evalue": text, "traceback": lines}
        self.outputs.add(entry, len(text) + sum(map(len, lines)))


def _plain(bundle: Mapping[str, Any]) -> dict[str, str]:
    """Of a bundle, the texts, and pictures as texts: nothing else is shown, and objects may not know how to end."""
    kept: dict[str, str] = {}
    for mime, value in dict(bundle).items():
        if type(mime) is str and isinstance(value, str):
            kept[mime] = _exactly(value)
        elif type(mime) is str and isinstance(value, bytes):
            kept[mime] = base64.b64encode(bytes(value)).decode("ascii")
        elif type(mime) is str and isinstance(value, list):
            kept[mime] = "".join(_exactly(line) for line in value)
    return kept


def _exactly(text: Any) -> str:
    """Without what a subclass may have added; nothing where it is no text."""
    return str.__str__(text) if isinstance(text, str) else ""


def _words(error: BaseException) -> str:
    try:
        return _exactly(str(error))
    except Exception:
        return ""


def _name(error: BaseException) -> str:
    """Of its type, whatever that says of itself."""
    return str(type.__dict__["__name__"].__get__(type(error)))


def new_shell() -> Shell:
    """A shell for one notebook; its module is `__main__`."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    without_terminal(InteractiveShell.__module__)
    shell = Shell.instance(config=config)
    shell.enable_matplotlib("inline")  # figures appear under the cell that made them, as in a kernel
    return shell


def warm() -> None:
    """In the fork server: make the shell that every process forked from it will find, and rehearse a test.

    Whatever Python and torch load, and where memory is written, at a first time, is there in all of them then.
    """
    from course.exercises.descent.sgd_epoch import EXERCISE

    new_shell().run_cell("pass")
    answer({"f": EXERCISE.reference}, EXERCISE.name, "f", 0)


def _own_shell() -> Shell:
    """The one that was made before the fork, moved to this process's home; or a new one."""
    if not Shell.initialized():
        return new_shell()
    shell = Shell.instance()
    shell.init_ipython_dir(None)
    shell.init_profile_dir(None)
    return shell


def _find_own_modules() -> None:
    """Let a notebook import what was handed in beside it; as in a kernel, nothing of Python's own is hidden by that."""
    folders = [os.path.basename(path) for path in sys.path]
    sys.path.insert(folders.index("site-packages") if "site-packages" in folders else 0, "")


class Runner:
    """Serves one notebook's requests until the other side hangs up."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._outputs = channel, Outputs(Record(channel))
        self._shell = _own_shell()
        _find_own_modules()
        self._shell.collect(self._outputs)
        self._running, self._owner = False, os.getpid()
        self._insistence = Insistence(InteractiveShell.run_cell.__code__, answer.__code__)
        self._streams = Stream("stdout", self._outputs), Stream("stderr", self._outputs)
        sys.stdout, sys.stderr = self._streams

    def _interrupt(self, _: int, __: FrameType | None) -> None:
        """Interrupts are for cells; one that comes late is for nobody."""
        if self._running:
            raise KeyboardInterrupt

    def serve(self) -> None:
        """Answer requests."""
        while True:
            try:
                kind, content = receive(self._channel, MAX_REQUEST)
            except Broken:
                return
            if kind == RUN:
                reply = DONE, self._run(content.decode())
                if self._shell.leaving:
                    os._exit(0)  # without a reply: it ended in this cell, not in the next
            elif kind == ASK:
                reply = self._answer(json.loads(content))
            else:
                return
            if os.getpid() != self._owner:
                os._exit(0)  # a cell has forked this process: only one of the two is spoken with
            send(self._channel, *reply)

    def _run(self, source: str) -> bytes:
        """Run a cell; its outputs as JSON."""
        # `store_history` only counts cells here; results are numbered by it.
        _, error = self._interruptible(lambda: self._shell.run_cell(source, store_history=True))
        if error is not None:  # IPython shows errors itself; this one struck outside of the cell's own code
            about = {"output_type": "error", "ename": _name(error), "evalue": "", "traceback": [_name(error)]}
            self._outputs.add(about, SMALLEST)
        return json.dumps(self._outputs.finished(), ensure_ascii=False).encode("utf-8", "replace")

    def _answer(self, request: dict[str, Any]) -> tuple[bytes, bytes]:
        """What a function does on a test's inputs; or why there is no function."""
        name, variable, seed = request["exercise"], request["variable"], request["seed"]
        given, error = self._interruptible(lambda: answer(self._shell.user_ns, name, variable, seed))
        if error is None:
            return ANSWER, given
        about = {"ename": _name(error), "evalue": "" if isinstance(error, KeyboardInterrupt) else _words(error)}
        return FAILED, json.dumps(about).encode()

    def _interruptible(self, action: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        """The action's value, or what it raised; interrupts reach it from here on and no further."""
        self._outputs.clear()
        signal.signal(signal.SIGINT, self._interrupt)  # the last cell may have put something else there
        self._insistence.listen()
        try:
            try:
                self._running = True
                return action(), None
            finally:
                self._running = False
        except BaseException as error:
            self._running = False
            return None, error
        finally:
            self._insistence.rest()
            put_right(*self._streams)


def serve(channel: socket.socket) -> None:
    """Be the process of one submission."""
    import torch  # noqa: F401  (where nothing was forked: nobody's first cell has to wait for it)

    runner = Runner(channel)
    send(channel, READY, b"")
    runner.serve()
