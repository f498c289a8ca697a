"""The site as somebody reads it: on a phone, from a folder without a network, by day and by night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("sphinx", reason="needs the extra site")

from bs4 import BeautifulSoup

from course.authoring import solved
from course.equivalences import Equivalence
from course.site import Site, builder

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
PAGES = (
    "index.html",
    "03_descent/descent.html",
    "exercises.html",
    "equivalences.html",
    "ledger.html",
    "grading.html",
    "api/index.html",
    "api/augmentation.html",
    "genindex.html",
)

BROKEN_PICTURES = """async () => {
  const broken = [];
  for (const image of document.images) {
    image.loading = 'eager';
    try { await image.decode(); } catch { broken.push(image.outerHTML.slice(0, 120)); }
  }
  return broken;
}"""

# What is wider than the window, unless a box of its own scrolls (the theme's box around all of it would, too).
TOO_WIDE = """() => [...document.querySelectorAll('article *')].filter(e => {
  const box = e.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1) return false;
  for (let a = e.parentElement; a.tagName !== 'ARTICLE'; a = a.parentElement)
    if (getComputedStyle(a).overflowX !== 'visible') return false;
  return true;
}).map(e => e.outerHTML.slice(0, 120))"""

# Contrast (WCAG 2.2) of every piece of text in the article, with what shines through it from behind.
CONTRASTS = """() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const pen = canvas.getContext('2d', { willReadFrequently: true }), known = new Map();
  const numbers = colour => {
    if (!known.has(colour)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
  const behind = e => {
    const layers = [];
    for (; e; e = e.parentElement) layers.unshift(numbers(getComputedStyle(e).backgroundColor));
    return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const luminance = c => c.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const texts = document.createTreeWalker(document.querySelector('article'), NodeFilter.SHOW_TEXT), found = [];
  for (let t; t = texts.nextNode();) {
    const e = t.parentElement;
    if (!t.textContent.trim() || !e.checkVisibility() || e.closest('.headerlink')) continue;
    let opacity = 1;
    for (let a = e; a; a = a.parentElement) opacity *= getComputedStyle(a).opacity;
    const paper = behind(e), [r, g, b, a = 1] = numbers(getComputedStyle(e).color);
    const [low, high] = [luminance(over([r, g, b, a * opacity], paper)), luminance(paper)].sort((a, b) => a - b);
    found.push([(high + .05) / (low + .05), t.textContent.trim().slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}"""


RUN = ("import torch", "from course.widgets", "def cross_entropy", 'check("descent.cross', "guess", "progress(")


def short(section: str, root: Path) -> Any:
    """The solved notebook with a cell of each kind, and none that trains."""
    notebook = solved(section, root)
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.source.startswith(RUN):
            cell.source = "print('left out')"
    return notebook


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site with one notebook, which a kernel has run; equivalences have tests of their own."""
    place = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "solved", short)
        patch.setattr(Equivalence, "largest_difference", lambda self, seeds: 0.0)
        return builder.build(ROOT, place / "html", ["descent"], kept=place / "kept")


@pytest.fixture
def page(chrome: Any) -> Iterator[Any]:
    """A phone; whatever its pages ask for elsewhere, miss or complain about fails the test."""
    context = chrome.new_context(viewport=PHONE)
    page, complaints = context.new_page(), []
    page.set_default_timeout(10_000)
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else complaints.append(r.url))
    page.on("requestfailed", lambda r: complaints.append(r.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not complaints


def test_sphinx_has_nothing_to_complain_about(site: Site) -> None:
    assert site.warnings == []
    assert [done.seconds > 0 for done in site.notebooks] == [True]


def test_every_link_leads_somewhere(site: Site) -> None:
    read = {path: BeautifulSoup(path.read_text(), "html.parser") for path in site.folder.rglob("*.html")}
    ids = {path: {e["id"] for e in soup.find_all(id=True)} for path, soup in read.items()}
    followed = 0
    for path, soup in read.items():
        assert soup.title.text.strip()
        assert len(soup.find_all("h1")) == (path.name != "search.html"), path  # there, a script writes it
        assert not soup.find_all(role="heading", attrs={"aria-level": None}), path
        assert not [th for th in soup.find_all("th") if not th.text.strip() and not th.get("aria-label")], path
        for summary in soup.find_all("summary", attrs={"aria-label": True}):
            assert summary["aria-label"] in summary.text, path
        for link in [*soup.find_all("a", href=True), *soup.find_all("link", href=True)]:
            target = urlsplit(link["href"])
            if target.scheme:
                assert link.name == "a", f"{path} takes something from {link['href']}"
                continue
            there = (path.parent / unquote(target.path)).resolve() if target.path else path
            assert there.is_file(), f"{path} links to {link['href']}"
            if target.fragment and there in ids:
                assert unquote(target.fragment) in ids[there], f"{path} links to {link['href']}"
            followed += 1
    assert followed > 1000


def test_pages_fit_a_phone_and_can_be_read_by_day_and_by_night(site: Site, page: Any) -> None:
    for name in PAGES:
        page.goto(f"file://{site.folder / name}")
        assert page.evaluate(BROKEN_PICTURES) == [], name
        assert page.evaluate("[...document.images].filter(i => !i.alt).length") == 0, name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        assert page.evaluate(TOO_WIDE) == [], name
        papers = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            contrasts = page.evaluate(CONTRASTS)
            assert len(contrasts) > 10
            assert contrasts[0][0] >= 4.5, (name, scheme, contrasts[:5])
            papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(papers) == 2


def test_a_notebook_shows_what_came_out(site: Site, page: Any) -> None:
    page.goto(f"file://{site.folder / '03_descent/descent.html'}")
    still = page.locator("img[src$='.svg'][alt*='momentum']").first
    assert still.bounding_box()["height"] > 100
    drawing = page.locator("img[src$='loop.svg']")
    assert "update the weights;" in drawing.get_attribute("alt"), "its lines must not run into each other"
    assert drawing.bounding_box()["width"] > 550, "else nobody can read it on a phone"
    assert page.get_by_text("✓ right").count() == 1
    text = page.locator("article").inner_text()
    for raw in ("$", "\\frac", "application/vnd", "Descent(children", "{{", "BEGIN SOLUTION"):
        assert raw not in text
    measured = page.locator("details:has(figure)").first
    assert not measured.locator("img").is_visible()
    measured.locator("summary").first.click()
    assert measured.locator("img").is_visible()
    assert "What was measured" in measured.inner_text()


def test_formulas_are_drawn_with_the_sites_own_font(site: Site, page: Any) -> None:
    page.goto(f"file://{site.folder / '03_descent/descent.html'}")
    page.evaluate("document.fonts.ready.then(() => 0)")
    assert page.evaluate("""[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)""")
    assert page.locator("math").count() > 50
    assert page.locator(".formula math[display='block']").count() > 3
    fraction = page.locator(".formula mfrac").first.bounding_box()
    assert fraction["height"] > 25


def test_the_search_works_without_a_server(site: Site, page: Any) -> None:
    page.goto(f"file://{site.folder / 'search.html'}?q=momentum")
    page.get_by_text("Search finished").wait_for()
    page.locator("#search-results a").get_by_text("03 · Descent", exact=True).first.click()
    page.wait_for_url("**/descent.html*")


def test_on_paper_nothing_is_cut_off_or_covered(site: Site, page: Any) -> None:
    page.set_viewport_size({"width": 700, "height": 990})  # A4, less its margins
    page.goto(f"file://{site.folder / '03_descent/descent.html'}")
    page.emulate_media(media="print")
    assert (
        page.evaluate(
            "() => [...document.querySelectorAll('article pre')].filter(e => e.scrollWidth > e.clientWidth).length"
        )
        == 0
    )
    for alone in (".skip-to-content", ".related-pages", ".back-to-top"):
        assert not any(e.is_visible() for e in page.locator(alone).all()), alone


# Words that stick out of a drawing, or of the smallest box around their middle (of equal ones, the one on top).
STICKING_OUT = """() => {
  const svg = document.querySelector('svg'), { width, height, x, y } = svg.viewBox.baseVal;
  const boxes = [{ x, y, width, height }, ...[...svg.querySelectorAll('rect')].map(r => r.getBBox())];
  return [...svg.querySelectorAll('text')].filter(text => {
    const { x, y, width, height } = text.getBBox(), [u, v] = [x + width / 2, y + height / 2];
    const around = boxes.filter(b => b.x < u && u < b.x + b.width && b.y < v && v < b.y + b.height);
    const box = around.reduce((a, b) => b.width * b.height <= a.width * a.height ? b : a, boxes[0]);
    return x < box.x + 2 || x + width > box.x + box.width - 2;
  }).map(text => text.textContent);
}"""


def test_words_stay_within_drawings_and_their_boxes(page: Any) -> None:
    drawings = sorted((ROOT / "solutions").glob("*/figures/*.svg"))
    assert len(drawings) > 10
    bad = {}
    for drawing in drawings:
        page.set_content(drawing.read_text(encoding="utf-8"))
        if found := page.evaluate(STICKING_OUT):
            bad[drawing.name] = found
    assert not bad
