"""Reports on pictures show pictures: what went in, what was expected, what came, and where it is off."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from course.check import verdict
from course.check.report import Report
from course.exercises.exercise import Case, Exercise, mistakes


def darker(image):
    return image / 2


def brighter(image):
    """It got brighter; halve it instead."""
    return image * 2


def exercise(*inputs: torch.Tensor) -> Exercise:
    return Exercise(
        name="demo.darker",
        title="Half as bright",
        signature="darker(image)",
        points=1,
        minutes=1,
        difficulty=1,
        reference=darker,
        cases=lambda draw: [Case("by hand", inputs, "hand"), Case("once more", inputs)],
        misconceptions=mistakes(brighter),
        pictures=("image", "answer"),
    )


def tiles(function: Any, *inputs: torch.Tensor, **changes: Any) -> dict[str, tuple[str, np.ndarray]]:
    """The pictures of a report, by caption: alternative text and pixels."""
    report = Report(verdict(dataclasses.replace(exercise(*inputs), **changes), function, 0)).html()
    found = re.findall(r"<figcaption[^>]*>([^<]+)</figcaption><img alt=\"([^\"]+)\"[^>]*base64,([^\"]+)\"", report)
    assert len(found) == report.count("<img")
    return {n: (alt, np.array(Image.open(io.BytesIO(base64.b64decode(data))))) for n, alt, data in found}


def test_input_expected_yours_and_where_it_is_off():
    image = torch.tensor([[0.0, 0.2, 0.4], [0.0, 0.0, 1.0]])
    shown = tiles(brighter, image)
    assert list(shown) == ["image", "expected", "yours", "off"]
    assert shown["image"][0] == "picture of image, 2 by 3, from 0 to 1"
    assert "3 of 6 numbers" in shown["off"][0]
    zoom = shown["image"][1].shape[0] // 2
    pixel = (slice(zoom // 2, None, zoom), slice(zoom // 2, None, zoom))
    assert shown["image"][1][pixel][:, :, 0].tolist() == [[0, 51, 102], [0, 0, 255]]
    assert shown["expected"][1][pixel][0, 1].tolist() == [26, 26, 26]
    off = shown["off"][1][pixel]
    assert (off[0, 1] == off[1, 2]).all()
    assert (off[0, 0] != off[0, 1]).any()


def test_signs_have_colours_and_both_answers_one_scale():
    shown = tiles(lambda image: -darker(image), torch.tensor([[-4.0, 4.0], [2.0, 0.0]]))
    expected, yours = (shown[n][1] for n in ("expected", "yours"))
    assert (expected[0, 0] == yours[0, -1]).all()
    assert (expected[0, -1] == yours[0, 0]).all()
    assert (expected[0, 0] != expected[0, -1]).any()


@pytest.mark.parametrize(
    "image",
    [
        torch.rand(3, 4, 5),
        torch.rand(4, 5, 3),
        torch.randint(0, 256, (4, 5, 3), dtype=torch.uint8),
    ],
)
def test_every_layout_of_a_picture_is_shown(image):
    assert tiles(brighter, image)["image"][1].shape[2] == 3


@pytest.mark.parametrize(
    "answer", [torch.zeros(7), torch.zeros(0, 3), None, torch.full((2, 2), float("nan")), torch.zeros(2, 3, 4, 5), "no"]
)
def test_strange_answers_do_no_harm(answer):
    shown = tiles(lambda image: answer, torch.rand(3, 5))
    assert {"image", "expected"} <= set(shown)


def test_a_few_numbers_with_nothing_to_compare_need_no_picture():
    assert "expected" not in tiles(lambda image: None, torch.rand(2, 2))


def test_only_what_is_named_is_shown():
    assert tiles(brighter, torch.rand(2, 2), pictures=("image",)).keys() == {"image"}
    assert tiles(brighter, torch.rand(2, 2), pictures=()) == {}
    assert tiles(darker, torch.rand(2, 2)) == {}


def test_huge_pictures_are_left_out():
    assert tiles(brighter, torch.rand(600, 600)) == {}


def test_a_stack_of_pictures_is_shown_one_by_one():
    shown = tiles(brighter, torch.rand(8, 4, 5), pictures=("image",))
    assert list(shown) == [f"image[{i}]" for i in range(6)]
