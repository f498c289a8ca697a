import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import PHOTOS
from course.widgets import AugmentationMixer, MixBlender
from course.widgets.augmentation import NOTHING, album, blend, blender_picture, mixer_picture, stages

STORY = {
    "By halves": "0.5 cat, 0.5 coffee",
    "A trace": "0.9 cat, 0.1 coffee",
    "A patch": "CutMix",
    "Over the edge": "λ was drawn as 0.5",
    "All of it": "0 cat, 1 coffee",
}


def test_with_nothing_to_do_all_twelve_are_the_photo():
    found, _ = stages("cat", draw=5, **NOTHING)
    for x in found.values():
        torch.testing.assert_close(x, album()[[PHOTOS.index("cat")] * 12])


def test_a_knob_changes_its_own_step_only():
    state = {**NOTHING, "flip": 50, "rotate": 30, "draw": 2}
    few, many = stages("cat", **state)[0], stages("cat", **{**state, "hide": 50})[0]
    assert torch.equal(few["rotate"], many["rotate"])
    assert not torch.equal(few["hide"], many["hide"])


def test_another_draw_is_another_picture_and_the_same_draw_the_same():
    one, same, other = (mixer_picture(draw=d).svg() for d in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("name", AugmentationMixer.presets)
def test_a_preset_of_the_mixer_sets_every_operation(name):
    assert set(NOTHING) == set(AugmentationMixer.presets[name])
    assert len(re.findall("<image", mixer_picture(**AugmentationMixer.presets[name]).svg())) == 19


@pytest.mark.parametrize("name", MixBlender.presets)
def test_a_preset_of_the_blender_shows_what_it_says(name):
    assert STORY[name] in blender_picture(**MixBlender.presets[name]).caption


@settings(max_examples=15, deadline=None)
@given(
    way=st.sampled_from(["mixup", "CutMix"]),
    lam=st.sampled_from([0.0, 0.25, 0.6, 1.0]),
    column=st.integers(0, 96),
    row=st.integers(0, 96),
)
def test_the_label_is_the_share_of_the_pixels(way, lam, column, row):
    x, y, used = blend(way, "cat", "rocket", lam, column, row)
    assert y.sum().item() == pytest.approx(1)
    own, other = album()[PHOTOS.index("cat")], album()[PHOTOS.index("rocket")]
    if way == "mixup":
        torch.testing.assert_close(x, used * own + (1 - used) * other)
    else:
        assert (x != own).any(0).float().mean().item() <= 1 - used + 1e-5
        assert used >= lam - 1e-5


def test_the_widgets_show_their_pictures():
    mixer, blender = AugmentationMixer(picture="flower"), MixBlender()
    assert mixer.caption.startswith("Flower")
    assert blender.unused() == ()
    assert MixBlender(way="mixup").unused() == ("column", "row")
    with pytest.raises(ValueError, match="no photo"):
        mixer_picture("dog")
    with pytest.raises(ValueError, match="need a way"):
        blender_picture("cutout")


def test_the_words_say_what_became_of_the_first_copy():
    state = {**NOTHING, "hide": 70, "colour": 100, "draw": 3}
    found, words = stages("cat", **state)
    grey = (found["hide"][0] == 0.5).all(0).double().mean().item()
    assert words["hide"] == f"{100 * grey:.0f} %"
    assert re.fullmatch(r"hue −?\d+°, sat. [+−]0.\d\d, value [+−]0.\d\d", words["colour"])
    assert stages("cat", draw=3, **NOTHING)[1]["crop"] == "not moved"
