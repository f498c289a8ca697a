"""What is said to someone whose function stopped: which mistake an exception usually means."""

from __future__ import annotations

import bdb
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from course import exercises
from course.check import verdict


def one_index_too_many(gray):
    return gray[0, 0, 0]


def one_index_out_of_range(gray):
    return gray[99]


def divides_by_nothing(gray):
    return gray * (1 / (len(gray) // 1000))


def too_few_to_unpack(gray):
    n, height, width = gray.shape
    return gray.view(n, height, width)


def too_many_to_unpack(gray):
    (height,) = gray.shape
    return gray.view(height)


def sizes_that_do_not_multiply(gray):
    return gray.view(7, 11)


def kernel_too_large(gray):
    return F.conv2d(gray[None, None], torch.ones(1, 1, 99, 99))[0, 0]


def waits_for_somebody(gray):
    raise bdb.BdbQuit


@pytest.mark.parametrize(
    ("function", "said", "unsaid"),
    [
        (one_index_too_many, "fewer dimensions than you index", "counts from 0"),
        (one_index_out_of_range, "counts from 0", "fewer dimensions"),
        (divides_by_nothing, "divisor is 0", "shape"),
        (too_few_to_unpack, "as many names on the left", "counts from 0"),
        (too_many_to_unpack, "as many names on the left", "counts from 0"),
        (sizes_that_do_not_multiply, "keep the number of entries", "kernel"),
        (kernel_too_large, "put zeros around", "entries"),
        (waits_for_somebody, "nobody is there while it is checked", "shape"),
    ],
)
def test_an_exception_is_told_with_what_it_usually_means(function: Any, said: str, unsaid: str) -> None:
    sentence = verdict(exercises.get("tour.integral_image"), function, 0).sentence
    assert "That usually means: " in sentence
    assert said in sentence
    assert unsaid not in sentence.split("That usually means: ")[1]
