"""What instructors open after grading, in a real browser: nothing of a student's runs in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook

from course import exercises
from course.authoring import fill
from course.authoring.notebook import instructor_notebook, text_of
from course.authoring.source import load
from course.bench.browser import jupyterlab
from course.grading.batch.run import Plan, autograde
from course.grading.batch.task import grade
from course.grading.classroom import Classroom
from course.grading.forkserver import ForkServer
from course.grading.report.page import render, summarise
from course.grading.sandbox import launch
from tests.grading.conftest import ASSIGNMENT, FILE, source

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
PAYLOAD = """
<script>window.pwned = 1; alert(1)</script><img src=x onerror="window.pwned = 2"><svg onload="window.pwned = 3"></svg>
<iframe srcdoc="<script>parent.pwned = 4</script>"></iframe><a id="trap" href="javascript:window.pwned = 5">click</a>
<details open ontoggle="window.pwned = 6">x</details>
<div id="cover" style="position:fixed;inset:0;z-index:9999">1/1</div>
<form action="/formgrader/api/grade/1" method="post"><input name="manual_score" value="100"></form>
<style>.score { display: none }</style><img src="https://evil.example/who.png">
"""
works = pytest.mark.skipif(bool(launch.obstacle("bubblewrap")), reason=launch.obstacle("bubblewrap"))
pytestmark = works


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    """A graded class of one student, who tries to run something wherever text is shown."""
    place = tmp_path_factory.mktemp("pages")
    text = place / "descent.py"
    text.write_text(source(), encoding="utf-8")
    blank = text_of(instructor_notebook(load(text, exercises, place), exercises)).encode()
    made = Classroom.create(place / "class", ASSIGNMENT, {FILE: blank})
    notebook = fill(made.notebook(), {"gd_step": f"def gd_step(w, grad, lr):\n    raise ValueError({PAYLOAD!r})"})
    show = f"from IPython.display import HTML, SVG, Javascript, Markdown, display\nbad = {PAYLOAD!r}\n"
    show += "for kind in (HTML, Markdown, Javascript): display(kind(bad))\nprint(bad)\n"
    show += "display({'image/svg+xml': '<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"pwned=7\"/>'}, raw=True)\n"
    show += "display({'image/png': '\" onerror=\"window.pwned=8'}, raw=True)\nraise ValueError(bad)"
    notebook.cells[1:1] = [new_code_cell(show, metadata={"tags": ['"><script>pwned=9</script>']})]
    answer = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "question-why")
    answer.source = f"**Because** it goes down. ![mine](attachment:mine.png) {PAYLOAD}"
    answer.attachments = {"mine.png": {"image/png": PIXEL}}
    notebook.cells.append(new_markdown_cell(PAYLOAD))
    notebook.metadata.title = "</title><script>window.pwned = 10</script>"
    made.submit("mallory", {FILE: notebook})

    def engine(assignment: Any, sandbox: Any) -> Any:
        return lambda tasks: ((task, grade(task, assignment, sandbox, server.address)) for task in tasks)

    with ForkServer(launch.available()) as server:
        (outcome,) = autograde(made, Plan(["mallory"]), engine=engine).outcomes
    assert (outcome.score, outcome.waiting, outcome.failed) == (0, 4, False)
    made.feedback("mallory")
    return made


@pytest.fixture
def opened(chrome: Any) -> Iterator[Callable[[str], Any]]:
    """Opens a page and notes what it runs and where it knocks."""
    context = chrome.new_context(viewport={"width": 1100, "height": 900})

    def open_it(url: str) -> Any:
        page = context.new_page()
        page.noted = []
        page.on("dialog", lambda dialog: (page.noted.append(dialog.message), dialog.dismiss()))
        page.on(
            "request", lambda r: page.noted.append(r.url) if "evil.example" in r.url or r.method == "POST" else None
        )
        page.goto(url)
        page.wait_for_timeout(500)
        return page

    yield open_it
    context.close()


def harmless(page: Any) -> None:
    """Nothing ran, nothing was asked for, nothing lies over the page, and a click on the trap does nothing."""
    for link in page.get_by_text("click", exact=True).all():
        link.click(timeout=2_000)
    assert page.evaluate("window.pwned") is None
    assert page.noted == []
    assert page.locator("#cover, #trap, iframe[srcdoc], form input[name=manual_score]").count() == 0
    covering = "e => getComputedStyle(e).position === 'fixed' && e.innerText.trim() === '1/1'"
    assert page.evaluate(f"[...document.querySelectorAll('div')].some({covering})") is False


def test_feedback(classroom: Classroom, opened: Callable[[str], Any]) -> None:
    (page_file,) = (classroom.folder / "feedback/mallory" / ASSIGNMENT).glob("*.html")
    page = opened(page_file.as_uri())
    harmless(page)
    assert page.get_by_text("Because", exact=True).is_visible()
    assert page.locator(f'img[src="data:image/png;base64,{PIXEL}"]').count() == 1, "a picture that was pasted is shown"
    page.screenshot(path=Path(__file__).parents[2] / "artefacts" / "feedback-hostile.png", full_page=True)


def test_formgrader(classroom: Classroom, opened: Callable[[str], Any], tmp_path: Path) -> None:
    with Gradebook(f"sqlite:///{classroom.folder}/gradebook.db") as gradebook:
        (notebook,) = gradebook.find_submission(ASSIGNMENT, "mallory").notebooks
        number = notebook.id
    with jupyterlab(tmp_path, classroom.folder) as lab:
        page = opened(f"{lab.url}/formgrader/submissions/{number}/?index=0")
        page.get_by_text("Because", exact=True).wait_for()
        harmless(page)
        assert page.locator(".score").first.is_visible()
        page.screenshot(path=Path(__file__).parents[2] / "artefacts" / "formgrader-hostile.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report(scheme: str, classroom: Classroom, chrome: Any, tmp_path: Path) -> None:
    page_file = tmp_path / "report.html"
    page_file.write_text(render(summarise(classroom), ASSIGNMENT), encoding="utf-8")
    context = chrome.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.get_by_role("heading", name="Where the class is stuck").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "a phone scrolls sideways"
    page.screenshot(path=Path(__file__).parents[2] / "artefacts" / f"report-{scheme}.png", full_page=True)
    context.close()
