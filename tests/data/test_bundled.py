"""The bundled sets are real, complete, read without a network, and always split in the same way."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest
import skimage.data
import torch
from sklearn.datasets import load_digits

from course.data import PHOTOS, SPLITS, TEXTURES, bundled, digits, faces, photo, pictures, textures

LABELLED = pytest.mark.parametrize("load", [digits, faces, textures])


def test_everything_is_there_in_file_order():
    images, labels = digits(None)
    raw = load_digits()
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (0, 1)
    assert labels.dtype == torch.int64
    assert (images[:, 0] * 16).numpy().tolist() == raw.images.tolist()
    assert labels.tolist() == raw.target.tolist()


def test_the_splits_divide_the_data_evenly_over_the_classes():
    parts = [digits(split) for split in SPLITS]
    assert [len(y) for _, y in parts] == [1097, 300, 400]
    assert torch.bincount(parts[1][1]).tolist() == [30] * 10
    assert torch.bincount(parts[2][1]).tolist() == [40] * 10
    # each picture of the whole is in exactly one part (some pictures might be equal: compare as multisets)
    pieces = sorted(i.numpy().tobytes() for x, _ in parts for i in x)
    assert pieces == sorted(i.numpy().tobytes() for i in digits(None)[0])


def test_test_pictures_come_later_in_the_file_than_training_pictures():
    images, labels = digits(None)
    place = {(i.numpy().tobytes(), int(y)): n for n, (i, y) in enumerate(zip(images, labels, strict=True))}
    where = [[place[i.numpy().tobytes(), int(y)] for i, y in zip(*digits(s), strict=True)] for s in SPLITS]
    assert all(w == sorted(w) for w in where)
    for k in range(10):
        train, validation, test = ([p for p in w if labels[p] == k] for w in where)
        assert max(train) < min(validation)
        assert max(validation) < min(test)


def test_the_split_never_changes():
    seen = hashlib.sha256(b"".join(t.numpy().tobytes() for s in SPLITS for t in digits(s))).hexdigest()
    assert seen.startswith("016acc8b2bbcdb74")


@LABELLED
@pytest.mark.parametrize("split", [*SPLITS, None])
def test_the_contract(load, split):
    images, labels = load(split)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert images.ndim == 4
    assert images.is_contiguous()
    assert labels.shape == images.shape[:1]
    assert 0 <= images.min() < 0.1
    assert 0.9 < images.max() <= 1
    classes = {digits: 10, faces: 2, textures: len(TEXTURES)}[load]
    assert labels.unique().tolist() == list(range(classes))


@LABELLED
def test_tensors_are_fresh_each_time(load):
    images, labels = load("train")
    seen = images.clone(), labels.clone()
    images.zero_(), labels.zero_()
    again = load("train")
    assert torch.equal(again[0], seen[0])
    assert torch.equal(again[1], seen[1])


@LABELLED
@pytest.mark.parametrize("split", ["training", "", "Test"])
def test_an_unknown_split_is_named(load, split):
    with pytest.raises(ValueError, match=rf"'{split}'.*'train', 'validation', 'test'"):
        load(split)


@LABELLED
@pytest.mark.parametrize("split", ["test", None])
def test_device_is_where_they_live(load, split):
    assert [t.device.type for t in load(split, device="meta")] == ["meta", "meta"]
    assert [t.device.type for t in load(split)] == ["cpu", "cpu"]


def test_no_set_needs_a_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a bundled set wants the network")

    for cached in (bundled._digits, bundled._faces, bundled._surfaces, pictures._read):
        cached.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for load in (digits, faces, textures):
        assert len(load(None)[0])
    for name in PHOTOS:
        assert photo(name).numel()


@pytest.mark.parametrize(
    "file",
    ["lfw_subset.npy", *(f"{n}.png" for n in TEXTURES), "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"],
)
def test_the_file_is_inside_the_package_not_in_a_download_folder(file):
    assert (Path(skimage.data.__file__).parent / file).is_file()


def test_the_stated_accuracy_of_a_nearest_neighbour():
    (x, y), (test, truth) = digits("train"), digits("test")
    nearest = torch.cdist(test.flatten(1), x.flatten(1)).argmin(1)
    assert (y[nearest] == truth).float().mean().item() == pytest.approx(0.95, abs=0.005)


def nearest(features, truth, queries):
    exact = "donot_use_mm_for_euclid_dist"
    return truth[torch.cdist(queries, features, compute_mode=exact).argmin(1)]


def score(predicted, labels):
    return (predicted == labels).float().mean().item()


def test_faces_come_first_in_the_file_and_each_class_is_cut_in_its_order():
    raw = torch.from_numpy(skimage.data.lfw_subset()).float()[:, None]
    images, labels = faces(None)
    assert torch.equal(images, raw)
    assert labels.tolist() == [1] * 100 + [0] * 100
    for split, (first, end) in zip(SPLITS, ((0, 60), (60, 80), (80, 100)), strict=True):
        images, labels = faces(split)
        assert torch.equal(images, torch.cat([raw[first:end], raw[100 + first : 100 + end]]))
        assert torch.bincount(labels).tolist() == [end - first] * 2


def test_no_face_or_background_occurs_twice():
    images, _ = faces(None)
    assert len({image.numpy().tobytes() for image in images}) == 200


def shifted_correlation(images, reach=4):
    """For each pair, the largest correlation over all shifts: 1 for copies cut out a few pixels apart."""
    side = images.shape[-1]
    best = torch.full((len(images), len(images)), -1.0)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            rows, columns = (slice(max(0, d), side + min(0, d)) for d in (dy, dx))
            other_rows, other_columns = (slice(max(0, -d), side + min(0, -d)) for d in (dy, dx))
            a, b = images[:, rows, columns].flatten(1), images[:, other_rows, other_columns].flatten(1)
            a, b = (torch.nn.functional.normalize(x - x.mean(1, keepdim=True)) for x in (a, b))
            best = torch.maximum(best, a @ b.T)
    return best.fill_diagonal_(-1)


def test_no_two_faces_are_near_copies_as_stated():
    images, labels = faces(None)
    assert shifted_correlation(images[labels == 1, 0]).max().item() == pytest.approx(0.84, abs=0.005)


def test_the_stated_shortcuts_of_the_faces():
    images, labels = faces(None)
    black = (images == 0).flatten(1).float().mean(1) > 0.02
    assert (int(black[labels == 0].sum()), int(black[labels == 1].sum())) == (48, 0)
    (x, y), (test, truth) = faces("train"), faces("test")
    step, test_step = (images.diff(dim=2).abs().mean((1, 2, 3)) for images in (x, test))
    thresholds = step.sort().values
    best = max(thresholds, key=lambda t: score((step > t).long(), y))
    assert score((test_step > best).long(), truth) == pytest.approx(0.95)


@pytest.mark.parametrize("size", [1, 7, 25, 32, 64, 100, 128])
def test_textures_have_the_stated_number_of_patches(size):
    for split, width in (("train", 256), ("validation", 128), ("test", 128)):
        images, labels = textures(split, size=size)
        each = (width // size) * (512 // size)
        assert images.shape == (3 * each, 1, size, size)
        assert labels.tolist() == [k for k in range(3) for _ in range(each)]
    assert len(textures(None, size=size)[0]) == sum(len(textures(s, size=size)[0]) for s in SPLITS)


def test_texture_patches_are_the_photos_pixels_in_rows():
    for k, name in enumerate(TEXTURES):
        raw = torch.from_numpy(getattr(skimage.data, name)()).float() / 255
        images, labels = textures("validation", size=50)
        mine = images[labels == k, 0]
        assert len(mine) == 2 * 10
        assert torch.equal(mine[0], raw[:50, 256:306])
        assert torch.equal(mine[1], raw[:50, 306:356])
        assert torch.equal(mine[2], raw[50:100, 256:306])
        assert torch.equal(mine[-1], raw[450:500, 306:356])


@pytest.mark.parametrize("size", [16, 24, 32, 50, 128])
def test_no_pixel_is_in_two_patches(monkeypatch, size):
    numbers = torch.arange(3 * 512 * 512).reshape(3, 512, 512)  # exact in int64; float32 holds them, too (< 2^24)
    monkeypatch.setattr(bundled, "_surfaces", lambda: numbers)
    seen = [textures(split, size=size)[0].flatten() for split in SPLITS]
    together = torch.cat(seen)
    assert len(together.unique()) == len(together)
    if 128 % size == 0:
        assert len(together) == numbers.numel()
    columns = [pixels % 512 for pixels in seen]
    assert [(int(c.min()), int(c.max()) < end) for c, end in zip(columns, (256, 384, 512), strict=True)] == [
        (0, True),
        (256, True),
        (384, True),
    ]


@pytest.mark.parametrize("size", [0, -3, 129, 32.0, True, "32"])
def test_a_patch_of_no_sensible_size_is_refused(size):
    with pytest.raises(ValueError, match="from 1 to 128"):
        textures(size=size)


def test_the_stated_scores_on_textures():
    (x, y), (test, truth) = textures("train"), textures("test")
    assert score(nearest(x.flatten(1), y, test.flatten(1)), truth) == pytest.approx(0.43, abs=0.005)
    assert score(nearest(x.mean((2, 3)), y, test.mean((2, 3))), truth) == pytest.approx(0.52, abs=0.005)
