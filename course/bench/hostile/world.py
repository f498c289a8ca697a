"""A folder that stands for an instructor's machine: a class, a home with a secret, a server. Who has touched what?

    world/class   the course directory: solutions, submissions, gradebook
    world/home    HOME of the command that grades, with a secret
    world/drop    an empty folder that nobody has to write to

`play` lets commands grade there and says what came of it, in plain data. `serve` does so in the sandbox, for graders
that run submissions with the rights of whoever calls them: the sandbox's own walls and limits are around all of it.
What `serve` answers was said where hostile code had run. The attacks are known, and none of them forges this.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

CLASS, HOME, DROP = "class", "home", "drop"
ATTACKER, NEIGHBOUR = "attacker", "neighbour"
SECRET = re.compile(rb"canary-[a-z]+-[0-9a-f]{16}")
SCRIPT = "canary_script"
ANSWER_BYTES = 1 << 20
Seen = dict[str, Any]


def serve(channel: socket.socket) -> None:
    """Within the walls: hear what to do, do it, answer; one line of JSON each."""
    with channel.makefile("rwb") as line:
        spec = json.loads(line.readline())
        try:
            answer = play(Path.cwd(), spec)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        line.write(json.dumps(answer).encode() + b"\n")


def play(world: Path, spec: Seen) -> Seen:
    """Grade the attacker and the neighbour, one command after the other, and look at what has happened.

    Args:
        world: the folder.
        spec: commands, page_commands, limit (seconds for each command), links, port, marker, watched, scripts,
            reader: plain data, made by `graders`.
    """
    for name, target in spec["links"].items():
        (world / name).symlink_to(world / target)
    before = _digests(world, spec["watched"])
    seen: Seen = {"exit": [], "ended": True}
    with _server(spec["port"]) as knocks:
        started = time.perf_counter()
        for command in spec["commands"]:
            code, said = _run(command, world, spec["scripts"], spec["limit"])
            seen["exit"].append(code)
            seen.setdefault("said", said)
            seen["ended"] &= code is not None
        seen["seconds"] = round(time.perf_counter() - started, 1)
        time.sleep(0.2)
        seen["left_running"] = bool(_running(spec["marker"]))
        seen["knocked"] = bool(knocks)
    seen["changed"] = sorted(n for n, digest in _digests(world, spec["watched"]).items() if digest != before[n])
    seen["dropped"] = bool(os.listdir(world / DROP))
    seen["read"] = sorted(_leaked(world))
    for command in spec["page_commands"] if seen["ended"] else ():
        _run(command, world, spec["scripts"], 60)
    seen["page"] = _page(world)
    return seen | READERS[spec["reader"]](world / CLASS, spec["assignment"])


def _run(command: Sequence[str], world: Path, scripts: str, limit: float) -> tuple[int | None, str]:
    """The exit code and the last words; None if it did not end in time, and was ended."""
    path = os.pathsep.join((scripts, sysconfig.get_path("scripts"), os.environ.get("PATH", "")))
    env = {**os.environ, "PATH": path, "HOME": str(world / HOME)}
    with open(world / "said", "w+b") as said:
        process = subprocess.Popen(
            command, cwd=world / CLASS, env=env, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        code: int | None = None
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if code is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(max(0, said.tell() - 20_000))
        return code, said.read().decode(errors="replace")


@contextlib.contextmanager
def _server(port: int) -> Iterator[list[bytes]]:
    """A server that this machine reaches; in the list is what it was told."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", port)) as door:

        def listen() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = door.accept()
                    with line:
                        line.settimeout(1)
                        heard.append(b"")
                        heard[-1] = line.recv(100)

        threading.Thread(target=listen, daemon=True).start()
        yield heard
        door.shutdown(socket.SHUT_RDWR)


def _digests(world: Path, watched: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in watched:
        try:
            found[name] = hashlib.sha256((world / name).read_bytes()).hexdigest()
        except OSError as error:
            found[name] = type(error).__name__
    return found


def _leaked(world: Path) -> set[str]:
    """Whose secrets lie where the attacker's results are, or where things can be dropped."""
    places = [world / DROP, *(world / CLASS / part / ATTACKER for part in ("autograded", "results"))]
    return {
        secret.decode().split("-")[1]
        for place in places
        for path in place.rglob("*")
        if path.is_file() and path.stat().st_size < 200_000_000
        for secret in SECRET.findall(path.read_bytes())
    }


def _running(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if marker.encode() in path.read_bytes() else []
    return found


# --------------------------------------------------------------------------------------------- what was recorded


def _from_gradebook(folder: Path, assignment: str) -> Seen:
    """Points of the gradebook; None where nothing was autograded."""
    from nbgrader.api import Gradebook, MissingEntry

    points: dict[str, float | None] = {}
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        for student in (ATTACKER, NEIGHBOUR):
            try:
                score = book.find_submission(assignment, student).score
            except MissingEntry:
                score = None
            graded = any((folder / "autograded" / student / assignment).glob("*.ipynb"))
            points[student] = score if graded else None
    return {"points": points}


def _from_results(folder: Path, _: str) -> Seen:
    """Points of otter's results.json, and what it says."""
    points: dict[str, float | None] = {}
    words = ""
    for student in (ATTACKER, NEIGHBOUR):
        try:
            results = json.loads((folder / "results" / student / "results.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            points[student] = None
            continue
        tests = results["tests"]
        points[student] = results.get("score", sum(test.get("score", 0) for test in tests))
        if student == ATTACKER:
            said = [t["output"].strip() for t in tests if t.get("status") == "failed"]
            words = " ".join(text.splitlines()[0] for text in said if text)
    return {"points": points, "words": words}


READERS = {"gradebook": _from_gradebook, "results": _from_results}


class _Scripts(HTMLParser):
    """Whether a page would run what the submission wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.found = self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script"
        self.found |= any(name.startswith("on") and SCRIPT in (value or "") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.found |= self._inside and SCRIPT in data

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag != "script"


def _page(world: Path) -> str:
    pages = sorted((world / CLASS / "feedback" / ATTACKER).rglob("*.html"))
    if not pages:
        return "none"
    parser = _Scripts()
    parser.feed(pages[0].read_text(encoding="utf-8", errors="replace"))
    return "runs scripts" if parser.found else "clean"
