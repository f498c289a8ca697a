"""What hostile, broken and unlucky submissions do: the same to every grader, in a notebook made for it.

Each is known to be safe for a machine on which the sandbox holds. What fills memory, disk or the table of processes is
not among them (`LEFT_OUT`): `tests/grading` tries it on our grader alone, whose limits are known to hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nbformat import NotebookNode

from course.bench.hostile.forgers import FORGERS
from course.bench.hostile.notebooks import Notebooks
from course.bench.hostile.world import DROP, SCRIPT
from course.grading.roster import Files

LEFT_OUT = (
    "a fork bomb",
    "memory bombs",
    "a disk filler",
    "gigabytes of output",
    "kill −9 to all processes",
    "attempts at the system's privileges (namespaces, mounts, ptrace, raw sockets)",
)

DEADLOCK = """
import signal, threading
signal.signal(signal.SIGINT, signal.SIG_IGN)
lock = threading.Lock()
lock.acquire()
lock.acquire()
"""
FLOOD = "for _ in range(3000): print('x' * 10_000)"  # 30 megabytes


def daemon(marker: str) -> str:
    """Leave a process behind, in a session of its own where that can be had."""
    return f"""
import subprocess, sys
line = [sys.executable, "-c", "import time; time.sleep(600)", {marker!r}]
for own_session in (True, False):
    try:
        subprocess.Popen(line, start_new_session=own_session)
        print("started")
    except OSError as error:
        print(type(error).__name__)
"""


# Who judges in the same process can be replaced there: otter's comparison, and ours.
JUDGE, STUB = FORGERS["patches-the-judge"]
PATCHED = f"""try:
    import otter.test_files.ok_test
    otter.test_files.ok_test.run_doctest = lambda *_: (True, "")
except ImportError:
    pass
{JUDGE}"""

# Whoever asks in the same process has the right answer there: in the frame that calls, or in a file of tests.
PEEK = """
import ast, sys
def peek(name, given):
    frame = sys._getframe(2)
    if "wanted" in frame.f_globals:
        return frame.f_globals["wanted"]
    if "wanted" in frame.f_locals:
        return frame.f_locals["wanted"]
    spec = {}
    exec(open(f"tests/{name}.py").read(), spec)
    for case in spec["test"]["suites"][0]["cases"]:
        asked, wanted, *_ = ast.parse(case["code"].splitlines()[0].removeprefix(">>> ")).body[0].value.args
        inputs = [eval(ast.unparse(a)) for a in asked.args]
        if all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(inputs, given)):
            return eval(ast.unparse(wanted))
"""


@dataclass(frozen=True)
class Desk:
    """Where an attack is written: the assignment, and what its author knows of the grader's machine."""

    filename: str
    notebooks: Notebooks
    usual: Mapping[str, Callable[[], Files]]
    secrets: Mapping[str, str]
    world: str
    gradebook: str
    port: int
    marker: str

    def solved_with(self, text: str) -> NotebookNode:
        """The solved notebook with a cell between its two exercises."""
        return self.notebooks.with_cell(text, after="check-cross_entropy")


@dataclass(frozen=True)
class Attack:
    """One submission.

    Attributes:
        name: in a word.
        about: what it does, for people.
        write: the notebook, or files.
        honest: whether its exercises are solved: it deserves all points, and otherwise none.
        neighbour: whether honest work is graded after it, to see whether that suffers.
        links: symbolic links beside the notebook, by name, to things in the world.
        page: whether a feedback page is made of it and looked at.
    """

    name: str
    about: str
    write: Callable[[Desk], NotebookNode | Files]
    honest: bool = True
    neighbour: bool = True
    links: Mapping[str, str] | None = None
    page: bool = False


def _forger(cell: str, stub: str) -> Callable[[Desk], NotebookNode]:
    return lambda desk: desk.notebooks.forged(cell, {"gd_step": stub})


def _forge(about: str, name: str) -> Attack:
    return Attack(name, about, _forger(*FORGERS[name]), honest=False, neighbour=False)


def _usual(about: str, name: str, honest: bool = True, neighbour: bool = False) -> Attack:
    return Attack(name, about, lambda desk: desk.usual[name](), honest, neighbour)


def _beside(name: str, about: str, cell: str) -> Attack:
    return Attack(name, about, lambda desk: desk.solved_with(cell))


def _calls_the_reference(desk: Desk) -> NotebookNode:
    names = ("cross_entropy", "gd_step")
    return desk.notebooks.forged("import course", {n: f"from course.descent import {n}" for n in names})


def _peeks(desk: Desk) -> NotebookNode:
    answers = {
        "cross_entropy": 'def cross_entropy(logits, y):\n    return peek("cross_entropy", (logits, y))',
        "gd_step": 'def gd_step(w, grad, lr):\n    return peek("gd_step", (w, grad, lr))',
    }
    return desk.notebooks.forged(PEEK, answers)


def _rewritten(desk: Desk) -> NotebookNode:
    return desk.notebooks.rewritten("1.0")


def _edits_the_gradebook(desk: Desk) -> NotebookNode:
    cell = f"""import sqlite3
with sqlite3.connect("file:{desk.gradebook}?mode=rw", uri=True, timeout=5) as book:
    book.execute("update grade set manual_score = 100")"""
    return desk.notebooks.forged(cell, {})


def _reads(desk: Desk) -> NotebookNode:
    return desk.solved_with(f"""
import re
for name, path in {dict(desk.secrets)}.items():
    try:
        found = re.findall(rb"canary-[a-z]+-[0-9a-f]{{16}}", open(path, "rb").read())
        print(name, found)
        open(f"{desk.world}/{DROP}/{{name}}", "wb").write(b" ".join(found))
    except OSError as error:
        print(name, type(error).__name__)
""")


def _writes(desk: Desk) -> NotebookNode:
    paths = [desk.secrets[name] for name in ("home", "neighbour")]
    return desk.solved_with(f"""
for path in {[*paths, f"{desk.world}/{DROP}/new"]}:
    try:
        open(path, "w").write("was here")
    except OSError as error:
        print(path, type(error).__name__)
""")


def _connects(desk: Desk) -> NotebookNode:
    return desk.solved_with(f"""
import socket
socket.create_connection(("127.0.0.1", {desk.port}), 3).sendall(b"here I am")
""")


SCRIPTS = f"""
from IPython.display import HTML, Javascript, Markdown, display
display(HTML("<script>{SCRIPT}()</script><img src=x onerror='{SCRIPT}()'>"))
display(Markdown("<img src=x onerror='{SCRIPT}()'>"), Javascript("{SCRIPT}()"))
"""

ATTACKS = (
    Attack("honest", "no attack: everything solved", lambda desk: desk.notebooks.solved),
    # Nothing is solved, and points are claimed.
    Attack("patches-the-judge", "replaces what compares", _forger(PATCHED, STUB), False, False),
    _forge("replaces torch's comparisons", "patches-torch"),
    _forge("returns an object that says it is equal", "lies-as-a-tensor"),
    _forge("replaces the text of every cell to come", "rewrites-every-cell"),
    Attack("peeks", "takes the right answer from whoever asks", _peeks, False, False),
    Attack("tests-edited", "tests unlocked, rewritten, outputs forged", _rewritten, False, False),
    Attack("skip-execution", "a tag: tests are not to be run", lambda desk: desk.notebooks.tagged(), False, False),
    Attack("edits-the-gradebook", "gives itself points in gradebook.db", _edits_the_gradebook, honest=False),
    Attack("calls-the-reference", "imports the course library's answers", _calls_the_reference, False, False),
    _usual("no notebook, a text file of its name", "not-a-notebook", honest=False, neighbour=True),
    # Everything is solved, and something else is in the notebook.
    _usual("a test is gone", "test-deleted"),
    _usual("a test is there twice", "test-duplicated"),
    _usual("every test says 100 points", "points-changed"),
    _beside("endless-loop", "while True: pass, between two exercises", "while True: pass"),
    _beside("deadlock", "waits for ever and ignores interrupts", DEADLOCK),
    _usual("os._exit between two exercises", "kernel-crashes", neighbour=True),
    _beside("floods", "prints 30 MB", FLOOD),
    Attack("daemon", "leaves a process behind", lambda desk: desk.solved_with(daemon(desk.marker)), neighbour=False),
    Attack("reads", "reads solutions, gradebook, home, a neighbour's work", _reads, neighbour=False),
    Attack("links", "hands in a link to a file in the grader's home",
           lambda desk: desk.solved_with("print(open('notes.txt').read())"), neighbour=False,
           links={"notes.txt": "home/secret"}),
    Attack("writes", "overwrites a neighbour's work and a file in the home", _writes),
    Attack("connects", "connects to a server", _connects, neighbour=False),
    Attack("scripts", "HTML and JavaScript in outputs", lambda desk: desk.solved_with(SCRIPTS),
           neighbour=False, page=True),
)  # fmt: skip
