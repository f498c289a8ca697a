"""The references of section 03 against independent implementations and against their own mathematics."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course import descent
from course.descent import SGD, SURFACES, cross_entropy, gradient_descent, gradient_noise, gradient_of, minibatches

unhurried = settings(deadline=None)  # the first call into torch takes seconds on a busy machine


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ------------------------------------------------------------------------------------------- cross-entropy


@unhurried
@given(
    st.integers(1, 9), st.integers(1, 7), st.sampled_from([torch.float32, torch.float64]), st.integers(0, 10**6),
    st.sampled_from([1e-3, 1.0, 30.0]),
)  # fmt: skip
def test_cross_entropy_and_its_gradient_agree_with_torch(n, k, dtype, seed, scale):
    g = seeded(seed)
    z = (torch.randn(n, k, generator=g, dtype=dtype) * scale).requires_grad_()
    y = torch.randint(k, (n,), generator=g)
    ours, theirs = cross_entropy(z, y), F.cross_entropy(z, y)
    assert ours.dtype == dtype
    assert ours.shape == ()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, z)[0] for loss in (ours, theirs)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cross_entropy_of_extreme_logits_is_exact_and_its_gradient_finite(dtype):
    z = torch.tensor([[1e30, -1e30, 0.0], [1e4, 0.0, -1e4], [-1e4, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    loss = cross_entropy(z, torch.tensor([0, 1, 2]))
    assert loss.item() == pytest.approx((0 + 1e4 + math.log(2)) / 3, rel=1e-6)
    loss.backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("shift", [1e6, -1e6, 1e30])
def test_cross_entropy_does_not_depend_on_a_shift_of_all_logits(shift):
    z = torch.full((1, 3), shift)
    assert cross_entropy(z, torch.tensor([1])).item() == pytest.approx(math.log(3), rel=1e-6)


def test_cross_entropy_gradient_is_softmax_minus_onehot_over_n():
    z = torch.randn(5, 4, generator=seeded(), dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 3, 3, 1, 2])
    cross_entropy(z, y).backward()
    torch.testing.assert_close(z.grad, (torch.softmax(z.detach(), 1) - F.one_hot(y, 4)) / 5)
    assert torch.autograd.gradcheck(lambda v: cross_entropy(v, y), z)


@pytest.mark.parametrize(
    ("logits", "y"),
    [
        (torch.zeros(3, 2), torch.zeros(4, dtype=torch.long)),
        (torch.zeros(3), torch.zeros(3, dtype=torch.long)),
        (torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)),
    ],
)
def test_cross_entropy_says_which_shapes_it_needs(logits, y):
    with pytest.raises(ValueError, match=r"\(N, K\)"):
        cross_entropy(logits, y)


# ---------------------------------------------------------------------------------------- gradient descent


def test_one_step_by_hand():
    w, g, delta = torch.tensor([1.0, -2.0]), torch.tensor([10.0, 4.0]), torch.tensor([2.0, 0.0])
    assert descent.gd_step(w, g, 0.1).tolist() == pytest.approx([0.0, -2.4])
    new, moved = descent.momentum_step(w, g, delta, lr=0.1, alpha=0.5)
    assert moved.tolist() == pytest.approx([11.0, 4.0])
    assert new.tolist() == pytest.approx([-0.1, -2.4])
    assert (w.tolist(), g.tolist(), delta.tolist()) == ([1.0, -2.0], [10.0, 4.0], [2.0, 0.0])


@unhurried
@given(st.floats(0.01, 1.9), st.floats(-5, 5), st.integers(0, 30))
def test_descent_on_a_quadratic_follows_the_closed_form(lr, w0, steps):
    path = gradient_descent(lambda w: 0.5 * w**2, torch.tensor(w0, dtype=torch.float64), lr, steps)
    expected = w0 * (1 - lr) ** torch.arange(steps + 1, dtype=torch.float64)
    torch.testing.assert_close(path, expected)


@unhurried
@given(st.floats(0.01, 1.0), st.floats(0, 0.99), st.floats(0.1, 3), st.integers(1, 40))
def test_momentum_on_a_quadratic_follows_its_matrix(lr, alpha, curvature, steps):
    # (w, Δ) ← M (w, Δ), with Δ ← αΔ + hw and w ← w − ηΔ
    m = torch.tensor([[1 - lr * curvature, -lr * alpha], [curvature, alpha]], dtype=torch.float64)
    state = torch.linalg.matrix_power(m, steps) @ torch.tensor([1.0, 0.0], dtype=torch.float64)
    path = gradient_descent(
        lambda w: curvature / 2 * w**2, torch.tensor(1.0, dtype=torch.float64), lr, steps, momentum=alpha
    )
    torch.testing.assert_close(path[-1], state[0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", SURFACES)
def test_many_starts_at_once_are_the_same_as_one_by_one(name):
    loss = SURFACES[name].loss
    starts = torch.randn(3, 4, 2, generator=seeded(), dtype=torch.float64)
    together = gradient_descent(loss, starts, 0.01, 25, momentum=0.8)
    assert together.shape == (26, 3, 4, 2)
    for i in range(3):
        for j in range(4):
            torch.testing.assert_close(together[:, i, j], gradient_descent(loss, starts[i, j], 0.01, 25, momentum=0.8))


def test_descent_leaves_its_start_alone_and_its_path_does_not_alias():
    w0 = torch.tensor([1.0, 1.0], requires_grad=True)
    path = gradient_descent(lambda w: w.square().sum(-1), w0, 0.1, 3)
    assert not path.requires_grad
    assert w0.tolist() == [1.0, 1.0]
    path[0] = 7.0
    assert w0.tolist() == [1.0, 1.0]
    assert len({tuple(p.tolist()) for p in path}) == 4


def test_descent_under_no_grad_and_with_bad_steps():
    with torch.no_grad():
        assert gradient_descent(lambda w: w.square().sum(), torch.ones(2), 0.5, 1)[1].tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="steps"):
        gradient_descent(lambda w: w.square().sum(), torch.ones(2), 0.5, -1)


# --------------------------------------------------------------------------------------------- mini-batches


@unhurried
@given(st.integers(0, 200), st.integers(1, 250), st.integers(0, 10**6))
def test_minibatches_are_a_partition(n, size, seed):
    batches = minibatches(n, size, seeded(seed))
    assert sorted(i for b in batches for i in b.tolist()) == list(range(n))
    assert len(batches) == math.ceil(n / size)
    assert all(len(b) == size for b in batches[:-1])
    assert all(len(b) > 0 and b.dtype == torch.int64 for b in batches)


@unhurried
@given(st.integers(0, 10**6))
def test_minibatches_repeat_with_the_seed_and_change_with_the_epoch(seed):
    g, again = seeded(seed), seeded(seed)
    first, second = minibatches(50, 8, g), minibatches(50, 8, g)
    assert all(map(torch.equal, first, minibatches(50, 8, again)))
    assert not torch.equal(torch.cat(first), torch.cat(second))


def test_each_sample_is_equally_likely_to_come_first():
    g = seeded(1)
    counts = torch.bincount(torch.stack([minibatches(5, 2, g)[0][0] for _ in range(5000)]), minlength=5)
    assert (counts - 1000).abs().max() < 150  # five standard deviations


@pytest.mark.parametrize(("n", "size"), [(5, 0), (5, -1), (-1, 2)])
def test_minibatches_refuse_nonsense(n, size):
    with pytest.raises(ValueError, match="size"):
        minibatches(n, size)


def test_iterate_batches_keeps_inputs_and_labels_together():
    x = torch.arange(17.0)[:, None]
    seen = list(descent.iterate_batches(x, torch.arange(17), 5, seeded()))
    assert [len(y) for _, y in seen] == [5, 5, 5, 2]
    assert all(torch.equal(a[:, 0].long(), b) for a, b in seen)


# ------------------------------------------------------------------------------------- SGD as an optimizer


def parameters(dtype: torch.dtype) -> list[nn.Parameter]:
    g = seeded(7)
    shapes = ((3, 4), (5,), (), (2, 1, 3))
    return [nn.Parameter(torch.randn(s, generator=g, dtype=dtype)) for s in shapes]


def gradients(step: int, params: list[nn.Parameter], skip: frozenset[int] = frozenset()) -> list[Tensor | None]:
    """Varied: the size swings over four orders of magnitude; parameters in `skip` get none."""
    g = seeded(1000 + step)
    scale = 10 ** (2 * math.sin(step))
    drawn = [torch.randn(p.shape, generator=g, dtype=p.dtype) * scale for p in params]
    return [None if i in skip else d for i, d in enumerate(drawn)]


def assign(params: list[nn.Parameter], grads: list[Tensor | None]) -> None:
    for p, g in zip(params, grads, strict=True):
        p.grad = None if g is None else g.clone()


def pair(dtype: torch.dtype, momentum: float, lr: float = 0.05):
    ours, theirs = parameters(dtype), parameters(dtype)
    return ours, theirs, SGD(ours, lr, momentum), torch.optim.SGD(theirs, lr=lr, momentum=momentum)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sgd_agrees_with_torch_over_100_varied_steps(dtype, momentum):
    ours, theirs, a, b = pair(dtype, momentum)
    for step in range(100):
        # now and then a parameter has no gradient, the last one for the first forty steps
        skip = frozenset({step % 5} | ({3} if step < 40 else set()))
        grads = gradients(step, ours, skip)
        assign(ours, grads)
        assign(theirs, grads)
        if step == 50:
            a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.002
        a.step()
        b.step()
        for p, q, g in zip(ours, theirs, grads, strict=True):
            torch.testing.assert_close(p, q)
            assert g is None or torch.equal(p.grad, g), "the gradients must be left as they were"


def test_sgd_agrees_with_torch_on_parameter_groups():
    ours, theirs = parameters(torch.float64), parameters(torch.float64)
    optimizers = [
        cls([{"params": p[:2]}, {"params": p[2:], "lr": 0.2, "momentum": 0.0}], lr=0.01, momentum=0.9)
        for cls, p in ((SGD, ours), (torch.optim.SGD, theirs))
    ]
    for step in range(100):
        for params, optimizer in zip((ours, theirs), optimizers, strict=True):
            assign(params, gradients(step, params))
            optimizer.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q)


def test_sgd_goes_on_from_a_state_saved_by_itself_and_by_torch():
    ours, theirs, a, b = pair(torch.float32, 0.9)
    for step in range(10):
        for params, optimizer in ((ours, a), (theirs, b)):
            assign(params, gradients(step, params))
            optimizer.step()
    for saved, source in ((a.state_dict(), ours), (b.state_dict(), theirs)):
        resumed = [nn.Parameter(p.detach().clone()) for p in source]
        optimizer = SGD(resumed, lr=123.0)
        optimizer.load_state_dict(copy.deepcopy(saved))
        reference = [nn.Parameter(p.detach().clone()) for p in theirs]
        peer = torch.optim.SGD(reference, lr=1.0, momentum=0.9)
        peer.load_state_dict(copy.deepcopy(b.state_dict()))
        for step in range(10, 20):
            for params, which in ((resumed, optimizer), (reference, peer)):
                assign(params, gradients(step, params))
                which.step()
        for p, q in zip(resumed, reference, strict=True):
            torch.testing.assert_close(p, q)


def test_sgd_keeps_state_only_where_momentum_needs_it():
    ours, _, optimizer, _ = pair(torch.float32, 0.0)
    assign(ours, gradients(0, ours))
    optimizer.step()
    assert not optimizer.state
    ours, _, optimizer, _ = pair(torch.float32, 0.9)
    assign(ours, gradients(0, ours, frozenset({1})))
    optimizer.step()
    assert len(optimizer.state) == len(ours) - 1


def test_sgd_closure_is_evaluated_with_gradients_and_returned():
    w = nn.Parameter(torch.tensor([3.0]))
    optimizer = SGD([w], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        assert optimizer.step(closure).item() == pytest.approx(9.0)
    assert w.item() == pytest.approx(2.4)


def test_sgd_works_with_a_scheduler_of_torch():
    w = nn.Parameter(torch.zeros(1))
    optimizer = SGD([w], lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.5**t)
    for _ in range(3):
        w.grad = torch.ones(1)
        optimizer.step()
        schedule.step()
    assert w.item() == pytest.approx(-(1 + 0.5 + 0.25))


@pytest.mark.parametrize(
    "bad", [{"lr": -1.0}, {"lr": math.nan}, {"lr": 1.0, "momentum": 1.0}, {"lr": 1.0, "momentum": -0.1}]
)
def test_sgd_refuses_nonsense(bad):
    with pytest.raises(ValueError, match=r"learning rate|momentum"):
        SGD([nn.Parameter(torch.zeros(1))], **bad)


# ---------------------------------------------------------------------------------------- the training loop


def model_and_batches(sizes: tuple[int, ...] = (7, 7, 3)):
    g = seeded(3)
    model = nn.Linear(4, 3)
    with torch.no_grad():
        model.weight.normal_(generator=g)
    batches = [(torch.randn(n, 4, generator=g), torch.randint(3, (n,), generator=g)) for n in sizes]
    return model, batches


def test_sgd_epoch_agrees_with_the_same_loop_in_torch():
    model, batches = model_and_batches()
    other = copy.deepcopy(model)
    optimizer, total = torch.optim.SGD(other.parameters(), lr=0.3), 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(other(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    assert descent.sgd_epoch(model, iter(batches), 0.3) == pytest.approx(total / 17)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_sgd_epoch_forgets_old_gradients_and_refuses_no_batches():
    model, batches = model_and_batches()
    fresh = copy.deepcopy(model)
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e3)
    assert descent.sgd_epoch(model, batches, 0.1) == descent.sgd_epoch(fresh, batches, 0.1)
    with pytest.raises(ValueError, match="no batches"):
        descent.sgd_epoch(model, [], 0.1)


def test_train_is_epochs_of_freshly_shuffled_batches():
    model, batches = model_and_batches((17,))
    other, (x, y) = copy.deepcopy(model), batches[0]
    losses = descent.train(model, x, y, 0.2, epochs=3, size=5, generator=seeded(4))
    g = seeded(4)
    assert losses == [descent.sgd_epoch(other, descent.iterate_batches(x, y, 5, g), 0.2) for _ in range(3)]
    with pytest.raises(ValueError, match="labels"):
        descent.train(model, x, y[:-1], 0.2, epochs=1, size=5)


# ------------------------------------------------------------------------------------------- gradient noise


def test_per_sample_gradients_agree_with_a_loop():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    x, y = torch.randn(9, 4, generator=seeded()), torch.randint(3, (9,), generator=seeded())
    together = descent.per_sample_gradients(model, x, y)
    for i in range(9):
        grads = torch.autograd.grad(F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]), list(model.parameters()))
        torch.testing.assert_close(together[i], torch.cat([g.flatten() for g in grads]), rtol=1e-4, atol=1e-6)
    full = torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters()))
    torch.testing.assert_close(together.mean(0), torch.cat([g.flatten() for g in full]), rtol=1e-4, atol=1e-6)
    assert all(p.grad is None for p in model.parameters())


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 10**6))
def test_gradient_noise_meets_its_expectation(n, p, seed):
    g = seeded(seed)
    gradients = torch.randn(n, p, generator=g, dtype=torch.float64) + 3
    sizes = sorted({1, 2, max(1, n // 2), n})
    draws = 4000
    noise = gradient_noise(gradients, sizes, draws, g)
    sigma2 = (gradients - gradients.mean(0)).square().sum(1).mean()
    for b, measured in zip(sizes, noise, strict=True):
        expected = float(sigma2 / b * (n - b) / (n - 1))
        if b == n:
            assert measured < 1e-20
        else:  # ‖·‖² is at worst χ² with one degree of freedom, or n values: six standard errors and a bit
            assert float(measured) == pytest.approx(expected, rel=0.3)


def test_gradient_noise_enumerated_exactly():
    # three samples, batches of two: each of the three pairs equally likely
    gradients = torch.tensor([[0.0], [3.0], [9.0]], dtype=torch.float64)
    pairs = torch.tensor([1.5, 4.5, 6.0], dtype=torch.float64)
    exact = (pairs - 4.0).square().mean().item()
    sigma2 = gradients.var(correction=0).item()
    assert exact == pytest.approx(sigma2 / 2 * (3 - 2) / (3 - 1))
    assert gradient_noise(gradients, [2], 40_000, seeded()).item() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(("sizes", "draws"), [([0], 5), ([4], 5), ([1], 0)])
def test_gradient_noise_refuses_nonsense(sizes, draws):
    with pytest.raises(ValueError, match="sizes"):
        gradient_noise(torch.zeros(3, 2), sizes, draws)


# ------------------------------------------------------------------------------------------------- surfaces

ALL = {**SURFACES, "steep ravine": descent.ravine(1000.0)}


def hessian(surface: descent.Surface, point: Tensor) -> Tensor:
    return torch.autograd.functional.hessian(surface.loss, point)


@pytest.mark.parametrize("surface", ALL.values(), ids=ALL.keys())
def test_gradients_agree_with_finite_differences(surface):
    w = torch.randn(20, 2, generator=seeded(), dtype=torch.float64)
    h = 1e-5
    steps = h * torch.eye(2, dtype=torch.float64)
    numeric = torch.stack([(surface.loss(w + e) - surface.loss(w - e)) / (2 * h) for e in steps], -1)
    torch.testing.assert_close(gradient_of(surface.loss, w), numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("surface", ALL.values(), ids=ALL.keys())
def test_the_minimum_is_one_and_the_lowest(surface):
    best = torch.tensor(surface.minimum, dtype=torch.float64)
    assert gradient_of(surface.loss, best).abs().max() < 1e-3
    assert torch.linalg.eigvalsh(hessian(surface, best)).min() > 0
    grid = torch.cartesian_prod(*[torch.linspace(-2 * surface.reach, 2 * surface.reach, 201, dtype=torch.float64)] * 2)
    assert surface.loss(grid).min() >= surface.loss(best) - 1e-6


@pytest.mark.parametrize("surface", ALL.values(), ids=ALL.keys())
def test_the_start_lies_within_reach_and_above_the_minimum(surface):
    start = torch.tensor(surface.start)
    assert start.abs().max() <= surface.reach
    assert surface.loss(start) > surface.loss(torch.tensor(surface.minimum)) + 0.1


def test_the_ravine_is_as_steep_as_it_says():
    for kappa in (20.0, 100.0):
        values = torch.linalg.eigvalsh(hessian(descent.ravine(kappa), torch.zeros(2, dtype=torch.float64)))
        assert (values[1] / values[0]).item() == pytest.approx(kappa)


def test_the_saddle_is_one():
    surface, centre = SURFACES["saddle"], torch.zeros(2, dtype=torch.float64)
    assert gradient_of(surface.loss, centre).tolist() == [0.0, 0.0]
    low, high = torch.linalg.eigvalsh(hessian(surface, centre)).tolist()
    assert low < 0 < high


def test_the_two_wells_have_a_shallow_one_on_the_side_of_the_start():
    surface = SURFACES["local minimum"]
    shallow = gradient_descent(surface.loss, torch.tensor([1.0, 0.5], dtype=torch.float64), 0.05, 500)[-1]
    assert surface.start[0] * shallow[0] > 0
    assert gradient_of(surface.loss, shallow).abs().max() < 1e-9
    assert torch.linalg.eigvalsh(hessian(surface, shallow)).min() > 0
    assert surface.loss(shallow) > surface.loss(torch.tensor(surface.minimum, dtype=torch.float64)) + 0.3
