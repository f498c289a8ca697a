"""The digits are real, complete, and always split in the same way."""

from __future__ import annotations

import hashlib

import pytest
import torch
from sklearn.datasets import load_digits

from course.data import SPLITS, digits


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


def test_tensors_are_fresh_each_time():
    first, _ = digits("train")
    first.zero_()
    assert digits("train")[0].max() == 1


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match=r"'training'.*'train', 'validation', 'test'"):
        digits("training")


def test_device_is_where_they_live():
    assert digits("test", device="meta")[0].device.type == "meta"


def test_the_stated_accuracy_of_a_nearest_neighbour():
    (x, y), (test, truth) = digits("train"), digits("test")
    nearest = torch.cdist(test.flatten(1), x.flatten(1)).argmin(1)
    assert (y[nearest] == truth).float().mean().item() == pytest.approx(0.95, abs=0.005)
