"""The photos are the real ones, in the size asked for."""

from __future__ import annotations

import pytest
import skimage.data
import torch
from sklearn.datasets import load_sample_image

from course.data import PHOTOS, photo, photos

SIDES = {"astronaut": (512, 512), "cat": (300, 451), "coffee": (400, 600)} | dict.fromkeys(PHOTOS[3:], (427, 640))


@pytest.mark.parametrize("name", PHOTOS)
def test_a_whole_photo_is_the_file(name):
    raw = load_sample_image(f"{name}.jpg") if name in ("china", "flower") else getattr(skimage.data, name)()
    image = photo(name)
    assert image.dtype == torch.float32
    assert image.shape == (3, *SIDES[name])
    assert torch.equal((image * 255).round().byte(), torch.tensor(raw).permute(2, 0, 1))


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("size", [1, 64, 333, 800])
def test_the_longer_side_is_as_asked_and_the_shape_is_kept(name, size):
    image = photo(name, size)
    height, width = SIDES[name]
    assert max(image.shape[1:]) == size
    assert image.shape[1] == max(1, round(height * size / max(height, width)))
    assert image.shape[2] == max(1, round(width * size / max(height, width)))
    assert image.min() >= 0
    assert image.max() <= 1


def test_shrinking_is_antialiased():
    whole, small = photo("cat"), photo("cat", 41)
    assert torch.allclose(whole.mean((1, 2)), small.mean((1, 2)), atol=0.01)
    # every 11th pixel of the fur, which is what resizing without antialiasing picks from, jumps more
    picked = torch.nn.functional.interpolate(whole[None], small.shape[1:], mode="bilinear")[0]
    assert small.diff(dim=2).abs().mean() < 0.95 * picked.diff(dim=2).abs().mean()


@pytest.mark.parametrize("size", [1, 32, 224, 300])
def test_all_photos_in_one_size(size):
    images, labels = photos(size)
    assert images.shape == (6, 3, size, size)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert labels.tolist() == list(range(len(PHOTOS)))
    assert images.min() >= 0
    assert images.max() <= 1


def test_the_square_is_the_middle_of_the_photo():
    images, _ = photos(300)
    cat = photo("cat")  # 300 pixels high: its square is not resized
    assert torch.allclose(images[PHOTOS.index("cat")], cat[:, :, 75:375], atol=1e-6)
    small = photos(8)[0]
    for name, image in zip(PHOTOS, small, strict=True):
        height, width = SIDES[name]
        left, side = (width - height) // 2, height
        middle = photo(name)[:, :, left : left + side]
        assert torch.allclose(middle.mean((1, 2)), image.mean((1, 2)), atol=0.02)


def test_photos_are_fresh_each_time():
    for load in (lambda: photo("flower"), lambda: photo("flower", 64), lambda: photos(32)[0]):
        image = load()
        seen = image.clone()
        image.zero_()
        assert torch.equal(load(), seen)


def test_device_is_where_they_live():
    assert photo("china", device="meta").device.type == "meta"
    assert photo("china", 30, device="meta").device.type == "meta"
    assert [t.device.type for t in photos(16, device="meta")] == ["meta", "meta"]


def test_an_unknown_photo_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no photo 'chelsea'; use one of 'astronaut', 'cat', 'coffee', .*'flower'"):
        photo("chelsea")


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "224"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="at least 1"):
        photos(size)
    with pytest.raises(ValueError, match="at least 1"):
        photo("cat", size)
