import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from course import augmentation as A
from course.augmentation import mixing
from course.pixels import one_hot


@pytest.fixture
def y(x):
    return one_hot(torch.arange(len(x)) % 4, 4)


@pytest.fixture(params=["all equally far", "any", "its own"])
def order(request, x, generator):
    if request.param == "its own":
        return torch.arange(len(x))
    return (
        A.draw_partners(len(x), generator)
        if request.param[:3] == "all"
        else torch.randperm(len(x), generator=generator)
    )


def test_mixup_is_the_formula(x, y, order, generator):
    lam = A.draw_lambdas(len(x), 1.0, generator)
    pictures, labels = A.mixup(x, y, lam, order)
    for i, (share, j) in enumerate(zip(lam, order, strict=True)):
        torch.testing.assert_close(pictures[i], share * x[i] + (1 - share) * x[j])
        torch.testing.assert_close(labels[i], share * y[i] + (1 - share) * y[j])


def test_mixup_is_torchvisions_for_one_lambda(x, y, monkeypatch):
    peer = v2.MixUp(num_classes=4)
    params = peer.make_params([x, y.argmax(1)]) | {"lam": 0.3}
    order = torch.arange(len(x)).roll(1)
    pictures, labels = A.mixup(x, y, torch.full((len(x),), 0.3), order)
    monkeypatch.setattr(peer, "make_params", lambda _: params)
    expected, wanted = peer(x, y.argmax(1))
    torch.testing.assert_close(pictures, expected)
    torch.testing.assert_close(labels, wanted)


def test_cutmix_pastes_the_box_and_weighs_labels_by_its_area(x, y, order, generator):
    lam = A.draw_lambdas(len(x), 1.0, generator)
    box = A.draw_cuts(lam, 21, 27, generator)
    pictures, labels = A.cutmix(x, y, box, order)
    inside = A.box_mask(box, x)
    assert torch.equal(pictures, torch.where(inside, x[order], x))
    share = 1 - inside.float().mean((1, 2, 3))
    torch.testing.assert_close(labels, share[:, None] * y + (1 - share)[:, None] * y[order])
    torch.testing.assert_close(labels.sum(1), torch.ones(len(x)))


def test_blocks_single_pictures_and_whole_batches_give_the_same(x, y, order, generator, monkeypatch):
    lam = A.draw_lambdas(len(x), 1.0, generator)
    box = A.draw_cuts(lam, 21, 27, generator)
    cut, blend = A.cutmix(x, y, box, order), A.mixup(x, y, lam, order)
    for block in (1, 2 * 3 * 21 * 27, None):
        if block is None:
            monkeypatch.setattr(mixing, "_blockwise", lambda x: False)
        else:
            monkeypatch.setattr(mixing, "BLOCK", block)
        for found, expected in zip(A.cutmix(x, y, box, order) + A.mixup(x, y, lam, order), cut + blend, strict=True):
            torch.testing.assert_close(found, expected)
    assert torch.equal(A.cutmix((x * 255).byte(), y, box, order)[0], (cut[0] * 255).byte())


@pytest.mark.parametrize("block", [1, 2 * 3 * 21 * 27, None])
def test_pictures_are_written_where_told(x, y, order, generator, monkeypatch, block):
    if block is None:
        monkeypatch.setattr(mixing, "_blockwise", lambda x: False)
    else:
        monkeypatch.setattr(mixing, "BLOCK", block)
    lam = A.draw_lambdas(len(x), 1.0, generator)
    box, before = A.draw_cuts(lam, 21, 27, generator), x.clone()
    for mix, how in ((A.mixup, lam), (A.cutmix, box)):
        out = torch.full_like(x, torch.nan)
        pictures, labels = mix(x, y, how, order, out)
        expected = mix(x, y, how, order)
        assert pictures is out
        torch.testing.assert_close(out, expected[0])
        assert torch.equal(labels, expected[1])
        assert torch.equal(x, before)
        with pytest.raises(ValueError, match="need an out like x"):
            mix(x, y, how, order, out[1:])
        with pytest.raises(ValueError, match="need an out like x"):
            mix(x, y, how, order, out.double())
        with pytest.raises(ValueError, match="another batch"):
            mix(x, y, how, order, x)


@pytest.mark.parametrize("size", [(16, 16), (21, 27)])
@pytest.mark.parametrize("block", [1, 1 << 17])
def test_cutmix_pastes_what_the_mask_covers_square_or_not(x, y, generator, monkeypatch, size, block):
    monkeypatch.setattr(mixing, "BLOCK", block)
    x = x[..., : size[0], : size[1]].contiguous()
    n = len(x)
    box = (*torch.randint(-9, 30, (2, n), generator=generator), *torch.randint(-2, 30, (2, n), generator=generator))
    order = A.draw_partners(n, generator)
    pictures, labels = A.cutmix(x, y, box, order)
    inside = A.box_mask(box, x)
    assert torch.equal(pictures, torch.where(inside, x[order], x))
    share = 1 - inside.float().mean((1, 2, 3))
    torch.testing.assert_close(labels, share[:, None] * y + (1 - share)[:, None] * y[order])


@pytest.mark.parametrize("block", [1, 1 << 17])
def test_empty_batches_stay_empty(monkeypatch, block):
    monkeypatch.setattr(mixing, "BLOCK", block)
    none, order = torch.zeros(0), A.draw_partners(0)
    x, y = torch.zeros(0, 3, 8, 8), torch.zeros(0, 4)
    for pictures, labels in (A.mixup(x, y, none, order), A.cutmix(x, y, A.draw_cuts(none, 8, 8), order)):
        assert pictures.shape == x.shape
        assert labels.shape == y.shape


def test_cuts_of_square_pictures_are_drawn_like_all_others():
    lam = torch.rand(50, generator=torch.Generator().manual_seed(1))
    generators = [torch.Generator().manual_seed(2) for _ in range(2)]
    row = torch.randint(9, (50,), generator=generators[1])
    column = torch.randint(9, (50,), generator=generators[1])
    top, left, height, width = A.draw_cuts(lam, 9, 9, generators[0])
    assert torch.equal(top, row - height // 2)
    assert torch.equal(left, column - width // 2)


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.uint8])
def test_boxes_may_have_any_integer_type(x, y, order, dtype):
    top, left, size = (torch.full((len(x),), n) for n in (2, 5, 9))
    expected = A.cutmix(x, y, (top, left, size, size), order)
    found = A.cutmix(x, y, tuple(t.to(dtype) for t in (top, left, size, size)), order)
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("default", [{"dtype": torch.float64}, {"device": "meta"}])
def test_torchs_defaults_do_not_matter(x, y, order, generator, default):
    lam = A.draw_lambdas(len(x), 1.0, generator)
    box = A.draw_cuts(lam, 21, 27, generator)
    expected = A.mixup(x, y, lam, order) + A.cutmix(x, y, box, order)
    if "dtype" in default:
        torch.set_default_dtype(default["dtype"])
    try:
        with torch.device(default.get("device", "cpu")):
            found = A.mixup(x, y, lam, order) + A.cutmix(x, y, box, order)
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(map(torch.equal, found, expected))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 1000))
def test_cuts_have_the_size_of_1_minus_lambda(H, W, lam, seed):
    generator = torch.Generator().manual_seed(seed)
    top, left, height, width = A.draw_cuts(torch.full((50,), lam), H, W, generator)
    root = (1 - torch.tensor(lam)).sqrt()
    assert (height == (H * root).long()).all()
    assert (width == (W * root).long()).all()
    assert (top + height // 2 >= 0).all()
    assert (top + height // 2 < H).all()
    assert (left + width // 2 < W).all()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_lambdas_are_beta(alpha, generator):
    lam = A.draw_lambdas(20000, alpha, generator)
    assert lam.mean().item() == pytest.approx(0.5, abs=0.015)
    assert lam.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.06)
    assert ((lam >= 0) & (lam <= 1)).all()


def test_partners_are_all_equally_far_and_never_oneself(generator):
    far = [(A.draw_partners(5, generator) - torch.arange(5)) % 5 for _ in range(800)]
    assert all((k == k[0]).all() for k in far)
    counts = torch.stack(far)[:, 0].bincount(minlength=5)
    assert counts[0] == 0
    assert (counts[1:] > 150).all()
    assert A.draw_partners(1).tolist() == [0]
    assert A.draw_partners(0).tolist() == []


def test_gradients_flow_through_mixing(x, y, generator):
    x = x.clone().requires_grad_()
    lam, order = A.draw_lambdas(len(x), 1.0, generator), A.draw_partners(len(x), generator)
    A.mixup(x, y, lam, order)[0].sum().backward()
    A.cutmix(x, y, A.draw_cuts(lam, 21, 27, generator), order)[0].sum().backward()
    assert (x.grad != 0).any()


def test_gradients_flow_through_labels_and_from_mixed_pictures(x, y, generator):
    y, factor = y.clone().requires_grad_(), torch.ones(1, requires_grad=True)
    lam, order = A.draw_lambdas(len(x), 1.0, generator), A.draw_partners(len(x), generator)
    for pictures, labels in (A.mixup(x, y, lam, order), A.cutmix(x, y, A.draw_cuts(lam, 21, 27, generator), order)):
        assert not pictures.is_inference()
        ((pictures * factor).square().mean() + labels.square().sum()).backward()
    assert (y.grad != 0).any()
    assert factor.grad > 0


def test_bad_input_is_named(x, y):
    n = len(x)
    order, half = torch.arange(n), torch.full((n,), 0.5)
    with pytest.raises(ValueError, match=r"such as one_hot"):
        A.mixup(x, y.argmax(1), half, order)
    with pytest.raises(ValueError, match="numbers of pictures"):
        A.mixup(x, y, half, half)
    with pytest.raises(ValueError, match="numbered 0 … 8"):
        A.mixup(x, y, half, order + 1)
    with pytest.raises(ValueError, match="divide by 255"):
        A.mixup((x * 255).byte(), y, half, order)
    with pytest.raises(ValueError, match="alpha must be > 0"):
        A.draw_lambdas(3, 0.0)
