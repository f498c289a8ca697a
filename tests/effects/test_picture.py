"""Pictures carry their alternative text into the notebook."""

from __future__ import annotations

import base64
import io
import re

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from course.effects import Picture, gallery, picture
from course.training import History


def figure() -> Figure:
    drawn = Figure(figsize=(4, 2))
    drawn.subplots().plot([1, 2, 3])
    return drawn


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("from 78.3% to 83.0 %, 100 % right", "from 78.3\u00a0% to 83.0\u00a0%, 100\u00a0% right"),
        ("apart 7e-16 and 4.5e+3", "apart 7·10⁻¹⁶ and 4.5·10³"),
        (
            "Of 38499 windows in 2001, 1097 at η = 1/1024; 0.0046, 1500.5 and 4 916",
            "Of 38\u00a0499 windows in 2001, 1\u00a0097 at η = 1/1024; 0.0046, 1500.5 and 4 916",
        ),
        ("-3.9 points (-27.1), 20-30, x-1, 3e-05", "−3.9 points (−27.1), 20-30, x-1, 3·10⁻⁵"),
    ],
)
def test_numbers_are_written_as_in_the_notebooks(words, shown):
    told = Picture(None, words, words)
    assert (told.alt, told.caption) == (shown, shown)


def test_html_holds_the_image_its_alt_text_and_its_caption():
    html = Picture(figure(), 'a "rising" line <1>', "rises & rises")._repr_html_()
    assert 'alt="a &quot;rising&quot; line &lt;1&gt;"' in html
    assert "<figcaption>rises &amp; rises</figcaption>" in html
    assert "width:384px;max-width:max(100%,256px)" in html, "as wide as the page, but never too small to read"
    data = re.search(r'src="data:image/png;base64,([^"]+)"', html).group(1)
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.size == (2 * 4 * 96, 2 * 2 * 96)
    assert "width:384px" in html


def test_equal_figures_give_equal_bytes():
    assert Picture(figure(), "x").png() == Picture(figure(), "x").png()


def test_without_a_figure_the_words_remain():
    words = Picture(None, "not <now>")
    assert words._repr_html_() == "<p>not &lt;now&gt;</p>"
    assert repr(words) == "not <now>"
    with pytest.raises(ValueError, match="no figure"):
        words.png()


def test_a_training_history_is_shown_with_its_sentence():
    history = History(loss=[2.0, 1.0], lr=[0.1, 0.1], ended="finished")
    shown = picture(history, caption="c")
    assert shown.alt == history.alt
    assert "2 to 1" in shown.alt
    assert picture(figure(), alt="a line").alt == "a line"
    with pytest.raises(ValueError, match="alt="):
        picture(figure())


def test_a_gallery_shows_every_layout_and_asks_for_words():
    images = [torch.rand(3, 5, 7), torch.rand(1, 5, 7), torch.rand(5, 7), torch.randn(5, 7), torch.zeros(2, 2)]
    shown = gallery(images, list("abcde"), "five pictures", "a caption", columns=3)
    assert shown.alt == "five pictures"
    assert [a.get_title() for a in shown.figure.axes] == ["a", "b", "c", "d", "e", ""]
    signed = shown.figure.axes[3].images[0]
    assert signed.norm.vmin == -signed.norm.vmax
    assert shown.figure.axes[2].images[0].norm.vmax == 1
    for wrong in ({"alt": ""}, {"alt": "x", "titles": ["one"]}):
        with pytest.raises(ValueError, match="alt="):
            gallery(images, **wrong)
    with pytest.raises(ValueError, match=r"not \(2, 5, 7\)"):
        gallery([torch.rand(2, 5, 7)], alt="x")
