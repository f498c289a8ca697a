"""`course site` as it is typed: what it refuses, what it says, and what it keeps from students."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course.cli import app
from course.site import Site, builder, command
from course.site.execute import Executed, Page

pytest.importorskip("sphinx", reason="needs the extra site")
ROOT = Path(__file__).parents[2]


def invoke(*arguments):
    return CliRunner().invoke(app, ["site", *map(str, arguments)])


def flat(text):
    return " ".join(text.split())


def test_an_unknown_section_is_met_with_near_ones(tmp_path):
    found = invoke("decent", "--output", tmp_path / "site")
    assert found.exit_code == 1
    assert "did you mean descent" in flat(found.output)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for output in (tmp_path, tmp_path / "thesis.tex"):
        found = invoke("descent", "--output", output)
        assert found.exit_code == 1
        assert "holds something else than a site" in flat(found.output)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_what_is_missing_is_named_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "NEEDED", {"json": "json", "no_such_sphinx": "Sphinx", "no_such_theme": "Furo"})
    found = invoke("descent", "--output", tmp_path / "site")
    assert found.exit_code == 1
    assert "Sphinx and Furo are missing: `uv sync --extra site`" in flat(found.output)


def test_rows_and_complaints(tmp_path, monkeypatch):
    done = [
        Executed(Page(s, f"03_{s}", None, True), None, seconds) for s, seconds in (("descent", 12.5), ("depth", 0.0))
    ]
    made = Site(tmp_path / "site", done, ["ledger.md:3: WARNING: no such page"])
    monkeypatch.setattr(command, "build", lambda *_: made)
    found = invoke("--json", tmp_path / "rows.json")
    assert found.exit_code == 1
    assert "no such page" in found.output
    assert "2 notebooks (1 run now)" in flat(found.output)
    assert json.loads((tmp_path / "rows.json").read_text()) == [
        {"section": "descent", "page": "03_descent/descent.html", "seconds": 12.5},
        {"section": "depth", "page": "03_depth/depth.html", "seconds": 0.0},
    ]


def test_without_solutions_there_are_none(monkeypatch):
    from course import equivalences
    from course.site import pages

    monkeypatch.setattr(equivalences, "page", lambda: "")
    listed = pages.chapters(ROOT)
    assert (len(listed), {c.section for c in listed if c.points <= 0 or c.minutes <= 0 or not c.about}) == (11, set())
    for solutions in (True, False):
        page = builder._page(ROOT, "descent", "03_descent", solutions)
        code = "\n".join(cell.source for cell in page.notebook.cells)
        assert ("return w - lr * grad" in code) == solutions
        texts = pages.texts(ROOT, listed, [page], solutions)
        assert ("grading.md" in texts) == ("grading" in texts["index.md"]) == solutions
        assert (
            ("**unit gradient**" in texts["exercises.md"]) == ("known mistakes" in texts["exercises.md"]) == solutions
        )
        assert "Cross-entropy without overflow" in texts["exercises.md"]
        assert "Integral image" not in texts["exercises.md"]  # of a notebook that was not asked for


def test_tests_have_what_a_site_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["project"]["optional-dependencies"]["site"]) <= set(project["dependency-groups"]["dev"])
