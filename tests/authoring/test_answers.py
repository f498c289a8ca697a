"""Notebooks as students would hand them in."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

from course.authoring import AuthoringError, build, fill, find_root, solutions, solved


@pytest.fixture
def built(checkout, registry):
    build(checkout, exercises=registry)
    return checkout


def test_solved_is_the_student_notebook_with_the_solutions_in_it(built):
    blank = nbformat.read(built / "notebooks/01_slopes/slopes.ipynb", as_version=4)
    full = solved("slopes", built)

    assert [c.id for c in full.cells] == [c.id for c in blank.cells]
    assert [c.metadata for c in full.cells] == [c.metadata for c in blank.cells]
    assert full.metadata == blank.metadata
    changed = {f.id: f.source for f, b in zip(full.cells, blank.cells, strict=True) if f.source != b.source}
    assert changed == {
        "halve": 'def halve(x):\n    """Half of x."""\n    the_half_of_it = x / 2\n    return the_half_of_it',
        "total": "def total(numbers):\n    result = 0\n    for number in numbers:\n"
        "        result += number  # adds up\n    return result",
        "question-why_smaller": "Because two halves make a whole, and both are positive.",
    }
    assert changed == solutions("01_slopes", built)


def test_fill_changes_the_named_cells_of_a_copy_only(built):
    path = built / "notebooks/01_slopes/slopes.ipynb"
    blank = nbformat.read(path, as_version=4)
    before = nbformat.writes(blank)
    filled = fill(blank, {"slopes.halve": "def halve(x):\n    return x", "question-why_smaller": "I do not know."})

    assert nbformat.writes(blank) == before
    by_id = {c.id: c.source for c in filled.cells}
    assert by_id["halve"] == "def halve(x):\n    return x"
    assert by_id["question-why_smaller"] == "I do not know."
    assert by_id["total"] == next(c.source for c in blank.cells if c.id == "total")
    assert fill(path, {"slopes.halve": "x"}).cells[3].source == "x", "a path will do, too"


@pytest.mark.parametrize("name", ["slopes.halv", "check-halve", "question-why"])
def test_fill_lists_near_matches(built, name):
    with pytest.raises(AuthoringError, match=r"no solution cell for .*; it has .*(halve|why_smaller)"):
        fill(built / "notebooks/01_slopes/slopes.ipynb", {name: "x"})


def test_solved_needs_a_built_notebook(checkout):
    with pytest.raises(AuthoringError, match="run `course build slopes` first"):
        solved("slopes", checkout)


def test_the_checkout_is_found_from_below(built, monkeypatch):
    monkeypatch.chdir(built / "notebooks" / "01_slopes")
    assert find_root() == built
    assert "halve" in solutions("slopes")


@pytest.mark.slow
def test_nbgrader_takes_the_solved_notebook_as_it_took_the_blank_one(built, tmp_path, monkeypatch):
    """No cell of it has changed type, no locked cell differs: only answers were filled in."""
    full = solved("slopes", built)
    full.cells = [c for c in full.cells if "nbgrader" in c.metadata]
    for cell in full.cells:  # what is asked of nbgrader here needs no exercise: a check that is always right
        if cell.metadata.nbgrader.grade_id.startswith("given-"):
            cell.source = "def check(name, function):\n    return 3.0 if 'total' in name else 2.0"
            del cell.metadata["nbgrader"]
    path = tmp_path / "slopes.ipynb"
    nbformat.write(full, path)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "validate", str(path)], capture_output=True, text=True, cwd=tmp_path
    )
    assert "Success! Your notebook passes all the tests." in done.stdout, done.stdout + done.stderr
