"""The experiments of section 00: what is measured, and how."""

from __future__ import annotations

import importlib
import importlib.util
from itertools import pairwise

import pytest
import torch

import course.effects.tour as tour
from course.effects import of_section
from course.effects.tour import cascade, eigenfaces, matching, names, texture
from course.tour import HUMAN, ILSVRC, PretrainedMissing, integral_image
from course.tour.cascade import Windows, all_features

EFFECTS = of_section("tour")


def test_the_section_has_its_experiments():
    always = ["tour.haar", "tour.cascade", "tour.eigenfaces", "tour.texture", "tour.matching"]
    assert [e.name for e in EFFECTS] == always + ["tour.names"] * names.available()


# ------------------------------------------------------------------------------------- what is measured


def test_pairs_are_ranked():
    near, far = torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [1.5], [2.0]])
    # 1 < 3, 1 < 1.5, 1 < 2, 2 < 3 are right, 2 < 1.5 is wrong, 2 = 2 counts half
    assert eigenfaces._nearer(near, far).item() == pytest.approx(4.5 / 6)


def test_a_features_extent_and_price_are_right():
    from course.effects.tour import haar

    features = all_features(25, 25)
    which = torch.tensor([0, 777, 4000, 8000, len(features) - 1])
    top, left, height, width = haar._extent(features[which]).unbind(1)
    pixels, entries = haar._costs(features[which])
    assert torch.equal(pixels, height * width)
    assert entries.amax() <= 9
    # a change outside the extent leaves the sum alone, one inside does not
    x = torch.rand(25, 25, generator=torch.Generator().manual_seed(0))
    for k, feature in enumerate(which.tolist()):
        sums = integral_image(x)[features.rows[feature], features.columns[feature]] @ features.weights[feature]
        inside = torch.zeros(25, 25)
        inside[top[k] : top[k] + height[k], left[k] : left[k] + width[k]] = 1
        cut = integral_image(x * inside)[features.rows[feature], features.columns[feature]] @ features.weights[feature]
        torch.testing.assert_close(cut, sums)
        assert sums.abs() > 0
    assert Windows(x[None], (25, 25)).responses(features[which]).shape == (1, 5)


def test_a_box_has_found_the_face_if_it_covers_it():
    top, left, height, width = cascade.FACE
    boxes = torch.tensor([cascade.FACE, (top, left, height, width // 2), (0, 0, 50, 50)])
    assert cascade._overlap(boxes).tolist() == pytest.approx([1, 0.5, 0])


def test_light_curves_rise_and_stay_in_range():
    curves = texture.light_curves(50, torch.Generator().manual_seed(0))
    assert (curves.diff(dim=1) > 0).all()
    assert curves.min() >= 0
    assert curves.max() <= 1
    dark, light = (curves[:, 128] < 0.4).sum(), (curves[:, 128] > 0.7).sum()
    assert dark > 3
    assert light > 3


def test_a_view_shows_what_its_motion_says():
    x = torch.zeros(60, 90)
    x[20:23, 70:73] = 1
    for degrees, scale in ((0, 1.0), (90, 1.0), (200, 0.7), (33, 0.5)):
        seen = matching.view(x, degrees, scale, 0.0, torch.Generator())
        weight = seen.picture / seen.picture.sum()
        rows, columns = torch.meshgrid(*(torch.arange(n).float() for n in weight.shape), indexing="ij")
        spot = torch.stack([(weight * rows).sum(), (weight * columns).sum()])
        torch.testing.assert_close(seen.moved(torch.tensor([[21.0, 71.0]]))[0], spot, atol=0.1, rtol=0)


def test_patches_match_where_nothing_moved():
    x = torch.rand(60, 60, generator=torch.Generator().manual_seed(0))
    points = torch.randint(10, 50, (30, 2), generator=torch.Generator().manual_seed(1)).unique(dim=0).float()
    first, second = matching._patch_matches(x, 0.5 * x + 0.2, (points, points.flip(0)))
    assert torch.equal(first, second)
    assert len(first) == len(points)


# ------------------------------------------------------------------------- optional weights; the error curve


def test_without_the_weights_there_is_a_calm_line_and_nothing_to_measure(monkeypatch: pytest.MonkeyPatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == names.PACKAGE else find(name, *a))
    shown = tour.NAMES.show()
    assert shown.figure is None
    assert "cv-course[pretrained]" in shown._repr_html_()
    with pytest.raises(PretrainedMissing):
        tour.NAMES.run(0)
    try:
        assert "tour.names" not in [e.name for e in importlib.reload(tour).EFFECTS]
    finally:
        monkeypatch.undo()
        importlib.reload(tour)


def test_the_error_curve_shows_the_data():
    shown = tour.error_curve()
    (axes,) = shown.figure.axes
    line = axes.lines[0]
    assert line.get_ydata().tolist() == [w.error for w in ILSVRC]
    assert line.get_xdata().tolist() == [w.year for w in ILSVRC]
    for w in ILSVRC:
        assert w.source in shown.caption
        assert any(f"{w.error:g}" in text.get_text() for text in axes.texts)
    assert HUMAN[1] in shown.caption
    assert f"{ILSVRC[-1].error:g}" in shown.alt
    steps = {b.year: a.error - b.error for a, b in pairwise(ILSVRC)}
    assert max(steps, key=steps.__getitem__) == 2012  # as the alternative text says
