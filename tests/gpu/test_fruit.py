"""The same pictures on an accelerator as on the CPU. Skipped where there is none."""

import pytest
import torch

from course.data import FREE, PLAIN, UPRIGHT, fruit, render

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("variety", [UPRIGHT, FREE, PLAIN])
@pytest.mark.parametrize("size", [32, 45, 96])
def test_same_bytes(variety, size):
    index = torch.arange(200)
    here, labels = render(index, size, variety, seed=5)
    there, same = render(index.cuda(), size, variety, seed=5)
    assert there.is_cuda
    assert torch.equal(same.cpu(), labels)
    assert torch.equal(there.cpu(), here)


def test_more_than_one_chunk():
    index = torch.arange(14_000)
    there = render(index.cuda())[0]
    assert torch.equal(there[-500:], render(index[-500:].cuda())[0])


def test_the_data_set():
    images, labels = fruit("train", 300, wrong=0.3, device="cuda")
    assert images.is_cuda
    here, same = fruit("train", 300, wrong=0.3)
    assert torch.equal(images.cpu(), here)
    assert torch.equal(labels.cpu(), same)
