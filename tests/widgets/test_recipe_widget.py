"""The loss landscape: what its presets show, and that twins look alike where they should."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course.recipe import directions, loss_surface
from course.widgets import LossLandscape
from course.widgets.recipe import CUT, SIDE, land, networks, picture, pictures


def test_every_preset_draws():
    for preset in LossLandscape.presets.values():
        assert set(preset) == set(LossLandscape.knobs())
        figure = picture(**preset)
        ET.fromstring(figure.svg())
        assert "Loss in the centre" in figure.caption


def test_the_twin_looks_the_same_only_when_normalised():
    both = [[land(n, 0, k, 0.5).loss for n in ("trained", "its scaled twin")] for k in (True, False)]
    np.testing.assert_allclose(*both[0], rtol=1e-2, atol=1e-3)
    assert both[1][1].mean() > 1.5 * both[1][0].mean()


def test_the_map_is_the_loss_of_the_moved_network():
    model = networks()["untrained"]
    places = np.linspace(-1, 1, SIDE)[[0, 3, 10]].tolist()
    x, y = pictures()
    raw = directions(model, torch.Generator().manual_seed(2))
    expected = loss_surface(model, lambda m: F.cross_entropy(m(x), y), *raw, places, places)
    np.testing.assert_allclose(land("untrained", 2, True, 1.0).loss[np.ix_([0, 3, 10], [0, 3, 10])].T, expected, 1e-4)


@pytest.mark.parametrize("wrong", [{"network": "none"}, {"reach": 0.0}, {"x": 2.0}, {"pair": -1}])
def test_bad_input_is_said(wrong):
    with pytest.raises(ValueError, match=r"need reach|no network"):
        picture(**wrong)


def test_the_cut_shows_losses_where_they_are():
    """Not along the edge of the chart: far from the network losses are above 1000."""
    places = {pair: land("untrained", pair, normalised, 4.0).loss for pair in range(3) for normalised in (True, False)}
    assert CUT.y[0] < min(loss.min() for loss in places.values())
    assert max(loss.max() for loss in places.values()) < CUT.y[1]
