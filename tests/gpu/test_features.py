"""The same numbers on an accelerator as on the CPU. Skipped where there is none."""

import pytest
import torch

from course import features, pixels

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture(scope="module")
def gray():
    return torch.randint(256, (300, 67, 75), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("options", [{}, {"orientations": 8, "cell": 4, "block": 2}, {"cell": 5}])
def test_hog(gray, options):
    found = features.hog(gray.cuda(), **options)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), features.hog(gray, **options), rtol=0, atol=1e-5)


def test_hog_of_more_than_one_chunk():
    x = torch.randint(256, (1200, 64, 64), dtype=torch.uint8)
    torch.testing.assert_close(features.hog(x.cuda()).cpu(), features.hog(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", ["default", "uniform"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_lbp(gray, method, dtype):
    x = gray.to(dtype)
    assert torch.equal(features.lbp(x.cuda(), method).cpu(), features.lbp(x, method))
    codes = features.lbp(x.cuda(), method)
    torch.testing.assert_close(
        features.code_histograms(codes, 256, 8).cpu(), features.code_histograms(codes.cpu(), 256, 8)
    )


def test_gradient_histograms_blocks(gray):
    x = gray[:20].float()
    there = features.normalise_blocks(features.cell_histograms(*features.gradient(x.cuda())))
    here = features.normalise_blocks(features.cell_histograms(*features.gradient(x)))
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-5)


def test_convolution():
    x, weight, bias = torch.rand(4, 3, 20, 20), torch.rand(8, 3, 5, 3) - 0.5, torch.rand(8)
    there = features.conv_layer(x.cuda(), weight.cuda(), bias.cuda()).cpu()
    torch.testing.assert_close(there, features.conv_layer(x, weight, bias), rtol=0, atol=1e-2)  # TF32 may be on
    there = features.correlate2d(x.cuda(), weight[0, 0].cuda()).cpu()
    torch.testing.assert_close(there, features.correlate2d(x, weight[0, 0]))


def test_pixels():
    image = torch.randint(256, (5, 20, 20, 3), dtype=torch.uint8)
    x = pixels.to_tensor(image.cuda())
    assert x.is_cuda
    torch.testing.assert_close(pixels.to_gray(x).cpu(), pixels.to_gray(pixels.to_tensor(image)))
    y = torch.arange(5)
    assert torch.equal(pixels.nearest_neighbour(x, y.cuda(), x).cpu(), y)
    assert torch.equal(pixels.one_hot(y.cuda(), 9).cpu(), pixels.one_hot(y, 9))
    assert pixels.top_k_accuracy(pixels.one_hot(y.cuda(), 5), y.cuda()) == 1
