import pytest
import torch
from skimage import color, data, transform

from course.tour import sift_matches


@pytest.fixture(scope="module")
def pair():
    image = transform.resize(color.rgb2gray(data.chelsea()), (150, 225), anti_aliasing=True)
    turn = transform.AffineTransform(scale=0.85, rotation=0.3, translation=(40, -5))
    turned = transform.warp(image, turn.inverse)
    return torch.from_numpy(image).float(), torch.from_numpy(turned).float(), torch.from_numpy(turn.params).float()


def test_a_turned_and_shrunk_picture_is_recognised(pair):
    first, second, turn = pair
    matches = sift_matches(first, second)
    assert len(matches) > 15
    assert matches.agree.float().mean() > 0.7
    swap = turn[[1, 0]][:, [1, 0, 2]]  # theirs is in (x, y)
    torch.testing.assert_close(matches.affine[:, :2], swap[:, :2], atol=0.02, rtol=0)
    torch.testing.assert_close(matches.affine[:, 2], swap[:, 2], atol=2, rtol=0)
    arrived = matches.first @ matches.affine[:, :2].T + matches.affine[:, 2]
    assert (arrived - matches.second)[matches.agree].norm(dim=1).max() < 3.5
    assert len(matches.keypoints[0]) >= len(matches)


def test_choices_are_reproducible_and_a_stricter_ratio_gives_fewer(pair):
    first, second, _ = pair
    once, again, strict = sift_matches(first, second), sift_matches(first, second), sift_matches(first, second, 0.5)
    assert torch.equal(once.affine, again.affine)
    assert len(strict) < len(once)


@pytest.mark.parametrize("other", [torch.zeros(40, 40), torch.rand(20, 64, generator=torch.Generator().manual_seed(0))])
def test_nothing_in_common_is_an_answer_too(other):
    matches = sift_matches(torch.rand(64, 64, generator=torch.Generator().manual_seed(1)), other)
    assert matches.affine is None
    assert not matches.agree.any()
    assert matches.first.shape == matches.second.shape


@pytest.mark.parametrize("picture", [torch.rand(3, 40, 40), torch.rand(15, 40), torch.ones(40, 40, dtype=torch.uint8)])
def test_other_things_than_grey_pictures_are_refused(picture):
    with pytest.raises(ValueError, match="floating-point picture"):
        sift_matches(torch.rand(40, 40), picture)
