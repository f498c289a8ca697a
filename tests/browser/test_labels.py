"""No word of a picture runs out of its panel or into another one, also where the controls stand at their ends."""

from __future__ import annotations

import re

import pytest

from course import widgets
from course.data import PHOTOS
from course.widgets.shell import Menu

# [panel, what is wrong] for all texts that stick out, or meet another one in their panel.
CLASHES = """() => [...document.querySelectorAll('svg.panel')].flatMap(panel => {
  const edge = panel.getBoundingClientRect();
  const texts = [...panel.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  const out = ([, a]) => a.left < edge.left - 2 || a.right > edge.right + 2 || a.bottom > edge.bottom + 3;
  const meet = ([s, a], [t, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5 && !(s === t && Math.abs(a.left - b.left) < 1);
  return [
    ...texts.filter(out).map(([s]) => `${panel.id}: ${s} sticks out`),
    ...texts.flatMap((a, i) => texts.slice(i + 1).filter(b => meet(a, b)).map(b => `${panel.id}: ${a[0]} / ${b[0]}`)),
  ];
})"""
# As in shell.css, in a font that is wider than most.
STYLE = "<style>svg { font: 12px 'DejaVu Sans', sans-serif; font-variant-numeric: tabular-nums }</style>"


def states(kind):
    """Each control at both ends, all of them there together, and that with each choice of a menu other than a photo."""
    knobs = kind.knobs()
    ends = {name: ((t.values[0], t.values[-1]) if hasattr(t, "values") else (False, True)) for name, t in knobs.items()}
    yield from ({name: v} for name, both in ends.items() for v in both)
    together = [{name: both[i] for name, both in ends.items()} for i in (0, 1)]
    yield from together
    menus = [t for t in knobs.values() if isinstance(t, Menu) and t.values != list(PHOTOS)]
    yield from ({**state, menu.name: v} for menu in menus for v in menu.values for state in together)


@pytest.mark.parametrize("name", widgets.__all__)
def test_words_stay_apart_and_in_their_panel(chrome, name):
    panels = []
    for state in states(getattr(widgets, name)):
        for n, panel in enumerate(getattr(widgets, name)(**state).figure().panels):
            drawn = re.sub("<(?:image|path|rect|circle)[^>]*/>", "", panel.back + panel.front)
            size = f'width="{panel.width}" height="{panel.height}"'
            panels.append(f'<svg class="panel" id="{name} {str(state).replace(chr(34), "")} {n}" {size}>{drawn}</svg>')
    page = chrome.new_page()
    try:
        page.set_content(STYLE + "".join(panels))
        assert page.evaluate(CLASHES) == []
    finally:
        page.close()
