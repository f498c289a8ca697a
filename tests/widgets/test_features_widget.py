import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import PHOTOS, photos
from course.features import cell_histograms, correlate2d, gradient, hog, normalise_blocks
from course.pixels import to_gray
from course.widgets import HogExplorer, KernelEditor
from course.widgets.features import (
    AROUND,
    BLOCK,
    KERNELS,
    SHOWN,
    SIZE,
    VIEW,
    WEIGHTS,
    description,
    display,
    histograms,
    hog_picture,
    kernel_picture,
    normalised,
    response,
    rose,
    similarity,
    stars,
    strong,
    view,
)
from course.widgets.svg import Frame


def sampled(widget):
    knobs = widget.knobs()
    return st.fixed_dictionaries(
        {name: st.sampled_from(getattr(knob, "values", [True, False])) for name, knob in knobs.items()}
    )


def words(svg: str) -> list[str]:
    return [t.text for t in ET.fromstring(f"<g>{svg}</g>").iter("text")]


GREY = to_gray(photos(SIZE)[0])
LAPLACE = (-1, -1, -1, -1, 8, -1, -1, -1, -1)
kernels = st.lists(st.integers(-9, 9), min_size=9, max_size=9).map(tuple)

# ------------------------------------------------------------------------------------------- kernel editor


@pytest.mark.filterwarnings("error")
@given(sampled(KernelEditor))
@settings(max_examples=25, deadline=None)
def test_every_kernel_has_a_picture_and_a_sentence(state):
    figure = kernel_picture(kernel=tuple(state.pop(name) for name in WEIGHTS), **state)
    ET.fromstring(figure.svg())
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r'href="[^"]*"', "", figure.svg()))
    assert not any("−0" in w.split() for w in words(figure.panels[1].front))
    assert figure.caption.startswith(state["picture"].capitalize())


@given(kernels, st.sampled_from(PHOTOS), st.integers(0, SIZE - 1), st.integers(0, SIZE - 1))
@settings(max_examples=30, deadline=None)
def test_the_sum_shown_is_that_of_the_nine_pixels_shown(kernel, picture, row, column):
    y = correlate2d(GREY[PHOTOS.index(picture)], torch.tensor(kernel).float().view(3, 3))
    assert torch.equal(response(picture, tuple(map(float, kernel))), y)
    *cells, total = words(kernel_picture(picture, kernel, row=row, column=column).panels[1].front)[1:]
    by_hand = sum(k * float(v) for k, v in zip(kernel, cells, strict=True))
    told = float(total.removeprefix("Σ = ").replace("−", "-"))
    assert told == pytest.approx(float(y[row, column]), abs=0.006 * max(1, abs(float(y[row, column]))))
    assert told == pytest.approx(by_hand, abs=0.005 * sum(map(abs, kernel)) + 0.006 * max(1, abs(told)))


def test_the_lectures_kernel_is_the_first_preset_and_finds_edges():
    kernel, divisor, shown = KERNELS["The lecture's"]
    assert (kernel, divisor, shown) == (LAPLACE, 1, "signed")
    flat = correlate2d(torch.full((9, 9), 0.7), torch.tensor(kernel).float().view(3, 3))
    assert flat[1:-1, 1:-1].abs().max() < 1e-5
    assert "add up to 0, so flat places become 0" in kernel_picture().caption


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_does_what_it_is_called(name):
    kernel, divisor, _ = KERNELS[name]
    x = GREY[1]
    y = correlate2d(x, torch.tensor(kernel).view(3, 3) / divisor)
    inner = (slice(1, -1), slice(1, -1))
    rough = [image[inner].diff(dim=1).abs().mean() for image in (x, y)]
    upright, level = torch.zeros(9, 9), torch.zeros(9, 9)
    upright[:, 5:], level[5:] = 1, 1
    on = [
        correlate2d(image, torch.tensor(kernel).view(3, 3) / divisor)[inner].abs().max() for image in (upright, level)
    ]
    assert {
        "The lecture's": y[inner].mean().abs() < 0.01,
        "Identity": torch.equal(y, x),
        "From the left": torch.equal(y[:, 1:], x[:, :-1]),
        "Box blur": torch.allclose(y[inner].mean(), x.mean(), atol=0.01) and rough[1] < rough[0],
        "Sharpen": torch.allclose(y[inner].mean(), x.mean(), atol=0.01) and rough[1] > rough[0],
        "Sobel x": on[0] == 1 and on[1] == 0,
        "Upright edges": on[0] == 1 and on[1] == 0,
        "Sobel y": on[0] == 0 and on[1] == 1,
        "Emboss": torch.allclose(y[inner].mean(), x.mean(), atol=0.05) and not torch.equal(y, y.T),
    }[name]


def test_display_says_what_black_grey_and_white_are():
    y = torch.tensor([[-2.0, 0.0, 1.0, 2.0]]).repeat(1, 100)
    signed, ends = display(y, "signed")
    assert signed[0, :4].tolist() == pytest.approx([0, 0.5, 0.75, 1])
    assert ends == ("≤ −2", "0", "≥ 2")
    size, ends = display(y, "size")
    assert size[0, :4].tolist() == pytest.approx([1, 0, 0.5, 1])
    assert ends == ("0", "1", "≥ 2")
    bright, ends = display(y, "brightness")
    assert bright[0, :4].tolist() == [0, 0, 1, 1]
    assert ends == ("≤ 0", "0.5", "≥ 1")


def test_a_few_strong_responses_do_not_turn_all_others_grey():
    y = torch.full((100, 100), 0.1)
    y[0, 0] = 50.0
    assert strong(y) == pytest.approx(0.1)
    assert strong(torch.zeros(4, 4)) == 1.0
    y.zero_()[0, 0] = -3.0
    assert strong(y) == 3.0


@pytest.mark.parametrize(
    ("kernel", "divisor", "told"),
    [((1,) * 9, 9, "keep their brightness"), ((1,) * 9, 3, "get 3 times"), ((0,) * 9, 1, "become 0")],
)
def test_the_caption_tells_flat_places_by_the_sum(kernel, divisor, told):
    assert told in kernel_picture(kernel=kernel, divisor=divisor).caption


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"picture": "dog"}, "no picture 'dog'"),
        ({"shown": "blue"}, r"no way 'blue' \(signed, size, brightness\)"),
        ({"kernel": (1, 2, 3)}, "nine finite weights"),
        ({"kernel": (float("inf"),) * 9}, "nine finite weights"),
        ({"divisor": 0}, "divisor > 0"),
        ({"row": -1}, "row and column in 0"),
        ({"column": SIZE}, "row and column in 0"),
    ],
)
def test_a_bad_kernel_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        kernel_picture(**state)


def test_the_kernel_editor_shows_the_picture_of_its_knobs():
    widget = KernelEditor()
    assert widget.figure() == kernel_picture()
    assert widget.controls["compact"]
    before, table, after = widget.back
    widget.k11 = 5
    assert widget.figure() == kernel_picture(kernel=(5, *LAPLACE[1:]))
    assert widget.back[0] == before
    assert widget.back[1] != table
    assert widget.back[2] != after
    back = widget.back
    widget.row = 3
    assert widget.back == back, "moving the spot sends no photo"


@pytest.mark.parametrize("name", KernelEditor.presets)
def test_a_kernel_preset_sets_every_knob(name):
    assert set(KernelEditor.presets[name]) == set(KernelEditor.knobs())
    assert KernelEditor(**KernelEditor.presets[name]).shown in SHOWN


# -------------------------------------------------------------------------------------------- HOG explorer

# From the caption of each preset: is the turned photo less like itself than like the most similar other one?
TURNED = {"Turned by 5°": False, "Turned by 30°": True, "Turned by 90°": True, "A round flower": False}


@pytest.mark.parametrize("name", HogExplorer.presets)
def test_a_hog_preset_shows_what_it_says(name):
    preset = HogExplorer.presets[name]
    assert set(preset) == set(HogExplorer.knobs())
    caption = hog_picture(**preset).caption
    assert ("upright is" in caption) == (name in TURNED)
    if name in TURNED:
        key = (preset["cell"], preset["bins"], True)
        upright = description(preset["picture"], 0.0, *key)
        own = similarity(upright, description(preset["picture"], preset["angle"], *key))
        other = max(similarity(upright, description(p, 0.0, *key)) for p in PHOTOS if p != preset["picture"])
        assert (own < other) == TURNED[name]
        assert f"upright is {own:.2f}; " in caption
        assert caption.endswith(f"has {other:.2f}.")


@pytest.mark.filterwarnings("error")
@given(sampled(HogExplorer))
@settings(max_examples=25, deadline=None)
def test_every_hog_state_has_a_picture_and_a_sentence(state):
    figure = hog_picture(**state)
    ET.fromstring(figure.svg())
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r'href="[^"]*"', "", figure.svg()))
    assert figure.caption.startswith(state["picture"].capitalize())
    assert figure == hog_picture(**state)


@pytest.mark.parametrize("normalise", [True, False])
def test_the_numbers_come_from_the_references(normalise):
    gray = to_gray(view("rocket", 20.0))
    cells = cell_histograms(*gradient(gray), 16, 6)
    expected = hog(gray, 6, 16, BLOCK) if normalise else cells.flatten()
    assert torch.equal(description("rocket", 20.0, 16, 6, normalise), expected)
    assert normalise or torch.equal(histograms("rocket", 20.0, 16, 6, normalise), cells)


def test_a_cell_is_drawn_with_the_mean_over_its_blocks():
    plain = torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(0))
    blocks = normalise_blocks(plain, BLOCK)
    drawn = normalised(plain)
    assert torch.allclose(drawn[0, 0], blocks[0, 0, 0, 0])
    middle = torch.stack([blocks[i, j, 2 - i, 1 - j] for i in range(3) for j in range(2)]).mean(0)
    assert torch.allclose(drawn[2, 1], middle)


def test_upright_is_the_photos_middle_and_quarter_turns_are_exact():
    edge = (AROUND - SIZE) // 2
    x = photos(AROUND)[0][0, :, edge:-edge, edge:-edge]
    assert torch.allclose(view("astronaut", 0), x, atol=1e-3)
    assert torch.allclose(view("astronaut", 90), x.rot90(1, (1, 2)), atol=1e-3), "counter-clockwise"
    assert torch.allclose(view("astronaut", -180), x.rot90(2, (1, 2)), atol=1e-3)


def test_no_corner_of_a_turned_photo_is_empty():
    assert AROUND > SIZE * 2**0.5
    for angle in (45, -135):
        x = view("china", angle)
        assert x[:, [0, 0, -1, -1], [0, -1, 0, -1]].amax(0).min() > 0.02


def test_strokes_run_along_the_edge():
    """An upright edge has a gradient of 0°, and its stroke is upright; a level edge has 90°."""
    frame = Frame(0, 0, 100, 100, (0, 1), (1, 0))
    for level in (False, True):
        image = torch.zeros(20, 20)
        if level:
            image[10:] = 1
        else:
            image[:, 10:] = 1
        h = cell_histograms(*gradient(image), 20, 9)
        dx, dy = map(float, stars(h, frame).split("l")[1].split())
        angle = np.rad2deg(np.arctan2(dy, dx)) % 180
        # The middle of the bin: 10° for the bin from 0° to 20°, 90° for the one from 80° to 100°.
        assert angle == pytest.approx(0 if level else 100, abs=1)


def test_a_longer_stroke_is_more_and_none_leaves_its_cell():
    h = torch.tensor([[[1.0, 0.5, 0.0, 0.2]]])
    lines = [line.split("l") for line in stars(h, Frame(0, 0, 40, 40, (0, 1), (1, 0))).split("M")[1:]]
    lengths = [np.hypot(*map(float, d.split())) for _, d in lines]
    assert len(lines) == 3
    assert np.array(lengths) / lengths[0] == pytest.approx([1, 0.5, 0.2], abs=0.02)
    assert lengths[0] <= 40


@pytest.mark.parametrize("bins", [2, 9, 18])
def test_a_rose_has_each_direction_twice_and_marks_the_strongest(bins):
    h = torch.arange(bins).float() + 1
    paths = list(ET.fromstring(f"<g>{rose(h)}</g>").iter("path"))
    assert len(paths) == 2 * bins
    assert [p.get("fill") for p in paths].index("var(--accent)") == 2 * bins - 2
    assert "no gradient" in rose(torch.zeros(bins))


@pytest.mark.parametrize("cell", HogExplorer.knobs()["cell"].values)
def test_the_last_pixel_belongs_to_the_last_cell(cell):
    figure = hog_picture(cell=cell, row=SIZE - 1, column=SIZE - 1)
    last = SIZE // cell - 1
    assert f"In cell ({last}, {last})" in figure.caption
    box = next(ET.fromstring(f"<g>{figure.panels[1].front}</g>").iter("rect"))
    assert float(box.get("x")) + float(box.get("width")) == pytest.approx(VIEW.left + VIEW.width, abs=0.1)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"picture": "dog"}, "no picture 'dog'; there are astronaut"),
        ({"angle": float("nan")}, "finite angle"),
        ({"cell": 0}, "cell in 1 … 53"),
        ({"cell": 54}, "cell in 1 … 53"),
        ({"bins": 0}, "bins ≥ 1"),
        ({"row": SIZE}, "row and column in 0"),
    ],
)
def test_a_bad_hog_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        hog_picture(**state)


def test_the_hog_explorer_shows_the_picture_of_its_knobs():
    widget = HogExplorer(picture="rocket", angle=15)
    assert widget.figure() == hog_picture("rocket", 15)
    photo, strokes, _ = widget.back
    widget.row = 20
    assert widget.back[:2] == [photo, strokes], "moving the box sends no photo"
    widget.angle = 17  # between two stops of the slider
    assert widget.figure() == hog_picture("rocket", 17, row=20)
    widget.normalise = False
    assert "not normalised" in widget.caption
