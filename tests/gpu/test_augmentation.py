"""The same pictures on an accelerator as on the CPU. Skipped where there is none."""

import pytest
import torch

from course import augmentation as A
from course.pixels import one_hot

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture
def g():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def levels(g):
    return torch.randint(256, (64, 3, 40, 50), dtype=torch.uint8, generator=g)


def test_geometry_colour_and_occlusion(levels, g):
    x, n = levels.float() / 255, len(levels)
    changes = [
        (A.flip, (A.draw_flips(n, 0.5, g),)),
        (lambda x, *p: A.pad_and_crop(x, *p, 4), A.draw_crops(n, 4, g)),
        (A.rotate, (A.draw_degrees(n, 90, g),)),
        (A.rgb_shift, (A.draw_rgb_shifts(n, 0.2, g),)),
        (A.hue_saturation_value, A.draw_hsv_shifts(n, generator=g)),
        (A.channel_shuffle, (A.draw_orders(n, 3, g),)),
        (A.occlude, A.draw_boxes(n, 40, 50, generator=g)),
    ]
    for change, parameters in changes:
        found = change(x.cuda(), *parameters)
        assert found.is_cuda
        torch.testing.assert_close(found.cpu(), change(x, *parameters), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", A.NAMES)
def test_operations(levels, name):
    """Within one level; a thousandth of the pixels may be rounded to another neighbour."""
    magnitude = A.strengths(31, 40, 50)[A.NAMES.index(name), 11].expand(len(levels))
    apart = A.apply_operation(levels.cuda(), name, magnitude).cpu().int() - A.apply_operation(levels, name, magnitude)
    assert (apart.abs() > 1).float().mean() <= 1e-3


def test_policies_draw_the_same_and_may_draw_on_the_device(levels):
    for change in (A.randaugment, A.apply_policy):
        here, there = (change(x, generator=torch.Generator().manual_seed(1)) for x in (levels, levels.cuda()))
        assert ((there.cpu().int() - here.int()).abs() > 1).float().mean() <= 1e-2
        assert change(levels.cuda(), generator=torch.Generator("cuda").manual_seed(1)).is_cuda


def test_mixing(levels, g):
    x, y = levels.float() / 255, one_hot(torch.arange(64) % 5, 5)
    lam, order = A.draw_lambdas(64, 1.0, g), A.draw_partners(64, g)
    box = A.draw_cuts(lam, 40, 50, g)
    for mix, parameters in ((A.mixup, (lam,)), (A.cutmix, (box,))):
        here, there = mix(x, y, *parameters, order), mix(x.cuda(), y.cuda(), *parameters, order)
        for ours, expected in zip(there, here, strict=True):
            torch.testing.assert_close(ours.cpu(), expected, rtol=0, atol=1e-6)
    for module in (A.Mixup, A.CutMix):
        assert module(generator=torch.Generator("cuda"))(x.cuda(), y.cuda())[0].is_cuda


def test_modules_take_masks_along(levels):
    x, mask = levels.cuda().float() / 255, (levels[:, :1] > 127).cuda()
    change = A.Compose(A.RandomFlip(), A.RandomCrop(4), A.RandomRotation(20), A.RandAugment(), A.RandomOcclusion())
    pictures, masks = change(x, mask)
    assert pictures.is_cuda
    assert masks.is_cuda
    assert masks.dtype == torch.bool
