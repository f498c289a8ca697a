import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from sklearn.decomposition import PCA

from course.tour import eigenfaces, reconstruct


@pytest.fixture(scope="module")
def faces():
    return torch.from_numpy(data.lfw_subset()[:100]).float()


def test_eigenfaces_are_scikit_learns_principal_components(faces):
    mean, components = eigenfaces(faces, 8)
    peer = PCA(8, svd_solver="full").fit(faces.flatten(1).numpy())
    np.testing.assert_allclose(mean.flatten(), peer.mean_, atol=1e-6)
    alike = (components.flatten(1) * torch.from_numpy(peer.components_)).sum(1).abs()
    torch.testing.assert_close(alike, torch.ones(8), atol=1e-4, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 5), st.data())
def test_components_are_orthonormal_and_ordered(seed, n, size, draw):
    x = torch.rand(n, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    k = draw.draw(st.integers(1, min(n, size * size)))
    mean, components = eigenfaces(x, k)
    flat = components.flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(k, dtype=torch.float64))
    spread = ((x - mean).flatten(1) @ flat.T).square().sum(0)
    assert (spread[:-1] >= spread[1:] - 1e-9).all()


def test_all_components_give_the_faces_back(faces):
    mean, components = eigenfaces(faces, 100)
    w, again = reconstruct(faces, mean, components)
    assert w.shape == (100, 100)
    torch.testing.assert_close(again, faces, atol=1e-4, rtol=0)


def test_more_components_leave_a_smaller_error_and_faces_are_nearer_than_other_things(faces):
    errors = []
    for k in (1, 5, 20, 60):
        mean, components = eigenfaces(faces[:70], k)
        errors.append((reconstruct(faces[:70], mean, components)[1] - faces[:70]).square().mean().item())
    assert errors == sorted(errors, reverse=True)
    others = torch.from_numpy(data.lfw_subset()[100:]).float()
    far = [(reconstruct(x, mean, components)[1] - x).square().mean().item() for x in (faces[70:], others)]
    assert far[0] < far[1]


def test_the_sign_is_settled(faces):
    components = eigenfaces(faces[:30], 5)[1].flatten(1)
    assert (components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all()
    torch.testing.assert_close(eigenfaces(faces[:30].flip(0), 5)[1].flatten(1), components, atol=1e-3, rtol=0)


def test_channels_are_kept(faces):
    mean, components = eigenfaces(faces[:9, None], 3)
    assert mean.shape == (1, 25, 25)
    assert components.shape == (3, 1, 25, 25)


@pytest.mark.parametrize(("shape", "k"), [((5, 4), 6), ((5, 4), 0), ((5, 4), 5), ((4,), 1)])
def test_too_many_components_are_refused(shape, k):
    with pytest.raises(ValueError, match="min"):
        eigenfaces(torch.rand(*shape), k)


def test_faces_of_another_size_are_refused(faces):
    with pytest.raises(ValueError, match="components"):
        reconstruct(faces[:, :20], *eigenfaces(faces, 2))
