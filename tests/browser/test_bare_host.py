"""Widgets in a page that is no JupyterLab, as VS Code and Colab are none: no variables of its theme, no CSS of its own.

The host here is anywidget's contract and no more: `render({ model, el })`, and a model with get, set, save_changes, on
and off. Python answers as a kernel would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from course.widgets import Descent
from course.widgets.choice import Choice
from tests.browser.conftest import CONTRAST, keep

MODEL = """async ([esm, css, state, id]) => {
  const heard = {}, changed = {};
  const put = (name, value) => {
    if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
    state[name] = value;
    (heard[`change:${name}`] ?? []).forEach(f => f());
  };
  const model = {
    get: name => state[name],
    set: (name, value) => { changed[name] = value; put(name, value); },
    save_changes: () => kernel(id, changed).then(news => Object.entries(news).forEach(([n, v]) => put(n, v))),
    on: (event, f) => (heard[event] ??= []).push(f),
    off: (event, f) => (heard[event] = heard[event].filter(g => g !== f)),
  };
  const el = document.querySelector('#host').appendChild(document.createElement('div'));
  document.head.append(Object.assign(document.createElement('style'), { textContent: css }));
  const { default: widget } = await import(URL.createObjectURL(new Blob([esm], { type: 'text/javascript' })));
  await widget.render({ model, el });
}"""
STATE = ("controls", "back", "front", "caption", "idle", "question", "options", "chosen")

# How a host may look: its page, and the box that the widget is in.
HOSTS = {
    "light": ("background: #ffffff; color: #202020", ""),
    "dark": ("background: #1e1e1e; color: #cccccc", ""),
    "white box on a dark page": ("background: #1e1e1e; color: #cccccc", "background: white"),
    "dark behind a transparent page": ("color: #cccccc", ""),
}


@pytest.fixture(scope="module")
def page(chrome: Any) -> Iterator[Any]:
    """Both kinds of widget in one bare page; whatever they fetch or complain about fails the test."""
    widgets = [Descent(), Choice(question="Which?", options=["this", "that"])]
    page, wrong = chrome.new_page(viewport={"width": 820, "height": 760}), []
    page.on("request", lambda r: None if r.url.startswith(("blob:", "data:")) else wrong.append(r.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def kernel(at: int, changed: dict[str, Any]) -> dict[str, Any]:
        for name, value in changed.items():
            setattr(widgets[at], name, value)
        return told(widgets[at])

    page.expose_function("kernel", kernel)
    page.set_content("<!doctype html><html lang=en><title>Host</title><body><div id=host></div>")
    for at, widget in enumerate(widgets):
        page.evaluate(MODEL, [str(widget._esm), str(widget._css), told(widget), at])
    yield page
    page.close()
    assert wrong == []


def told(widget: Any) -> dict[str, Any]:
    """What the front end gets."""
    knobs = tuple(widget.knobs()) if isinstance(widget, Descent) else ()
    return {name: getattr(widget, name) for name in (*STATE, *knobs) if hasattr(widget, name)}


@pytest.mark.parametrize("host", HOSTS)
def test_it_is_legible_on_whatever_it_lies(page: Any, host: str) -> None:
    body, box = HOSTS[host]
    page.evaluate(
        "([body, box]) => { document.querySelector('#host').style = box; document.body.style = body; }", [body, box]
    )
    page.wait_for_timeout(100)
    explorable, choice = page.locator(".explorable"), page.locator(".choice")
    assert explorable.locator(".panels svg").first.bounding_box()["height"] > 200
    dark = host.startswith("dark")
    assert explorable.evaluate("e => e.classList.contains('dark')") == dark
    paper = explorable.evaluate("e => getComputedStyle(e).getPropertyValue('--paper').trim()")
    assert paper in {"#181818", "rgb(30, 30, 30)"} if dark else paper == "rgb(255, 255, 255)"
    assert explorable.evaluate(CONTRAST) >= 4.5
    ink = choice.evaluate("e => getComputedStyle(e).color")
    assert ink == ("rgb(230, 230, 230)" if dark else "rgb(34, 34, 34)")
    keep(page, f"bare-{host.replace(' ', '-')}")


def test_it_reacts(page: Any) -> None:
    caption = page.locator(".explorable figcaption")
    before = caption.inner_text()
    page.locator("[aria-label='momentum α']").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("old => document.querySelector('.explorable figcaption').innerText !== old", arg=before)
    page.get_by_role("button", name="Escapes").click()
    page.wait_for_function("document.querySelector('.explorable figcaption').innerText.startsWith('Local minimum')")
    page.locator(".choice input").first.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_text("Noted. Now run the next cell.").wait_for()
