import pytest
import torch

from course import augmentation as A

COUNT = 4000


def test_the_slides_five_sub_policies():
    assert len(A.SVHN_POLICY) == 5
    names = {name for group in A.SVHN_POLICY for name, _, _ in group}
    assert names == {"ShearX", "ShearY", "Invert", "Solarize", "AutoContrast", "Equalize"}
    assert A.SVHN_POLICY[0] == (("ShearX", 0.9, 7), ("Invert", 0.2, 3))


def test_a_policy_draws_each_sub_policy_and_step_as_often_as_it_says(generator):
    operation, magnitude = A.draw_policy(COUNT, A.SVHN_POLICY, 32, 32, generator)
    assert operation.shape == magnitude.shape == (COUNT, 2)
    name = A.NAMES.index
    first = operation[:, 0]
    # ShearX opens two of the five sub-policies, each time with 0.9; and so on
    for opening, share in (("ShearX", 0.36), ("ShearY", 0.3), ("Invert", 0.18), ("Identity", 0.16)):
        assert (first == name(opening)).float().mean().item() == pytest.approx(share, abs=0.03)
    after_invert = operation[first == name("Invert"), 1]
    assert set(after_invert.tolist()) == {name("Equalize"), name("Identity")}
    assert (after_invert == name("Equalize")).float().mean().item() == pytest.approx(0.6, abs=0.06)


def test_magnitudes_are_those_of_the_level_in_both_directions(generator):
    operation, magnitude = A.draw_policy(COUNT, A.SVHN_POLICY, 32, 32, generator)
    shear = magnitude[:, 0][operation[:, 0] == A.NAMES.index("ShearX")]
    sizes = torch.tensor([0.3 * 4 / 9, 0.3 * 7 / 9])
    assert torch.isclose(shear.abs()[:, None], sizes).any(1).all()
    assert (shear > 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert (magnitude[operation == 0] == 0).all()
    threshold = magnitude[:, 1][operation[:, 1] == A.NAMES.index("Solarize")]
    assert torch.allclose(threshold, torch.tensor(1 / 9))


def test_one_sub_policy_for_a_batch_is_the_slides_wording(generator):
    found = set()
    for _ in range(40):
        operation, _ = A.draw_policy(64, A.SVHN_POLICY, 32, 32, generator, per_batch=True)
        openings = set(operation[:, 0].tolist()) - {0}
        assert len(openings) == 1
        found |= openings
    assert len(found) == 3


def test_probabilities_of_0_and_1_are_certain(levels):
    always, never = ([[("Invert", p, 0), ("Invert", 0.0, 0)]] for p in (1.0, 0.0))
    assert torch.equal(A.apply_policy(levels, always), 255 - levels)
    assert torch.equal(A.apply_policy(levels, never), levels)


def test_sub_policies_may_differ_in_length(levels, generator):
    policy = [[("Invert", 1.0, 0)], [("Invert", 1.0, 0), ("Invert", 1.0, 0)]]
    found = A.apply_policy(levels.repeat(20, 1, 1, 1), policy, generator)
    for y, x in zip(found, levels.repeat(20, 1, 1, 1), strict=True):
        assert torch.equal(y, x) or torch.equal(y, 255 - x)


def test_randaugment_draws_fourteen_operations_equally_often_for_each_picture(generator):
    operation, magnitude = A.draw_randaugment(COUNT, 3, 9, 32, 32, generator)
    assert operation.shape == magnitude.shape == (COUNT, 3)
    shares = torch.bincount(operation.flatten(), minlength=len(A.NAMES)) / (3 * COUNT)
    assert shares[A.NAMES.index("Invert")] == 0
    assert ((shares[:-1] - 1 / 14).abs() < 0.01).all()
    assert torch.allclose(magnitude.abs(), A.strengths(31, 32, 32)[operation, 9])
    turned = magnitude[operation == A.NAMES.index("Rotate")]
    assert (turned > 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert not (magnitude[operation == A.NAMES.index("Posterize")] < 0).any()


def test_randaugment_is_drawing_and_applying(x, levels):
    for pictures in (x, levels):
        found = A.randaugment(pictures, 2, 9, torch.Generator().manual_seed(5))
        drawn = A.draw_randaugment(len(x), 2, 9, 21, 27, torch.Generator().manual_seed(5))
        assert torch.equal(found, A.apply_steps(pictures, *drawn))
        assert found.dtype == pictures.dtype
    assert torch.equal(A.randaugment(levels, 0, 9), levels)


def test_a_generator_decides_everything(levels):
    for change in (A.randaugment, A.apply_policy):
        first, again, other = (change(levels, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_bad_input_is_named(levels):
    with pytest.raises(ValueError, match="m in 0 … 30"):
        A.randaugment(levels, 2, 31)
    with pytest.raises(ValueError, match="n ≥ 0"):
        A.randaugment(levels, -1, 3)
    with pytest.raises(ValueError, match="at least one sub-policy"):
        A.apply_policy(levels, [])
    with pytest.raises(ValueError, match="level 0 … 9"):
        A.apply_policy(levels, [[("Rotate", 0.5, 10)]])
    with pytest.raises(ValueError, match="no operation 'Blur'"):
        A.apply_policy(levels, [[("Blur", 0.5, 1)]])
    with pytest.raises(ValueError, match=r"\(N, steps\)"):
        A.apply_steps(levels, torch.zeros(len(levels), dtype=torch.long), torch.zeros(len(levels)))
