import pytest
import torch

from course import augmentation as A
from course.pixels import one_hot

GEOMETRIC = (A.RandomFlip, A.RandomCrop, A.RandomRotation)
COLOUR = (A.RandomRGBShift, A.RandomHSV, A.RandomChannelShuffle, A.RandomOcclusion)
POLICIES = (A.RandAugment, A.AutoAugment)


@pytest.mark.parametrize("module", [*GEOMETRIC, *COLOUR, *POLICIES])
def test_modules_change_in_training_and_nothing_in_evaluation(module, x):
    first, again = (module(generator=torch.Generator().manual_seed(1))(x) for _ in range(2))
    assert first.shape == x.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, x)
    assert torch.equal(module().eval()(x), x)


@pytest.mark.parametrize("module", GEOMETRIC)
def test_masks_move_with_their_pictures(module, x):
    """A picture that is a mask, and its mask, stay the same but for mixing, where the nearest pixel weighs ≥ 1/4."""
    mask = (x[:, :1] > 0.5).float()
    moved, moved_mask = module(generator=torch.Generator().manual_seed(2))(mask, mask.long())
    assert moved_mask.dtype == torch.int64
    assert not torch.equal(moved_mask, mask.long())
    assert ((moved - moved_mask).abs() <= 0.75 + 1e-4).all()


@pytest.mark.parametrize("module", COLOUR)
def test_colours_and_boxes_leave_masks(module, x):
    mask = (x[:, :1] > 0.5).long()
    assert torch.equal(module()(x, mask)[1], mask)


def test_policies_move_masks_by_their_geometric_steps(x):
    mask = (torch.rand(len(x), 1, 21, 27, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    for name, policy in (("ShearX", [[("ShearX", 1.0, 7)]]), ("Rotate", [[("Rotate", 1.0, 9)]])):
        pictures, masks = A.AutoAugment(policy, generator=torch.Generator().manual_seed(3))(mask, mask)
        assert torch.equal(pictures, masks), name
        assert not torch.equal(masks, mask)
    assert torch.equal(A.AutoAugment([[("Invert", 1.0, 0)]])(mask, mask)[1], mask)


def test_compose_passes_masks_on(x):
    mask = (x[:, :1] > 0.5).long()
    change = A.Compose(A.RandomFlip(1.0), A.RandomRGBShift(), A.RandomFlip(1.0))
    pictures, masks = change(x, mask)
    assert torch.equal(masks, mask)
    assert not torch.equal(pictures, x)
    assert change(x).shape == x.shape
    assert torch.equal(change.eval()(x), x)
    with pytest.raises(ValueError, match="as large as the pictures"):
        A.RandomFlip()(x, mask[:, :, 1:])


@pytest.mark.parametrize("module", [A.Mixup, A.CutMix])
def test_mixing_modules(module, x):
    y = one_hot(torch.arange(len(x)), len(x))
    pictures, labels = module(generator=torch.Generator().manual_seed(1))(x, y)
    assert not torch.equal(pictures, x)
    torch.testing.assert_close(labels.sum(1), torch.ones(len(x)))
    same = module().eval()(x, y)
    assert same[0] is x
    assert same[1] is y
