"""The notebooks as their users run them: solved, blank, and through nbgrader's validation.

Kernels are forked from one process that has imported torch; the browser's tests start theirs from nothing.
"""

import os
import uuid
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from course import exercises
from course.authoring import solved
from course.check.report import VERDICT_MIME
from course.grading.provisioner import GradingProvisioner

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ("effects.get(", "guess.show(", "NAMES.show(", "compare(")
SECTIONS = [(f"{p.parent.name}", p.stem) for p in sorted(ROOT.glob("notebooks/*/*.ipynb"))]
pytestmark = pytest.mark.slow
each = pytest.mark.parametrize(("folder", "section"), SECTIONS)


def blank(folder: str, section: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / folder / f"{section}.ipynb", as_version=4)


def tasks(section: str) -> set[str]:
    """Names of all that is checked: exercises and challenges."""
    return {task.name for task in (*exercises.of_section(section), *exercises.challenges(section))}


def kernel_manager() -> KernelManager:
    """Of a kernel that is forked: importing torch takes longer than most notebooks do."""
    manager = KernelManager(kernel_name="python3", kernel_id=str(uuid.uuid4()))
    manager.provisioner = GradingProvisioner(
        kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager, unsafe_no_sandbox=True
    )
    return manager


def execute(notebook: nbformat.NotebookNode, folder: str, environment: dict[str, str] | None = None):
    resources = {"metadata": {"path": str(ROOT / "notebooks" / folder)}}
    client = NotebookClient(notebook, km=kernel_manager(), timeout=120, resources=resources, allow_errors=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    environment.pop("COURSE_SEED", None)
    return client.execute(env=environment, cleanup_kc=True)  # by default only for managers of its own


def verdicts(notebook: nbformat.NotebookNode) -> dict[str, dict]:
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    rows = [o.data[VERDICT_MIME] for o in outputs if VERDICT_MIME in o.get("data", {})]
    return {row["exercise"]: row for row in rows}


def troubles(notebook: nbformat.NotebookNode) -> list[str]:
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    return [
        o.get("text", "") or o.get("evalue", "")
        for o in outputs
        if o.output_type == "error" or o.get("name") == "stderr"
    ]


@each
def test_solved_notebook_earns_everything(folder, section):
    notebook = execute(solved(section, ROOT), folder)
    assert troubles(notebook) == []
    rows = verdicts(notebook)
    assert set(rows) == tasks(section)
    assert all(row["points"] == row["max_points"] for row in rows.values())
    pictures = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "<img" in str(o.get("data"))]
    assert len(pictures) >= 4
    assert all('alt="' in str(o.data) for o in pictures)


def without_experiments(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """They do not depend on what a student writes, and the solved notebook runs them."""
    for cell in notebook.cells:
        lines = cell.source.splitlines()
        if cell.cell_type == "code":
            cell.source = "\n".join(line for line in lines if not line.startswith(EXPERIMENTS))
    return notebook


@each
def test_blank_notebook_runs_from_top_to_bottom_and_earns_nothing(folder, section):
    notebook = execute(without_experiments(blank(folder, section)), folder)
    rows = verdicts(notebook)
    assert set(rows) == tasks(section)
    assert all(row["points"] == 0 for row in rows.values())
    given = {e.name for e in exercises.of_section(section) if e.given}
    assert {n for n, row in rows.items() if row["status"] == "unwritten"} == set(rows) - given
    assert troubles(notebook) == []


def failed_validation(notebook: nbformat.NotebookNode, path: Path) -> list[str]:
    """Sources of the checks that nbgrader's validation (the button Validate) reports as failed."""
    from nbgrader.validator import Validator

    nbformat.write(notebook, path)
    results = Validator().validate(str(path))
    assert not results.get("changed")
    assert not results.get("type_changed")
    sources = [cell["source"] for cell in results.get("failed", [])]
    return [source for source in sources if source.startswith("check(")]  # an empty written answer fails, too


@pytest.mark.parametrize(("folder", "section"), [s for s in SECTIONS if s[1] in ("descent", "recipe")])
def test_validation_finds_no_fault_with_a_solved_notebook(folder, section, tmp_path):
    assert failed_validation(solved(section, ROOT), tmp_path / f"{section}.ipynb") == []


@pytest.mark.parametrize(("folder", "section"), SECTIONS[3:4])  # the others differ in their exercises only
def test_validation_fails_each_check_of_a_blank_notebook(folder, section, tmp_path):
    names = [e.name for e in exercises.of_section(section)]
    sources = failed_validation(blank(folder, section), tmp_path / f"{section}.ipynb")
    assert len(sources) == len(names)
    assert all(any(name in source for source in sources) for name in names)
