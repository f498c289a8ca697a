import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course.widgets.svg import (
    INKS,
    Figure,
    Frame,
    Panel,
    arrow,
    crosshair,
    dots,
    number,
    paragraph,
    photo,
    pixels,
    polyline,
    power_of_ten,
    tag,
    text,
    thinned,
)

FRAME = Frame(40, 20, 300, 200, x=(-2, 2), y=(0, 10))
anything = st.floats(allow_nan=True, allow_infinity=True)


def test_a_tag_escapes_its_attributes_and_leaves_none_out():
    assert tag("path", d="M0 0", stroke_width=2, fill=None) == '<path d="M0 0" stroke-width="2"/>'
    assert ET.fromstring(text(1, 2, 'a < b & "c"', font_family='"x"')).text == 'a < b & "c"'


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.02, "0.02"), (-1.6, "−1.6"), (60, "60"), (0, "0"), (2e-5, "2·10⁻⁵"), (1e6, "10⁶"), (-3e7, "−3·10⁷")],
)
def test_numbers_are_written_for_readers(value, words):
    assert number(value) == words


def test_powers_of_ten_on_an_axis():
    assert [power_of_ten(e) for e in (-4, 0, 2)] == ["10⁻⁴", "1", "10²"]


def test_a_frame_puts_its_corners_at_its_corners():
    assert FRAME.at([(-2, 10), (2, 0), (0, 5)]).tolist() == [[40, 20], [340, 220], [190, 120]]


def test_a_logarithmic_frame_spaces_powers_evenly():
    frame = Frame(0, 0, 100, 80, x=(0, 1), y=(1e-6, 1e2), log=True)
    assert np.allclose(frame.at([(0, 10.0**e) for e in (2, 0, -2, -4, -6)])[:, 1], [0, 20, 40, 60, 80])


@pytest.mark.filterwarnings("error")
@given(st.lists(st.tuples(anything, anything), min_size=1, max_size=5), st.booleans())
def test_whatever_the_data_the_pixels_can_be_drawn(points, log):
    frame = Frame(0, 0, 100, 80, x=(0, 1), y=(1e-6, 1e2), log=log)
    pixels = frame.at(points)
    assert np.isfinite(pixels).all()
    assert np.abs(pixels).max() <= 1e4
    assert "nan" not in polyline(pixels)


def test_a_line_ends_where_its_points_do_however_many_there_are():
    points = np.stack([np.linspace(0, 300, 1000), 40 * np.sin(np.linspace(0, 9, 1000))], 1)
    for way in (polyline(points), dots(points)):
        steps = np.array([float(n) for n in re.findall(r"-?\d+\.?\d*", way.replace("h0", ""))]).reshape(-1, 2)
        assert np.abs(steps.cumsum(0) - points).max() < 0.051  # rounding to tenths, which does not add up
    assert (polyline(points[:1]), dots(points[:0])) == ("M0 0", "")


@pytest.mark.parametrize(("radius", "most"), [(20, 70), (150, 90), (1500, 300)])
def test_a_thinned_circle_has_few_points_and_is_a_circle_still(radius, most):
    around = np.linspace(0, 2 * np.pi, 5000)
    ring = thinned(radius * np.stack([np.cos(around), np.sin(around)], 1))
    assert len(ring) <= most
    assert np.allclose(ring[0], ring[-1])
    middles = (ring[1:] + ring[:-1]) / 2
    assert radius - np.hypot(*middles.T).min() < 0.35


def test_thinning_keeps_corners():
    square = np.array([[0, 0], [5, 0], [10, 0], [10, 5], [10, 10], [5, 10], [0, 10], [0, 5], [0, 0]])
    assert thinned(square, length=99).tolist() == [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]


def test_pixels_are_kept_as_they_are_and_clear_where_they_should_be():
    image = np.stack([np.linspace(0, 1, 12).reshape(3, 4), np.eye(3, 4)])
    element = ET.fromstring(pixels(image, 1, 2, 40, 30))
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(element.get("href").partition(",")[2]))))
    assert np.array_equal(decoded, (image * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
    assert "pixelated" in element.get("style")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_photo_is_a_jpeg_of_the_picture(channels):
    image = np.broadcast_to(np.linspace(0, 1, 16)[None, None, :], (channels, 12, 16))
    element = ET.fromstring(photo(image, 1, 2, 160, 120))
    data = base64.b64decode(element.get("href").removeprefix("data:image/jpeg;base64,"))
    decoded = np.asarray(Image.open(io.BytesIO(data)), dtype=float) / 255
    assert decoded.shape[:2] == (12, 16)
    assert np.abs(decoded - image.transpose(1, 2, 0).squeeze()).max() < 0.05


def test_a_photo_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(1 or 3, H, W\), got \(16, 16, 3\)"):
        photo(np.zeros((16, 16, 3)), 0, 0, 10, 10)


def test_a_paragraph_breaks_into_lines_that_fit_and_says_where_it_ends():
    words = "An edge is where brightness changes from one pixel to the next, & nothing more."
    drawn, end = paragraph(10, 50, words, width=140, size=10, leading=1.5)
    lines = list(ET.fromstring(f"<g>{drawn}</g>"))
    assert " ".join(line.text for line in lines) == words
    assert all(len(line.text) * 5.6 <= 140 for line in lines)
    assert [float(line.get("y")) for line in lines] == [50 + 15 * i for i in range(len(lines))]
    assert end == 50 + 15 * len(lines)
    assert paragraph(10, 50, "", 140) == ("", 50)


def test_an_arrow_ends_where_it_points():
    numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*", ET.fromstring(arrow(10, 20, 12)).get("d"))]
    x, y, length, *head = numbers
    assert (x, y, length) == (10, 20, 12)
    assert head == [-4, -3.5, 4, 3.5, -4, 3.5], "back, to the tip, back"


def test_a_crosshair_shows_on_dark_and_on_light():
    dark, light = ET.fromstring(f"<g>{crosshair(50, 40, 6)}</g>")
    assert dark.get("d") == light.get("d")
    assert dark.get("d").startswith("M44.0 34.0h12.0v12.0h-12.0z")
    assert float(dark.get("stroke-width")) > float(light.get("stroke-width"))
    assert {dark.get("stroke"), light.get("stroke")} == {"#000000", "#ffffff"}


def test_a_still_stands_alone():
    ink = tag("rect", width=5, height=5, fill="var(--ink)")
    figure = Figure((Panel(100, 80, ink, ""), Panel(60, 90, "", text(1, 1, "α"))), 'loss < 1 & "done"')
    root = ET.fromstring(figure.svg())
    assert root.get("viewBox") == "0 0 172 90"
    assert "var(" not in figure.svg()
    assert INKS["ink"] in figure.svg()
    assert figure.svg().count("http") == 1  # the namespace
    image = ET.fromstring(figure.still().removesuffix(">") + "/>")
    assert image.get("alt") == 'loss < 1 & "done"'
    assert base64.b64decode(image.get("src").partition(",")[2]).decode() == figure.svg()


def test_an_unknown_colour_is_no_silent_black():
    with pytest.raises(KeyError, match="teal"):
        Figure((Panel(10, 10, tag("rect", fill="var(--teal)"), ""),), "").svg()
