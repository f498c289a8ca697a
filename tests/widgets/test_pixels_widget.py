import re
import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import PHOTOS, photos
from course.pixels import nearest_neighbour, to_gray
from course.widgets import PixelInspector
from course.widgets.pixels import (
    CHANNELS,
    PICTURE,
    SIZE,
    changed,
    distances,
    inspector_picture,
    numbers,
    pixel,
    seen,
    share,
    stored,
    thousands,
)

knobs = PixelInspector.knobs()
states = st.fixed_dictionaries({name: st.sampled_from(knob.values) for name, knob in knobs.items()})
ORIGINALS = photos(SIZE)[0]

# What the section says about pixels, as it must show in the captions; each number there is measured.
STORY = {
    "Just numbers": "Nothing is changed",
    "One channel": "Nothing is changed",
    "Brightness": "Nothing is changed",
    "Moved by 4": "still says astronaut",
    "Moved by 16": "takes it for cat",
    "At dusk": "takes it for rocket",
    "Blurred": "still says astronaut",
}


def words(svg: str) -> list[str]:
    return [t.text for t in ET.fromstring(f"<g>{svg}</g>").iter("text")]


@pytest.mark.parametrize("name", PixelInspector.presets)
def test_a_preset_shows_what_it_says(name):
    preset = PixelInspector.presets[name]
    assert STORY[name] in inspector_picture(**preset).caption
    assert set(preset) == set(knobs), "a preset that leaves a knob alone shows something else each time"


def test_moved_far_enough_a_photo_is_further_from_itself_than_another_is():
    near, far = (distances("astronaut", 1.0, shift, 0.0)[0] for shift in (4, 16))
    own = PHOTOS.index("astronaut")
    assert near[own] == min(near)
    assert far[own] > min(far)
    assert distances("astronaut", 1.0, 4, 0.0)[2] > 0.85, "nearly all numbers change at once"


@pytest.mark.filterwarnings("error")
@given(states)
@settings(max_examples=30, deadline=None)
def test_every_state_has_a_picture_and_a_sentence(state):
    figure = inspector_picture(**state)
    ET.fromstring(figure.svg())
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r'href="[^"]*"', "", figure.svg()))
    assert figure.caption.startswith(f"{state['picture'].capitalize()}, row {state['row']}, column {state['column']}: ")
    untouched = state["brightness"] == 1 and not state["shift"] and not state["sigma"]
    assert untouched == ("Nothing is changed" in figure.caption)
    assert figure == inspector_picture(**state)


@given(states)
@settings(max_examples=20, deadline=None)
def test_distances_are_those_of_the_references(state):
    key = (state["picture"], state["brightness"], state["shift"], state["sigma"])
    far, guess, new = distances(*key)
    x = changed(*key)
    assert torch.allclose(torch.tensor(far), torch.cdist(x.flatten()[None], ORIGINALS.flatten(1))[0], atol=0.05)
    assert guess == PHOTOS[int(nearest_neighbour(ORIGINALS, torch.arange(6), x[None]))]
    assert new == pytest.approx(
        float((stored(x) != stored(ORIGINALS[PHOTOS.index(state["picture"])])).double().mean()), abs=1e-6
    )


def test_a_shift_moves_to_the_right_and_repeats_the_edge():
    x, y = ORIGINALS[1], changed("cat", 1.0, 5, 0.0)
    assert torch.equal(y[..., 5:], x[..., :-5])
    assert torch.equal(y[..., :5], x[..., :1].expand(-1, -1, 5))


def test_a_blur_keeps_the_mean_and_calms_the_rest():
    x, y = ORIGINALS[5], changed("flower", 1.0, 0, 2.0)
    assert y.mean() == pytest.approx(float(x.mean()), abs=0.005)
    assert y.diff(dim=-1).abs().mean() < 0.5 * x.diff(dim=-1).abs().mean()
    assert y[:, 0].mean() == pytest.approx(float(x[:, :4].mean()), abs=0.02), "no dark border"


def test_brightness_is_a_factor_and_is_cut_off_at_white():
    assert torch.allclose(changed("coffee", 0.5, 0, 0.0), ORIGINALS[2] / 2)
    assert changed("coffee", 2.0, 0, 0.0).max() == 1


def test_the_originals_are_left_alone():
    before = ORIGINALS.clone()
    changed("astronaut", 0.1, 3, 1.0)
    assert torch.equal(photos(SIZE)[0], before)


@pytest.mark.parametrize(("channel", "side"), [("colour", 7), ("green", 9), ("grey", 9)])
def test_the_table_holds_the_numbers_around_the_crosshair(channel, side):
    row, column, reach = 60, 83, side // 2
    x = seen(ORIGINALS[1], channel)
    expected = stored(x[:, row - reach : row + reach + 1, column - reach : column + reach + 1]).permute(1, 2, 0)
    shown = [int(w) for w in words(numbers(x, column, row, side)) if w.isdigit()]
    assert shown == expected.flatten().tolist()


@pytest.mark.parametrize(("row", "column", "count"), [(0, 0, 25), (0, SIZE - 1, 25), (SIZE - 1, 2, 35), (2, 80, 63)])
def test_beyond_the_edge_there_are_no_numbers(row, column, count):
    drawn = numbers(seen(ORIGINALS[0], "grey"), column, row, 9)
    assert sum(w.isdigit() for w in words(drawn)) == count
    rects = [r for r in ET.fromstring(f"<g>{drawn}</g>").iter("rect") if r.get("fill", "").startswith("rgb")]
    for r in rects:
        assert PICTURE.left - 0.1 <= float(r.get("x")) <= PICTURE.left + PICTURE.width
        assert PICTURE.top - 0.1 <= float(r.get("y")) <= PICTURE.top + PICTURE.height


def test_the_channels_are_red_green_blue_and_luma():
    x = ORIGINALS[0]
    for i, name in enumerate(CHANNELS[1:4]):
        assert torch.equal(seen(x, name), x[i : i + 1])
    assert torch.equal(seen(x, "grey"), to_gray(x)[None])
    assert seen(x, "colour") is x


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_numbers_are_legible_on_every_colour(rgb):
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    ink = 1.0 if 'fill="#ffffff"' in pixel(list(rgb), 0, 0, 30) else 0.0
    dark, light = sorted((ink, luminance))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("part", "shown"), [(0, "0 %"), (1e-5, "1 %"), (0.506, "51 %"), (0.9999, "99 %"), (1, "100 %")]
)
def test_a_share_is_rounded_but_never_to_all_or_nothing(part, shown):
    assert share(part) == shown


def test_thousands_have_a_space_that_does_not_break():
    assert thousands(76800) == "76\N{NO-BREAK SPACE}800"


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"picture": "dog"}, "no picture 'dog' .* pictures: astronaut, cat"),
        ({"channel": "alpha"}, "no channel 'alpha'; .* channels: colour, red"),
        ({"row": SIZE}, f"row, shift < {SIZE}"),
        ({"column": -1}, "0 ≤ column"),
        ({"shift": SIZE}, "shift < "),
        ({"brightness": float("nan")}, "brightness ≥ 0"),
        ({"sigma": -1.0}, "sigma in 0"),
    ],
)
def test_a_bad_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        inspector_picture(**state)


def test_the_widget_shows_the_picture_of_its_knobs():
    widget = PixelInspector(picture="cat", channel="grey", shift=4)
    assert widget.figure() == inspector_picture("cat", "grey", shift=4)
    photo, bars = widget.back
    widget.row = 100
    assert widget.back == [photo, bars], "moving the crosshair sends no photo"
    assert widget.figure() == inspector_picture(**widget.state)
    widget.brightness = 0.55  # between two stops of the slider
    assert widget.back[0] != photo
    assert "brightness × 0.55" in widget.caption.lower()


def test_the_photo_can_be_dragged_from_edge_to_edge():
    assert PixelInspector.drag["xs"] == [-0.5, SIZE - 0.5]
    assert PixelInspector.drag["ys"] == [SIZE - 0.5, -0.5], "rows count downwards"
    assert [knobs["row"].values[0], knobs["row"].values[-1]] == [0, SIZE - 1]
