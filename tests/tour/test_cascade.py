import pytest
import torch
from skimage import color, data
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from course.tour import LAYOUTS, Cascade, haar_response, integral_image, train_cascade
from course.tour.cascade import Windows, _boxes, _merge, adaboost, all_features


def gray(image):
    return torch.from_numpy(color.rgb2gray(image) if image.ndim == 3 else image / 255).float()


@pytest.fixture(scope="module")
def people():
    return torch.from_numpy(data.lfw_subset()).float()


@pytest.fixture(scope="module")
def cascade(people):
    background = [gray(f()) for f in (data.coffee, data.rocket, data.chelsea, data.brick, data.grass, data.coins)]
    steps = []
    generator = torch.Generator().manual_seed(0)
    found = train_cascade(
        people[:70], background, generator, stages=8, candidates=800, pool=60_000, progress=lambda *s: steps.append(s)
    )
    assert [s[0] for s in steps] == list(range(1, len(found.stages) + 1))
    assert [s[1] for s in steps] == [len(s.features) for s in found.stages]
    return found


def test_features_are_haar_responses_relative_to_contrast():
    x = torch.rand(3, 12, 10, generator=torch.Generator().manual_seed(0))
    features = all_features(12, 10, 4)
    found = Windows(x, (12, 10)).responses(features)
    boxes = [(layout, box) for layout in LAYOUTS for box in _boxes(layout, 12, 10, 4)]
    assert len(boxes) == len(features) == found.shape[1]
    scale = 120 * x.flatten(1).double().std(1, correction=0)
    for k, (layout, box) in enumerate(boxes):
        torch.testing.assert_close(found[:, k], (haar_response(integral_image(x), box, layout) / scale).float())


def test_a_window_in_a_picture_is_the_picture_cut_out():
    x = torch.rand(2, 30, 40)
    at = torch.tensor([[0, 3, 5], [1, 18, 30], [1, 0, 0]])
    features = all_features(12, 10)
    cut = torch.stack([x[n, i : i + 12, j : j + 10] for n, i, j in at.tolist()])
    torch.testing.assert_close(
        Windows(x, (12, 10), at).responses(features), Windows(cut, (12, 10)).responses(features), atol=1e-5, rtol=1e-4
    )


def test_contrast_and_brightness_do_not_matter():
    x = torch.rand(4, 12, 12)
    features = all_features(12, 12, 3)
    first, second = (Windows(t, (12, 12)).responses(features) for t in (x, 0.3 * x + 0.5))
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-3)


def test_adaboost_is_as_good_as_scikit_learns():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(300, 20, generator=g)
    face = x[:, 3] + x[:, 7] - x[:, 11] + 0.3 * torch.randn(300, generator=g) > 0
    which, thresholds, signs, votes, total = adaboost(x, face, lambda s: False, rounds=20)
    assert len(which) == 20
    assert {3, 7, 11} <= set(which.tolist())
    again = torch.where(x[:, which] > thresholds, signs, -signs) @ votes
    torch.testing.assert_close(again, total, atol=1e-4, rtol=0)
    weight = torch.where(face, 0.5 / face.sum(), 0.5 / (~face).sum())
    peer = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=20)
    peer = peer.fit(x, face, sample_weight=weight).score(x, face)
    assert ((total > 0) == face).float().mean() >= peer - 0.02


def test_the_first_stump_is_the_best_there_is():
    g = torch.Generator().manual_seed(2)
    x = torch.randn(40, 3, generator=g).round(decimals=1)
    face = torch.rand(40, generator=g) < 0.5
    weight = torch.where(face, 0.5 / face.sum(), 0.5 / (~face).sum())
    (which,), (threshold,), (sign,), _, _ = adaboost(x, face, lambda s: True, rounds=5)

    def error(feature, threshold, sign):
        return weight[((x[:, feature] - threshold) * sign > 0) != face].sum().item()

    every = [error(f, t, s) for f in range(3) for t in x[:, f] + 0.05 for s in (1, -1)]
    assert error(which, threshold, sign) == pytest.approx(min(every))


def test_it_tells_new_faces_from_new_other_things(cascade, people):
    passed, _ = cascade.classify(people)
    right = passed == len(cascade.stages)
    assert right[:70].float().mean() > 0.95
    assert right[70:100].float().mean() > 0.7
    assert right[100:].float().mean() < 0.05


def test_most_windows_are_rejected_early_and_the_astronauts_face_is_found_first(cascade):
    boxes, support, seen = cascade.detect(gray(data.astronaut()))
    assert seen == sorted(seen, reverse=True)
    lengths = [len(s.features) for s in cascade.stages]
    assert sum(n * k for n, k in zip(seen, lengths, strict=False)) / seen[0] < sum(lengths) / 8
    top, left, height, width = boxes[0].tolist()
    assert 90 < top + height / 2 < 140  # her face is at about (115, 225)
    assert 200 < left + width / 2 < 250
    assert support.tolist() == sorted(support.tolist(), reverse=True)


def test_training_is_reproducible(people):
    def train():
        generator = torch.Generator().manual_seed(5)
        return train_cascade(people[:20], [gray(data.coins())], generator, stages=2, candidates=100, pool=2000)

    first, second = train(), train()
    assert len(first.stages) == len(second.stages) > 0
    for a, b in zip(first.stages, second.stages, strict=True):
        assert torch.equal(a.thresholds, b.thresholds)
        assert torch.equal(a.votes, b.votes)


def test_a_picture_without_a_window_or_a_find_has_no_faces(cascade):
    for picture in (torch.rand(20, 200), torch.zeros(80, 80)):
        boxes, support, seen = cascade.detect(picture)
        assert boxes.shape == (0, 4)
        assert not len(support)
        assert seen[-1] == 0


def test_overlapping_finds_are_merged():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 10, 10]])
    kept, support = _merge(boxes, torch.tensor([1.0, 2, 2.5]), 0.3)
    assert kept[:, 0].tolist()[1:] == [50]
    assert support.tolist() == [3, 2.5]


def test_bad_input_is_refused(cascade, people):
    with pytest.raises(ValueError, match="need pictures"):
        cascade.classify(torch.rand(2, 24, 25))
    with pytest.raises(ValueError, match="one picture"):
        cascade.detect(torch.rand(3, 64, 64))
    with pytest.raises(ValueError, match="factor"):
        cascade.detect(torch.rand(64, 64), factor=1)
    for faces, background in ((people[:0], [torch.rand(64, 64)]), (people, [torch.rand(9, 9)]), (people, [])):
        with pytest.raises(ValueError, match="need faces"):
            train_cascade(faces, background, torch.Generator())


def test_a_cascade_without_stages_accepts_everything():
    passed, score = Cascade((5, 5), ()).classify(torch.rand(3, 5, 5))
    assert passed.tolist() == score.tolist() == [0, 0, 0]
