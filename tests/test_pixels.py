import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import top_k_accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from course.pixels import LUMA, nearest_neighbour, one_hot, to_gray, to_tensor, top_k_accuracy

seeds = st.integers(0, 2**31 - 1)


def picture(seed=0, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape or (5, 7, 3), dtype=np.uint8)


# ---------------------------------------------------------------------------------------------- to_tensor


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_to_tensor_is_torchvisions(channels):
    image = picture(1, 6, 9, channels)
    torch.testing.assert_close(to_tensor(image), TF.to_tensor(image), rtol=0, atol=0)


def test_to_tensor_reads_arrays_tensors_and_pil_images_alike():
    image = picture(2, 4, 5, 3)
    expected = to_tensor(image)
    assert torch.equal(to_tensor(torch.from_numpy(image)), expected)
    assert torch.equal(to_tensor(Image.fromarray(image)), expected)
    assert torch.equal(to_tensor(Image.fromarray(image[..., 0])), expected[:1])


def test_to_tensor_takes_a_batch_and_leaves_it_alone():
    batch = picture(3, 2, 3, 4, 5, 3)
    before = batch.copy()
    x = to_tensor(batch)
    assert x.shape == (2, 3, 3, 4, 5)
    assert x.is_contiguous()
    assert x.dtype == torch.float32
    assert torch.equal(x[1, 2], to_tensor(batch[1, 2]))
    x.zero_()
    assert (batch == before).all()


def test_a_read_only_array_gives_no_warning(recwarn):
    image = picture()
    image.setflags(write=False)
    to_tensor(image)
    assert not list(recwarn)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3)), np.zeros((3, 4, 5), np.uint8), np.zeros(4, np.uint8), torch.zeros(4, 4, 3)]
)
def test_to_tensor_refuses_what_is_no_stored_picture(image):
    with pytest.raises(ValueError, match="uint8"):
        to_tensor(image)


# ------------------------------------------------------------------------------------------------ to_gray


def test_to_gray_is_pils_and_torchvisions():
    image = picture(4, 20, 30, 3)
    gray = to_gray(to_tensor(image))
    assert abs(gray * 255 - torch.from_numpy(np.array(Image.fromarray(image).convert("L")))).max() <= 0.51
    torch.testing.assert_close(gray, TF.rgb_to_grayscale(to_tensor(image))[0], rtol=0, atol=2e-4)


def test_to_gray_is_opencvs():
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless, in the bench extra")
    image = picture(5, 8, 9, 3)
    gray = to_gray(to_tensor(image)).numpy()
    np.testing.assert_allclose(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2GRAY), gray, atol=1e-6)


@settings(deadline=None)
@given(seeds)
def test_grey_stays_grey_and_within_the_colours(seed):
    x = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))
    gray = to_gray(x)
    assert gray.shape == (2, 4, 5)
    assert (gray <= x.amax(1) + 1e-6).all()
    assert (gray >= x.amin(1) - 1e-6).all()
    torch.testing.assert_close(to_gray(x[:, :1].expand(-1, 3, -1, -1)), x[:, 0])


def test_the_luma_weights_sum_to_one():
    assert sum(LUMA) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("x", [torch.zeros(4, 4, 3), torch.zeros(1, 4, 4), torch.zeros(3, 4, 4, dtype=torch.uint8)])
def test_to_gray_refuses_other_layouts(x):
    with pytest.raises(ValueError, match="3, H, W"):
        to_gray(x)


# ------------------------------------------------------------------------------------------------ one_hot


@settings(deadline=None)
@given(seeds, st.integers(1, 300), st.sampled_from([torch.uint8, torch.int32, torch.int64]))
def test_one_hot_is_torchs(seed, k, dtype):
    high = min(k, 256) if dtype == torch.uint8 else k
    y = torch.randint(high, (3, 2), generator=torch.Generator().manual_seed(seed)).to(dtype)
    p = one_hot(y, k)
    assert p.dtype == torch.float32
    assert torch.equal(p, torch.nn.functional.one_hot(y.long(), k).float())
    assert torch.equal(p.argmax(-1), y.long())


def test_one_hot_of_nothing():
    assert one_hot(torch.zeros(0, dtype=torch.int64), 3).shape == (0, 3)


@pytest.mark.parametrize(("y", "k"), [([1, 2, 3], 3), ([-1], 3), ([0], 0)])
def test_one_hot_refuses_ids_that_are_not_there(y, k):
    with pytest.raises(ValueError, match=r"0 … 2|K ≥ 1"):
        one_hot(torch.tensor(y), k)


def test_one_hot_refuses_floats():
    with pytest.raises(ValueError, match="integer"):
        one_hot(torch.tensor([1.0]), 3)


# --------------------------------------------------------------------------------------- nearest_neighbour


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_nearest_neighbour_is_scikit_learns(seed):
    g = torch.Generator().manual_seed(seed)
    train_x, x = torch.rand(40, 1, 3, 4, generator=g), torch.rand(15, 1, 3, 4, generator=g)
    train_y = torch.randint(5, (40,), generator=g)
    peer = KNeighborsClassifier(1).fit(train_x.flatten(1).double(), train_y)
    assert nearest_neighbour(train_x, train_y, x).tolist() == peer.predict(x.flatten(1).double()).tolist()


def test_of_equally_near_ones_the_first_counts():
    train_x = torch.tensor([[9.0], [1.0], [3.0], [1.0]])
    assert nearest_neighbour(train_x, torch.tensor([0, 7, 8, 9]), torch.tensor([[1.0], [2.0]])).tolist() == [7, 7]


def test_small_differences_between_bright_pictures_decide():
    train_x = torch.full((2, 3000), 1000.0)
    train_x[1, 0] += 0.01
    assert nearest_neighbour(train_x, torch.tensor([4, 5]), train_x).tolist() == [4, 5]


def test_cutting_into_chunks_changes_nothing():
    train_x, y = torch.rand(3000, 4), torch.arange(3000)
    assert torch.equal(nearest_neighbour(train_x, y, train_x), y)  # 9 million distances: three chunks


def test_nearest_neighbour_of_nothing():
    assert nearest_neighbour(torch.rand(2, 3), torch.tensor([1, 2]), torch.rand(0, 3)).tolist() == []


@pytest.mark.parametrize(
    ("train", "labels", "x"), [((0, 4), 0, (1, 4)), ((3, 4), 2, (1, 4)), ((3, 4), 3, (1, 5)), ((3, 2, 2), 3, (1, 4))]
)
def test_nearest_neighbour_refuses_shapes_that_do_not_fit(train, labels, x):
    with pytest.raises(ValueError, match="train_x"):
        nearest_neighbour(torch.rand(*train), torch.zeros(labels), torch.rand(*x))


# ------------------------------------------------------------------------------------------ top_k_accuracy


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(3, 8), st.data())
def test_top_k_accuracy_is_scikit_learns(seed, classes, data):
    k = data.draw(st.integers(1, classes - 1))
    g = torch.Generator().manual_seed(seed)
    scores = torch.rand(20, classes, generator=g)
    y = torch.randint(classes, (20,), generator=g)
    peer = top_k_accuracy_score(y, scores, k=k, labels=list(range(classes)))
    assert top_k_accuracy(scores, y, k).item() == pytest.approx(peer)


@settings(deadline=None)
@given(seeds)
def test_more_guesses_never_hurt_and_all_guesses_are_enough(seed):
    g = torch.Generator().manual_seed(seed)
    scores, y = torch.randn(10, 5, generator=g).round(decimals=1), torch.randint(5, (10,), generator=g)
    shares = [top_k_accuracy(scores, y, k).item() for k in range(1, 6)]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_undecided_and_broken_scores_earn_nothing():
    y = torch.tensor([0, 1])
    assert top_k_accuracy(torch.zeros(2, 3), y, 2) == 0
    assert top_k_accuracy(torch.full((2, 3), float("nan")), y, 2) == 0
    assert top_k_accuracy(torch.zeros(2, 3), y, 3) == 1


@pytest.mark.parametrize(("n", "k"), [(2, 0), (2, 4), (0, 1)])
def test_top_k_accuracy_refuses_impossible_requests(n, k):
    with pytest.raises(ValueError, match=r"1 … 3|N > 0"):
        top_k_accuracy(torch.rand(n, 3), torch.zeros(n, dtype=torch.int64), k)
