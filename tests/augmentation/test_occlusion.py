import pytest
import torch
from torchvision.transforms.v2 import functional as peer

from course import augmentation as A


def test_occlude_is_torchvisions_erase(x, levels, generator):
    box = A.draw_boxes(len(x), 21, 27, generator=generator)
    for pictures, fill in ((x, 0.25), (levels, 9)):
        found = A.occlude(pictures, *box, fill)
        for i, (top, left, height, width) in enumerate(torch.stack(box, 1).tolist()):
            expected = peer.erase(pictures[i], top, left, height, width, torch.tensor(fill, dtype=pictures.dtype))
            assert torch.equal(found[i], expected)


def test_boxes_are_inside_and_as_large_as_asked(generator):
    H, W = 40, 60
    top, left, height, width = A.draw_boxes(3000, H, W, (0.1, 0.2), (0.5, 2), generator)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= H).all()
    assert (left + width <= W).all()
    assert (top + height == H).any()
    assert (left + width == W).any()
    assert (top == 0).any()
    assert (left == 0).any()
    area, aspect = (height * width) / (H * W), height / width
    assert area.min() > 0.09
    assert area.max() < 0.21
    assert area.mean().item() == pytest.approx(0.15, abs=0.005)
    assert aspect.min() > 0.45
    assert aspect.max() < 2.2
    assert len(torch.stack([top, left], 1).unique(dim=0)) > 500


def test_what_hangs_over_the_edge_is_cut_off(x):
    n = len(x)
    corner = [torch.full((n,), v) for v in (-3, 20, 5, 100)]
    hidden = (A.occlude(x + 1, *corner, 0.0) == 0)[:, 0]
    assert hidden[:, :2, 20:].all()
    assert hidden.sum() == n * 2 * 7
    assert torch.equal(A.occlude(x, *[torch.full((n,), v) for v in (50, 50, 5, 5)]), x)


def test_fill_may_differ_from_picture_to_picture_or_be_noise(x, generator):
    n = len(x)
    everything = [torch.full((n,), v) for v in (0, 0, 99, 99)]
    fill = torch.rand(n, generator=generator)
    assert torch.equal(A.occlude(x, *everything, fill), fill[:, None, None, None].expand_as(x))
    noise = torch.rand(x.shape, generator=generator)
    assert torch.equal(A.occlude(x, *everything, noise), noise)


def test_random_occlusion_is_drawing_and_painting(x):
    found = A.random_occlusion(x, generator=torch.Generator().manual_seed(3))
    box = A.draw_boxes(len(x), 21, 27, generator=torch.Generator().manual_seed(3))
    assert torch.equal(found, A.occlude(x, *box))
    assert torch.equal(A.box_mask(box, x)[:, 0].sum((1, 2)), box[2] * box[3])


def test_bad_input_is_named(x):
    with pytest.raises(ValueError, match="0 ≤ area ≤ 1"):
        A.draw_boxes(3, 10, 10, area=(0.5, 20))
    with pytest.raises(ValueError, match="whole pixels"):
        A.occlude(x, *[torch.zeros(len(x))] * 4)
