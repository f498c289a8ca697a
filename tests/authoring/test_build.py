"""`course build`: source → instructor notebook → student notebook, and what the committed one is worth."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course import authoring
from course.authoring import AuthoringError, build

ROOT = Path(__file__).parents[2]


def student(checkout: Path) -> nbformat.NotebookNode:
    return nbformat.read(checkout / "notebooks/01_slopes/slopes.ipynb", as_version=4)


def cells(notebook: nbformat.NotebookNode) -> dict[str, nbformat.NotebookNode]:
    return {c.id: c for c in notebook.cells}


def test_students_get_stubs_and_faulty_code_but_no_solution(checkout, registry):
    built = build(checkout, exercises=registry)

    assert [(b.folder, b.section, b.status, b.exercises, b.points) for b in built] == [
        ("01_slopes", "slopes", "written", 2, 9.0)
    ]
    by_id = cells(student(checkout))
    halve = by_id["halve"].source
    assert halve.startswith('def halve(x):\n    """Half of x."""\n    #')
    assert halve.endswith('\n    raise NotImplementedError("your code is not written yet")')
    assert by_id["total"].source == (
        "def total(numbers):\n    result = 1\n    for number in numbers:\n        # multiplies?\n"
        "        result *= number\n\n    return result"
    )
    everything = (checkout / "notebooks/01_slopes/slopes.ipynb").read_text()
    for secret in ("the_half_of_it", "two halves make a whole", "adds up", "SOLUTION", "### STUDENT"):
        assert secret not in everything


def test_cells_carry_nbgraders_metadata(checkout, registry):
    build(checkout, exercises=registry)
    by_id = cells(student(checkout))

    def role(name):
        m = by_id[name].metadata.nbgrader
        return m.grade_id, m.solution, m.grade, m.locked, m.get("points")

    assert role("halve") == ("halve", True, False, False, None)
    assert role("check-halve") == ("check-halve", False, True, True, 2)
    assert role("check-total") == ("check-total", False, True, True, 3)
    assert role("question-why_smaller") == ("question-why_smaller", True, True, False, 4)
    (given,) = [i for i in by_id if i.startswith("given-")]
    assert role(given) == (given, False, False, True, None)
    assert by_id["check-halve"].metadata.editable is False
    assert "checksum" in by_id["check-halve"].metadata.nbgrader
    free = [c for c in by_id.values() if "nbgrader" not in c.metadata]
    assert {c.cell_type for c in free} == {"markdown", "code"}
    assert student(checkout).metadata.kernelspec.name == "python3"


def test_tokens_become_text(checkout, registry):
    build(checkout, exercises=registry)
    text = "\n".join(c.source for c in student(checkout).cells)

    assert "**Exercise** · 2 points · about 5 minutes · difficulty ●○○" in text
    assert "**Question** · 4 points · about 5 minutes · graded by a person" in text
    assert "| 2 | Add up | 3 | 10 | ●●● |" in text
    assert "| | **Together** | **9** | **20** | |" in text
    assert "{{" not in text


def test_only_the_notebook_and_its_pictures_reach_students(checkout, registry):
    build(checkout, exercises=registry)

    for folder in (checkout / "notebooks/01_slopes", checkout / "build/instructor/01_slopes"):
        files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        assert files == ["figures/slope.svg", "slopes.ipynb"]


def test_a_picture_that_is_gone_is_not_released_by_nbgrader_later(checkout, registry):
    old = checkout / "build/instructor/01_slopes/figures/old.svg"
    old.parent.mkdir(parents=True)
    old.touch()
    build(checkout, exercises=registry)
    assert not old.exists()


def test_notebooks_are_the_same_wherever_and_whenever_they_are_built(checkout, registry, tmp_path, monkeypatch):
    build(checkout, exercises=registry)
    first = (checkout / "notebooks/01_slopes/slopes.ipynb").read_bytes()
    elsewhere = tmp_path / "elsewhere" / "clone"
    shutil.copytree(checkout / "solutions", elsewhere / "solutions")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    build(elsewhere, exercises=registry)

    assert (elsewhere / "notebooks/01_slopes/slopes.ipynb").read_bytes() == first
    assert str(tmp_path) not in first.decode()
    assert sys.version.split()[0] not in first.decode()
    notebook = json.loads(first)
    assert all(not c.get("outputs") and c.get("execution_count") is None for c in notebook["cells"])


def test_building_twice_writes_nothing_the_second_time(checkout, registry):
    build(checkout, exercises=registry)
    path = checkout / "notebooks/01_slopes/slopes.ipynb"
    before = path.stat().st_mtime_ns
    assert [b.status for b in build(checkout, exercises=registry)] == ["current"]
    assert path.stat().st_mtime_ns == before


def test_check_tells_current_stale_missing_and_surplus(checkout, registry):
    def check():
        return {b.folder: (b.status, b.ok, b.files) for b in build(checkout, check=True, exercises=registry)}

    assert check()["01_slopes"][0] == "missing"
    assert not (checkout / "notebooks/01_slopes").exists()
    assert not (checkout / "build").exists(), "a check writes nothing"

    build(checkout, exercises=registry)
    assert check()["01_slopes"][:2] == ("current", True)

    path = checkout / "notebooks/01_slopes/slopes.ipynb"
    path.write_text(path.read_text().replace("Halve", "Double"))
    assert check()["01_slopes"][:2] == ("stale", False)

    build(checkout, exercises=registry)
    (checkout / "notebooks/01_slopes/mine.png").touch()
    (checkout / "notebooks/02_gone").mkdir()
    (checkout / "notebooks/02_gone/gone.ipynb").touch()
    found = check()
    assert found["01_slopes"] == (
        "surplus",
        False,
        {
            "01_slopes/slopes.ipynb": "current",
            "01_slopes/figures/slope.svg": "current",
            "01_slopes/mine.png": "surplus",
        },
    )
    assert found["02_gone"][0] == "surplus"


def test_advice_says_what_to_do(checkout, registry):
    (stale,) = build(checkout, check=True, exercises=registry)
    assert "01_slopes/slopes.ipynb" in stale.advice()
    assert "course build" in stale.advice()
    (written,) = build(checkout, exercises=registry)
    assert written.advice() == ""


def test_a_broken_source_leaves_the_built_notebooks_alone(checkout, registry):
    build(checkout, exercises=registry)
    path = checkout / "notebooks/01_slopes/slopes.ipynb"
    before = path.read_bytes()
    source = checkout / "solutions/01_slopes/slopes.py"
    source.write_text(source.read_text().replace("return the_half_of_it", "return the_half_of_it)"))
    with pytest.raises(authoring.SourceError):
        build(checkout, exercises=registry)
    assert path.read_bytes() == before


def test_an_interrupted_build_leaves_nothing_half_written(checkout, registry, monkeypatch):
    build(checkout, exercises=registry)
    path = checkout / "notebooks/01_slopes/slopes.ipynb"
    before = path.read_bytes()
    source = checkout / "solutions/01_slopes/slopes.py"
    source.write_text(source.read_text().replace("# # Slopes", "# # Steep slopes"))

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(checkout, exercises=registry)
    assert path.read_bytes() == before
    assert not list(checkout.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["slopes", "01_slopes", "solutions/01_slopes/", "solutions/01_slopes/slopes.py"])
def test_sections_can_be_named_in_several_ways(checkout, registry, name):
    assert [b.section for b in build(checkout, [name], exercises=registry)] == ["slopes"]


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda root: ["slope"], "did you mean slopes"),
        (lambda root: shutil.rmtree(root / "solutions"), "no sources in"),
        (lambda root: (root / "solutions/01_slopes/slopes.py").unlink(), "solutions/01_slopes/slopes.py is missing"),
        (lambda root: (root / "solutions/2_curves").mkdir(), "names look like 03_descent"),
        (lambda root: (root / "solutions/02_slopes").mkdir(), "has that name too"),
    ],
)
def test_what_cannot_be_built_is_explained(checkout, registry, prepare, says):
    sections = prepare(checkout)
    with pytest.raises(AuthoringError, match=says):
        build(checkout, sections if isinstance(sections, list) else None, exercises=registry)


@pytest.mark.slow
def test_plain_nbgrader_makes_the_same_notebook(checkout, registry):
    """`nbgrader generate_assignment` from a shell, with the configuration of this repository and a real gradebook."""
    build(checkout, exercises=registry)
    ours = (checkout / "notebooks/01_slopes/slopes.ipynb").read_bytes()
    shutil.rmtree(checkout / "notebooks/01_slopes")
    shutil.rmtree(checkout / "course")  # else Python would take the little fake for our package
    shutil.copy(ROOT / "nbgrader_config.py", checkout)
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", "01_slopes"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (checkout / "notebooks/01_slopes/slopes.ipynb").read_bytes() == ours
    assert (checkout / "notebooks/01_slopes/figures/slope.svg").exists()
    assert (checkout / "gradebook.db").exists()
