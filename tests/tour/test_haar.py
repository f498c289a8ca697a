import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import transform
from skimage.feature import haar_like_feature

from course.tour import LAYOUTS, haar_response, integral_image

seeds = st.integers(0, 2**31 - 1)


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(seeds, st.integers(0, 9), st.integers(0, 9))
def test_integral_image_is_scikit_images_with_zeros_before(seed, height, width):
    x = rand(3, height, width, seed=seed)
    integral = integral_image(x)
    assert integral.shape == (3, height + 1, width + 1)
    assert integral[:, 0].abs().sum() == integral[:, :, 0].abs().sum() == 0
    for image, sums in zip(x, integral, strict=True):
        image = image.double().numpy()
        peer = transform.integral_image(image) if image.size else image
        np.testing.assert_allclose(sums[1:, 1:], peer, rtol=1e-12)


def test_integral_image_is_opencvs():
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless, in the bench extra")
    x = torch.randint(256, (13, 17), dtype=torch.uint8)
    assert (integral_image(x).numpy() == cv2.integral(x.numpy())).all()


def test_any_box_costs_four_looks():
    x = rand(20, 30)
    s = integral_image(x)
    for i0, i1, j0, j1 in ((0, 20, 0, 30), (3, 4, 5, 6), (2, 9, 0, 7), (5, 5, 1, 8)):
        torch.testing.assert_close(s[i1, j1] - s[i0, j1] - s[i1, j0] + s[i0, j0], x[i0:i1, j0:j1].double().sum())


def test_bytes_and_large_pictures_lose_nothing():
    x = torch.full((2000, 2000), 255, dtype=torch.uint8)
    assert integral_image(x)[-1, -1] == 255 * 4_000_000
    assert integral_image(torch.full((2000, 2000), 0.1))[-1, -1].item() == pytest.approx(
        4e6 * float(np.float32(0.1)), rel=1e-12
    )


@pytest.mark.parametrize(("layout", "theirs"), [("edge-x", "type-2-x"), ("edge-y", "type-2-y"), ("checker", "type-4")])
def test_responses_are_scikit_images_up_to_sign(layout, theirs):
    x = rand(12, 12, seed=3)
    box = (2, 4, 6, 8)
    rows, columns = np.array(LAYOUTS[layout]).shape
    h, w = 6 // rows, 8 // columns
    parts = [
        [(2 + i * h, 4 + j * w), (2 + i * h + h - 1, 4 + j * w + w - 1)] for i in range(rows) for j in range(columns)
    ]
    if layout == "checker":  # theirs goes around
        parts = [parts[0], parts[1], parts[3], parts[2]]
    coordinates = np.empty((1, len(parts)), dtype=object)
    coordinates[0] = [[(int(a), int(b)) for a, b in part] for part in parts]
    peer = haar_like_feature(
        transform.integral_image(x.double().numpy()), 0, 0, 12, 12, np.array([theirs]), coordinates
    )[0]
    ours = haar_response(integral_image(x), box, layout).item()
    assert abs(ours) == pytest.approx(abs(peer))


@settings(deadline=None)
@given(seeds, st.sampled_from(sorted(LAYOUTS)), st.floats(-3, 3))
def test_flat_light_does_not_count(seed, layout, light):
    x = rand(12, 12, seed=seed)
    box = (0, 1, 6, 6)
    dark, bright = (haar_response(integral_image(t), box, layout) for t in (x, x + light))
    torch.testing.assert_close(dark, bright, atol=1e-4, rtol=0)


def test_signs_are_as_the_docstring_says():
    left, top = torch.zeros(6, 6), torch.zeros(6, 6)
    left[:, :3], top[:3] = 1, 1
    box = (0, 0, 6, 6)
    assert haar_response(integral_image(left), box) == 18
    assert haar_response(integral_image(1 - left), box) == -18
    assert haar_response(integral_image(top), box, "edge-y") == 18
    assert haar_response(integral_image(left), box, "checker") == 0
    middle = torch.zeros(6, 6)
    middle[:, 2:4] = 1
    assert haar_response(integral_image(middle), box, "line-x") == -24
    assert haar_response(integral_image(middle.T), box, "line-y") == -24
    batch = integral_image(torch.stack([left, top]).expand(3, 2, 6, 6))
    assert haar_response(batch, box).tolist() == [[18, 0]] * 3


@pytest.mark.parametrize(
    ("box", "layout", "words"),
    [
        ((0, 0, 4, 4), "star", "no layout"),
        ((0, 0, 4, 3), "edge-x", "equal parts"),
        ((0, 0, 4, 4), "line-y", "equal parts"),
        ((3, 0, 4, 4), "edge-x", "within"),
        ((0, -1, 4, 4), "edge-x", "within"),
        ((0, 0, 0, 4), "edge-x", "equal parts"),
    ],
)
def test_impossible_boxes_are_refused(box, layout, words):
    with pytest.raises(ValueError, match=words):
        haar_response(integral_image(rand(6, 6)), box, layout)
