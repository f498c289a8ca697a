import importlib.util
import sys
import urllib.error

import pytest
import torch
import torchvision
from skimage import data

from course.pixels import to_tensor
from course.tour import PretrainedMissing, load_pretrained, pretrained

installed = pytest.mark.skipif(
    importlib.util.find_spec(pretrained.PACKAGE) is None, reason="needs the extra: pip install 'cv-course[pretrained]'"
)


@pytest.fixture(scope="module")
def network():
    return load_pretrained("package")


@installed
def test_it_names_photos(network):
    for image, words in ((data.chelsea(), "cat"), (data.coffee(), "espresso"), (data.rocket(), "missile")):
        (names,) = network.name(to_tensor(image)[None])
        assert words in " ".join(n for n, _ in names)
        shares = [p for _, p in names]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) <= 1 + 1e-6


@installed
def test_it_is_timms_network_and_the_packages_own(network):
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = network(x)
        prepared = network.prepare(x)
        timm = pytest.importorskip("timm", reason="needs timm, in the bench extra")
        peer = timm.create_model("tf_efficientnet_lite0").eval()
        peer.load_state_dict(dict(zip(peer.state_dict(), network.state_dict().values(), strict=True)))
        torch.testing.assert_close(peer(prepared), scores)


@installed
def test_features_can_be_trained_on(network):
    x = torch.rand(2, 3, 40, 60)
    assert network.features(x).shape == (2, 1280)
    torch.testing.assert_close(network.head(network.features(x)), network(x))
    network(x).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    network.zero_grad()


@pytest.mark.parametrize("size", [(224, 224), (32, 32), (300, 451), (451, 300), (225, 224)])
def test_pictures_of_any_size_are_made_to_fit(size):
    plain = pretrained.Pretrained(
        torch.nn.Flatten(), torch.nn.Linear(1, 1), "nothing", torch.zeros(3), torch.full((3,), 0.5)
    )
    assert len(plain.categories) == 1000
    prepared = plain.prepare(torch.full((1, 3, *size), 0.25))
    assert prepared.shape == (1, 3, 224, 224)
    torch.testing.assert_close(prepared, torch.full_like(prepared, 0.5))
    with pytest.raises(ValueError, match="RGB"):
        plain.prepare(torch.zeros(1, 1, *size))


def test_padding_is_tensorflows_same():
    for n in range(3, 12):
        for kernel, stride in ((3, 1), (3, 2), (5, 2)):
            x = pretrained.SamePad(kernel, stride)(torch.ones(1, 1, n, n + 1))
            y = torch.nn.functional.conv2d(x, torch.ones(1, 1, kernel, kernel), stride=stride)
            assert y.shape[2:] == (-(-n // stride), -(-(n + 1) // stride))


def test_without_package_and_network_the_advice_is_clear(monkeypatch):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torchvision.models.EfficientNet_B0_Weights, "get_state_dict", offline)
    with pytest.raises(PretrainedMissing, match=r"cv-course\[pretrained\]"):
        load_pretrained("package")
    for source in ("auto", "online"):
        with pytest.raises(PretrainedMissing, match=r"no network here.*cv-course\[pretrained\]"):
            load_pretrained(source)
    with pytest.raises(ValueError, match="source"):
        load_pretrained("imagination")


def test_torchvisions_weights_fit(monkeypatch):
    network = torchvision.models.efficientnet_b0()
    monkeypatch.setattr(
        torchvision.models.EfficientNet_B0_Weights, "get_state_dict", lambda *a, **k: network.state_dict()
    )
    model = load_pretrained("online").eval()
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(model(x), network.eval()(model.prepare(x)))
    assert model.features(x).shape == (1, 1280)


@pytest.mark.parametrize("content", [None, b"cut off"])
def test_a_damaged_package_says_so(tmp_path, monkeypatch, content):
    folder = tmp_path / pretrained.PACKAGE
    folder.mkdir()
    (folder / "__init__.py").touch()
    if content is not None:
        (folder / "efficientnet-lite0-57934424.pth").write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop(pretrained.PACKAGE, None)
    with pytest.raises(PretrainedMissing, match="reinstall"):
        load_pretrained()
