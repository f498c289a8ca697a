import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course.data import FREE, FRUIT, PLAIN, UPRIGHT, Variety, fruit, orchard, render

LABELS = torch.arange(3).repeat(8)
INDEX = torch.arange(24)
GREY = 128


def draw(variety, size=64, index=INDEX, labels=LABELS, seed=0):
    return render(index, size, variety, seed, labels)[0].int()


def body(images):
    """Which pixels are not plain grey."""
    return (images != GREY).any(1)


# ------------------------------------------------------------------------------------------- reproducibility


def test_a_picture_depends_on_seed_and_index_alone():
    images, labels = render(torch.arange(50), 33, seed=7)
    order = torch.randperm(50)
    for rows in (order, order[:7], order[:1]):
        again, same = render(rows, 33, seed=7)
        assert torch.equal(again, images[rows])
        assert torch.equal(same, labels[rows])
    assert not torch.equal(render(torch.arange(50), 33, seed=8)[0], images)


@pytest.mark.parametrize("size", [32, 45])
def test_bytes_do_not_depend_on_chunks_and_threads(size, monkeypatch):
    index = torch.arange(1000, 1060)
    monkeypatch.setattr(orchard, "CHUNK", 1 << 20)
    images = render(index, size)[0]
    for chunk in (1, 10_000, 40_000):
        monkeypatch.setattr(orchard, "CHUNK", chunk)
        assert torch.equal(render(index, size)[0], images)
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))
    try:
        assert torch.equal(render(index, size)[0], images)
    finally:
        torch.set_num_threads(threads)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(1)
    first = render(INDEX)[0], torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), first[1])
    torch.manual_seed(2)
    assert torch.equal(render(INDEX)[0], first[0])


def test_pictures_are_the_same_on_every_machine():
    """If you changed how fruit looks, measure again what depends on it, then put the new sum here."""
    found = hashlib.sha256(render(torch.arange(30), 32)[0].numpy().tobytes()).hexdigest()
    assert found == "b750bb10c1f98a1706bfb9155a72e8d83d7472151748363cf42c756ecb1918cd"


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 200))
@settings(max_examples=30, deadline=None)
def test_no_two_pictures_share_their_random_numbers(seed, start):
    index = torch.cat([torch.arange(start, start + 200), torch.arange(100) * 999_983])
    keys = orchard._keys(index, seed)
    assert len(keys.unique()) == len(index.unique())


def test_random_numbers_are_uniform_and_unrelated():
    numbers = orchard._uniform(orchard._keys(torch.arange(20_000), 0), 0, 16)
    assert 0 <= numbers.min() < 0.001
    assert 0.999 < numbers.max() < 1
    counts = torch.stack([row.histc(20, 0, 1) for row in numbers])
    assert (counts - 1000).abs().max() < 5.5 * 1000**0.5
    related = torch.corrcoef(numbers) - torch.eye(16)
    assert related.abs().max() < 0.035


# ------------------------------------------------------------------------------------------------ the data set


def test_shapes_types_and_range():
    images, labels = fruit("validation", device="cpu")
    assert images.shape == (300, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert images.min() == 0
    assert 0.95 < images.max() <= 1
    assert labels.bincount().tolist() == [100, 100, 100]
    assert FRUIT == ("banana", "apple", "orange")
    assert fruit("test", 5, 48)[0].shape == (5, 3, 48, 48)
    stored, _ = render(torch.arange(4), 24)
    assert stored.dtype == torch.uint8
    assert stored.is_contiguous()


@pytest.mark.parametrize(("split", "number"), [("train", 1000), ("test", 1000)])
def test_default_numbers(split, number):
    assert len(fruit(split, size=8)[1]) == number


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_fewer_pictures_are_the_first_of_more(split):
    images, labels = fruit(split, 40, 16, seed=3)
    for n in (1, 2, 13, 39):
        fewer, some = fruit(split, n, 16, seed=3)
        assert torch.equal(fewer, images[:n])
        assert torch.equal(some, labels[:n])
        counts = some.bincount(minlength=3)
        assert counts.max() - counts.min() <= 1


def test_splits_have_no_picture_in_common():
    indices = {}
    original = orchard.render
    for split in orchard.SPLIT_SIZES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(orchard, "render", lambda index, *a: (indices.update({split: index}), original(index, *a))[1])  # noqa: B023
            fruit(split, 500, 8)
    spans = sorted((int(i.min()), int(i.min()) + orchard.SPAN) for i in indices.values())
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert spans[-1][1] < 1 << 32
    pictures = torch.cat([fruit(split, 300, 16)[0] for split in orchard.SPLIT_SIZES]).flatten(1)
    assert len(pictures.unique(dim=0)) == 900


def test_labels_come_in_random_order():
    labels = fruit("train", 600, 8)[1].view(-1, 3)
    assert len(labels.unique(dim=0)) == 6
    assert not torch.equal(fruit("train", 60, 8, seed=1)[1], labels.flatten()[:60])


@pytest.mark.parametrize("wrong", [0.1, 0.4, 0.999])
def test_wrong_labels(wrong):
    images, right = fruit("train", 500, 8, seed=2)
    same, labels = fruit("train", 500, 8, seed=2, wrong=wrong)
    assert torch.equal(same, images)
    assert (labels != right).sum() == round(wrong * 500)
    assert labels.min() >= 0
    assert labels.max() <= 2
    assert torch.equal(fruit("train", 500, 8, seed=2, wrong=wrong)[1], labels)
    moves = ((labels - right) % 3)[labels != right].bincount(minlength=3)
    assert moves[1:].min() > 0.3 * moves.sum()  # both other classes occur


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "training"}, "'train', 'validation', 'test'"),
        ({"n": 0}, "n must be"),
        ({"n": 10**9}, "n must be"),
        ({"wrong": 1.0}, "share"),
        ({"wrong": -0.1}, "share"),
        ({"split": "test", "wrong": 0.1}, "training only"),
        ({"size": 4}, "size must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 1 << 32}, "seed must be"),
    ],
)
def test_errors_of_the_data_set(arguments, message):
    with pytest.raises(ValueError, match=message):
        fruit(**arguments)


@pytest.mark.parametrize(
    ("index", "labels", "message"),
    [
        (torch.zeros(3), None, "index must be integers"),
        (torch.zeros(3, 1).long(), None, "index must be integers"),
        (torch.tensor(3), None, "index must be integers"),
        (torch.tensor([-1]), None, r"indices must be in \[0"),
        (torch.tensor([1 << 32]), None, r"indices must be in \[0"),
        (torch.arange(3), torch.arange(2), "one class id per index"),
        (torch.arange(3), torch.zeros(3), "one class id per index"),
        (torch.arange(3), torch.tensor([0, 1, 3]), r"labels must be 0 … 2 \(banana, apple, orange\)"),
    ],
)
def test_errors_of_the_renderer(index, labels, message):
    with pytest.raises(ValueError, match=message):
        render(index, labels=labels)


def test_no_pictures_at_all():
    images, labels = render(torch.arange(0))
    assert images.shape == (0, 3, 32, 32)
    assert labels.shape == (0,)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_indices_and_labels_of_other_integer_types(dtype):
    images, labels = render(INDEX.to(dtype), 16, labels=LABELS.to(dtype))
    assert torch.equal(images, render(INDEX, 16, labels=LABELS)[0])
    assert torch.equal(labels, LABELS)


# --------------------------------------------------------------------------------------------- what may vary


@pytest.mark.parametrize(
    ("factor", "value"),
    [
        ("rotation", 181),
        ("rotation", -1),
        ("shift", 1.5),
        ("shape", 2),
        ("colour", -0.1),
        ("light", float("nan")),
        ("background", 3),
        ("clutter", 1.01),
        ("occlusion", 2),
        ("noise", -0.1),
        ("scale", (0.9, 0.5)),
        ("scale", (0, 0.5)),
        ("scale", (0.5, 3)),
    ],
)
def test_impossible_varieties(factor, value):
    with pytest.raises(ValueError, match=f"{factor} must be"):
        Variety(**{factor: value})


def test_presets():
    assert UPRIGHT.rotation < 30
    assert replace(UPRIGHT, rotation=180) == FREE


def test_nothing_varies_in_plain_pictures():
    images = draw(PLAIN)
    for label in range(3):
        assert len(images[label == LABELS].unique(dim=0)) == 1
    assert len(images.unique(dim=0)) == 3
    border = torch.ones(64, 64, dtype=torch.bool)
    border[2:-2, 2:-2] = False
    assert (images[..., border] == GREY).all()
    assert (body(images).flatten(1).float().mean(1) > 0.1).all()


MOVES = {"rotation": 60, "scale": (0.4, 1.0), "shift": 0.4, "shape": 1}
LOOKS = {"colour": 1}


@pytest.mark.parametrize("factor", ["rotation", "scale", "shift", "shape"])
def test_what_changes_the_outline(factor):
    images = draw(replace(PLAIN, **{factor: MOVES[factor]}))
    changed = (body(images) != body(draw(PLAIN))).flatten(1).sum(1)
    assert (changed > 0).float().mean() > (0.6 if factor == "rotation" else 0.9)  # a turned ball is a ball
    assert (images[..., 0, 0] == GREY).all()


def test_colour_changes_the_skin_and_nothing_else():
    images, plain = draw(replace(PLAIN, colour=1)), draw(PLAIN)
    leaves_grey = body(images) == body(plain)
    assert leaves_grey.float().mean() > 0.998
    inside = body(plain)
    for one, other, where in zip(images, plain, inside, strict=True):
        assert (one - other).abs()[:, where].float().mean() > 2
    apples = images[LABELS == 1].float().mean((2, 3))
    assert (apples[:, 1] > apples[:, 0]).any()  # a green one
    assert (apples[:, 0] > 1.2 * apples[:, 1]).any()  # a red one


def test_colours_of_the_classes_overlap():
    """Mean colour tells more about the class when each class has one colour."""
    index, labels = torch.arange(600), torch.arange(3).repeat(200)

    def confused(colour):
        images = render(index, 16, replace(PLAIN, colour=colour), labels=labels)[0].float()
        means = images[:, :, 6:12, 5:11].mean((2, 3))
        nearest = torch.cdist(means, means).fill_diagonal_(1e9).argmin(1)
        return float((labels[nearest] != labels).float().mean())

    assert confused(0) == 0
    assert confused(1) > 0.08


def test_light_changes_brightness_of_everything():
    images = draw(replace(PLAIN, light=1))
    corners = images[..., 0, 0].float()
    assert corners.std(0).min() > 5  # exposure and white balance
    inside = body(draw(PLAIN)).all(0)
    lit = images[LABELS == 2].float().mean(1)[:, inside]
    assert lit.std(0).min() > 5


def test_background_is_behind_the_fruit():
    plain, images = draw(PLAIN), draw(replace(PLAIN, background=1))
    orange = LABELS == 2
    middle = slice(20, 44)
    assert torch.equal(images[orange][..., middle, middle], plain[orange][..., middle, middle])
    assert (images[..., 0, 0] != plain[..., 0, 0]).any(1).all()


def test_clutter_is_behind_the_fruit():
    plain, images = draw(PLAIN), draw(replace(PLAIN, clutter=1))
    orange = LABELS == 2
    middle = slice(20, 44)
    assert torch.equal(images[orange][..., middle, middle], plain[orange][..., middle, middle])
    assert (images != plain).flatten(1).any(1).float().mean() > 0.9


def test_occlusion_is_a_probability():
    index, labels = torch.arange(600), torch.arange(3).repeat(200)

    def hidden(p):
        images = draw(replace(PLAIN, occlusion=p), 16, index, labels)
        return (images != draw(PLAIN, 16, index, labels)).flatten(1).any(1)

    half, always = hidden(0.5), hidden(1)
    assert always.float().mean() > 0.95
    assert 0.4 < half.float().mean() < 0.6
    assert (half <= always).all()  # the same occluders, only fewer


def test_noise_has_the_promised_deviation():
    noise = draw(replace(PLAIN, noise=0.05))[..., :2, :] - 127.5
    assert abs(noise.mean()) < 0.3
    assert noise.std() == pytest.approx(0.05 * 255, rel=0.05)
    channels = torch.corrcoef(noise.transpose(0, 1).flatten(1)) - torch.eye(3)
    assert channels.abs().max() < 0.05


def test_one_factor_leaves_the_others_as_they_were():
    """Same scene, same place: away from the fruit, turning it changes nothing."""
    small = Variety(scale=(0.3, 0.3), shift=0, occlusion=0)
    straight, turned = draw(replace(small, rotation=0)), draw(replace(small, rotation=180))
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    away = torch.hypot(x, y) > 0.65
    assert torch.equal(straight[..., away], turned[..., away])
    assert (straight != turned).flatten(1).any(1).all()


def test_scale_is_a_share_of_the_side():
    for share in (0.4, 0.8):
        wide = body(draw(replace(PLAIN, scale=(share, share)), 100)).any(1).sum(1) / 100
        assert wide.min() > 0.8 * share
        assert wide.max() < 1.05 * share


def test_shift_stays_within_its_limit():
    masks = body(draw(replace(PLAIN, scale=(0.3, 0.3), shift=0.5), 100, torch.arange(90), torch.full((90,), 2))).float()
    at = torch.arange(100) - 49.5
    x = (masks.sum(1) * at).sum(1) / masks.sum((1, 2))
    assert 22 < x.abs().max() <= 25.5
    assert abs(x.mean()) < 5


def test_rotation_turns_up_to_its_limit():
    """The direction of a banana's principal axis."""
    bananas = torch.zeros(200, dtype=torch.long)

    def directions(rotation):
        masks = body(draw(replace(PLAIN, rotation=rotation), 48, torch.arange(200), bananas)).float()
        at = torch.arange(48) - 23.5
        area = masks.sum((1, 2))
        x, y = (masks.sum(1) * at).sum(1) / area, (masks.sum(2) * at).sum(1) / area
        dx, dy = at - x[:, None], at - y[:, None]
        xx, yy = (masks.sum(1) * dx**2).sum(1), (masks.sum(2) * dy**2).sum(1)
        xy = torch.einsum("nij,ni,nj->n", masks, dy, dx)
        return 0.5 * torch.rad2deg(torch.atan2(2 * xy, xx - yy))

    straight = directions(0)
    tilted = directions(30) - straight
    assert straight.std() < 0.01
    assert 25 < tilted.abs().max() < 32
    assert abs(tilted.mean()) < 4
    assert (directions(180) - straight).abs().max() > 75


def test_size_changes_the_resolution_and_not_the_scene():
    large, small = draw(replace(UPRIGHT, noise=0), 96).float(), draw(replace(UPRIGHT, noise=0), 32).float()
    shrunk = F.avg_pool2d(large, 3)
    assert (shrunk - small).abs().mean() < 6
    assert (shrunk - small[torch.randperm(24)]).abs().mean() > 30


# -------------------------------------------------------------------------------------------------- difficulty


def linear_accuracy(train, test):
    """A linear softmax classifier on standardised features, a little weight decay."""
    (x, y), (xt, yt) = train, test
    mean, std = x.mean(0), x.std(0) + 1e-2
    x, xt = (x - mean) / std, (xt - mean) / std
    weight, bias = torch.zeros(x.shape[1], 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight + bias, y) + 0.05 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(((xt @ weight + bias).argmax(1) == yt).float().mean())


def network_accuracy(train, test, epochs=10):
    (x, y), (xt, yt) = train, test
    nn = torch.nn
    torch.manual_seed(0)
    blocks = [(3, 16), (16, 32), (32, 64)]
    layers = [m for i, o in blocks for m in (nn.Conv2d(i, o, 3, 1, 1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 3))
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, epochs * len(x.split(50)))
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(50):
            flipped = x[rows] if torch.rand(()) < 0.5 else x[rows].flip(-1)
            optimizer.zero_grad()
            F.cross_entropy(net(flipped), y[rows]).backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return float((net(xt).argmax(1) == yt).float().mean())


def ladder(variety):
    from course.features import hog
    from course.pixels import to_gray

    (x, y), (xt, yt) = fruit("train", variety=variety), fruit("test", variety=variety)
    g, gt = to_gray(x), to_gray(xt)
    return {
        "grey": linear_accuracy((g.flatten(1), y), (gt.flatten(1), yt)),
        "colour": linear_accuracy((x.flatten(1), y), (xt.flatten(1), yt)),
        "hog": linear_accuracy((hog(g).flatten(1), y), (hog(gt).flatten(1), yt)),
        "network": network_accuracy((x, y), (xt, yt)),
    }


@pytest.mark.slow
def test_better_features_help_and_a_network_helps_most():
    found = ladder(UPRIGHT)
    assert found["grey"] > 0.4
    assert found["hog"] > found["grey"] + 0.1
    assert found["network"] > found["hog"] + 0.05
    assert found["network"] > found["colour"] + 0.05
    assert found["network"] < 0.99  # something is left to gain
