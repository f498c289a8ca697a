"""Ctrl+C while `course site` is at work: it ends soon, kills its kernels, and leaves the older site as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course.cli import app

pytest.importorskip("sphinx", reason="needs the extra site")

from course.site import builder, pages

ROOT = Path(__file__).parents[2]
SAYS = "Interrupted. Notebooks that have run are kept; the same command goes on from there."

# `course site descent depth`, but the first notebook is soon done, and the second waits for ever.
COMMAND = """
import sys
from pathlib import Path
from nbformat.v4 import new_code_cell, new_notebook
from types import SimpleNamespace
from course.site import builder, command, pages
from course.site.execute import Page

CELLS = {"descent": "1", "depth": "import os, time; open('begun', 'w').write(str(os.getpid())); time.sleep(600)"}

def page(root, section, folder, solved):
    return Page(section, folder, new_notebook(cells=[new_code_cell(CELLS[section], id="cell")]), solved)

builder._page = page
pages.chapters = lambda *_: [SimpleNamespace(section=s, folder=f) for s, f in zip(CELLS, ("03_descent", "09_depth"))]
root, output = map(Path, sys.argv[1:])
command.main(("descent", "depth"), output, True, 2, root, None)
"""


@pytest.fixture
def older(tmp_path):
    """A site from before."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / builder.MARK).write_text("")
    (tmp_path / "site" / "index.html").write_text("from before")
    return tmp_path / "site"


def left_alone(older):
    return sorted(p.name for p in older.iterdir()) == sorted([builder.MARK, "index.html"]) and not list(
        older.parent.glob(".site-*")
    )


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{process}/status").read_text() if Path("/proc").is_dir() else True


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
def test_while_notebooks_run(tmp_path, older):
    (tmp_path / "course").symlink_to(ROOT / "course")
    for name in ("03_descent", "09_depth"):
        (tmp_path / "notebooks" / name).mkdir(parents=True)
    begun, kept = tmp_path / "notebooks" / "09_depth" / "begun", tmp_path / "build" / "site-notebooks"
    # As in a terminal, where Ctrl+C reaches the whole group.
    run = subprocess.Popen(
        [sys.executable, "-c", COMMAND, tmp_path, older],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        end = time.monotonic() + 90
        while not (begun.exists() and begun.read_text() and list(kept.glob("descent-*"))):
            assert run.poll() is None, run.stdout.read()
            assert time.monotonic() < end, "the notebooks do not run"
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        said, _ = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130
    assert SAYS in " ".join(said.split())
    assert "Traceback" not in said
    assert left_alone(older)
    assert [p.name.partition("-")[0] for p in kept.iterdir()] == ["descent"]
    assert not alive(int(begun.read_text())), "its kernel goes on"


def test_while_pages_are_written(tmp_path, older, monkeypatch):
    def interrupted(source, made, *_):
        made.mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(builder, "execute", lambda pages, *_: [])
    monkeypatch.setattr(pages, "texts", lambda *_: {})
    monkeypatch.setattr(builder, "_sphinx", interrupted)
    found = CliRunner().invoke(app, ["site", "descent", "--output", str(older)])
    assert found.exit_code == 130
    assert SAYS in " ".join(found.output.split())
    assert left_alone(older)
