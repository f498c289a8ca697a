"""Section 03 against wrong answers that people write: none passes at any seed, and the name given is the true one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course import exercises
from course.check import verdict
from course.check.judge import Verdict

SEEDS = range(6)
FEWER = range(3)  # training costs ten times as much as a step


def judged(name: str, function: Any, seed: int) -> Verdict:
    return verdict(exercises.get(f"descent.{name}"), function, seed)


# ------------------------------------------------------------------------------------------- cross-entropy


def _chosen(rows: Tensor, y: Tensor) -> Tensor:
    return rows[torch.arange(len(y)), y]


def maximum_of_the_batch(logits, y):
    """Stable for one row; a row far below the batch's maximum underflows to log 0."""
    shifted = logits - logits.max()
    return (shifted.exp().sum(1).log() - _chosen(shifted, y)).mean()


def naive_in_double(logits, y):
    """Overflows at 709 instead of 88: not stable, only later."""
    e = logits.double().exp()
    return -(_chosen(e, y) / e.sum(1)).log().mean()


def log_of_softmax_in_double(logits, y):
    return -_chosen(torch.softmax(logits.double(), 1), y).log().mean()


def unprotected_sum_in_double(logits, y):
    return (logits.double().exp().sum(1).log() - _chosen(logits, y)).mean()


def clipped_logits(logits, y):
    return F.cross_entropy(logits.clamp(-80, 80), y)


def repaired_with_nan_to_num(logits, y):
    return torch.nan_to_num(-(logits.exp() / logits.exp().sum(1, keepdim=True)).log()[torch.arange(len(y)), y].mean())


def smoothed(logits, y):
    return F.cross_entropy(logits, y, label_smoothing=0.01)


def log_of_the_mean(logits, y):
    return -_chosen(torch.softmax(logits, 1), y).mean().log()


# --------------------------------------------------------------------------------------------- mini-batches


def columns(n, size, generator):
    """x[i] would get a dimension too many."""
    return list(torch.randperm(n, generator=generator)[:, None].split(size))


def rows(n, size, generator):
    return [i[None] for i in torch.randperm(n, generator=generator).split(size)]


def rotated(n, size, generator):
    shift = int(torch.randint(1, n, (), generator=generator))
    return list(torch.arange(n).roll(shift).split(size))


def one_pair_swapped(n, size, generator):
    order = torch.arange(n)
    i, j = torch.randperm(n, generator=generator)[:2]
    order[i], order[j] = j, i
    return list(order.split(size))


def nothing_at_all(n, size, generator):
    return []


def range_too_short(n, size, generator):
    order = torch.randperm(n, generator=generator)
    return [order[k : k + size] for k in range(0, n - size, size)]


# ---------------------------------------------------------------------------------------------------- train

Order = Callable[[int, int, torch.Generator], Tensor]


def _epoch(model: Any, batches: Iterable[tuple[Tensor, Tensor]], lr: float, **options: float) -> float:
    optimizer, total, count = torch.optim.SGD(model.parameters(), lr=lr, **options), 0.0, 0
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count


def _loop(order: Order, **options: float) -> Callable[..., list[float]]:
    """A training loop that is right, but for the order of its samples or the options of its optimizer."""

    def train(model, x, y, lr, epochs, size, generator):
        epochs_of_indices = (order(len(x), size, generator).split(size) for _ in range(epochs))
        return [_epoch(model, [(x[i], y[i]) for i in batches], lr, **options) for batches in epochs_of_indices]

    return train


def _shuffled(n: int, size: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(n, generator=generator)


def _whole_blocks(n: int, size: int, generator: torch.Generator) -> Tensor:
    full, rest = torch.arange(n // size * size).view(-1, size), torch.arange(n // size * size, n)
    return torch.cat([full[torch.randperm(len(full), generator=generator)].flatten(), rest])


def _rotated(n: int, size: int, generator: torch.Generator) -> Tensor:
    return torch.arange(n).roll(int(torch.randint(1, n, (), generator=generator)))


def own_seed(model, x, y, lr, epochs, size, generator):
    """Repeatable, and deaf to the generator it was given."""
    torch.manual_seed(0)
    return _loop(lambda n, *_: torch.randperm(n))(model, x, y, lr, epochs, size, generator)


def own_generator(model, x, y, lr, epochs, size, generator):
    mine = torch.Generator().manual_seed(42)
    return _loop(_shuffled)(model, x, y, lr, epochs, size, mine)


def losses_are_nan(model, x, y, lr, epochs, size, generator):
    return [float("nan") for _ in _loop(_shuffled)(model, x, y, lr, epochs, size, generator)]


WRONG = [
    *(
        ("cross_entropy", f)
        for f in (
            maximum_of_the_batch,
            naive_in_double,
            log_of_softmax_in_double,
            unprotected_sum_in_double,
            clipped_logits,
            repaired_with_nan_to_num,
            smoothed,
            log_of_the_mean,
        )
    ),
    *(("minibatches", f) for f in (columns, rows, rotated, one_pair_swapped, nothing_at_all, range_too_short)),
    *(("train", f) for f in (own_seed, own_generator, losses_are_nan)),
    ("sgd_epoch", lambda model, batches, lr: _epoch(model, batches, lr, weight_decay=1e-4)),
    ("sgd_epoch", lambda model, batches, lr: _epoch(model, batches, lr, momentum=0.5)),
]
ORDERS = {"whole blocks": _whole_blocks, "rotated": _rotated}


@pytest.mark.parametrize(("name", "function"), WRONG)
def test_wrong_answers_do_not_pass(name: str, function: Any) -> None:
    """One unlucky seed is one student who is told that a wrong answer is right."""
    seeds = FEWER if name == "train" else SEEDS
    passed = [seed for seed in seeds if judged(name, function, seed).status == "passed"]
    assert not passed, f"passes at seeds {passed} of {list(seeds)}"


@pytest.mark.parametrize("order", list(ORDERS))
def test_orders_that_are_no_shuffle_do_not_pass_the_bug_hunt(order: str) -> None:
    function = _loop(ORDERS[order])
    passed = [seed for seed in FEWER if judged("train", function, seed).status == "passed"]
    assert not passed, f"passes at seeds {passed} of {list(FEWER)}"


@pytest.mark.parametrize("options", [{"weight_decay": 1e-4}, {"momentum": 0.1}, {"weight_decay": 1e-3}])
def test_another_optimizer_does_not_pass_the_bug_hunt(options: dict[str, float]) -> None:
    passed = [seed for seed in FEWER if judged("train", _loop(_shuffled, **options), seed).status == "passed"]
    assert not passed, f"passes at seeds {passed} of {list(FEWER)}"


def test_the_loop_these_are_made_from_is_right() -> None:
    assert all(judged("train", _loop(_shuffled), seed).status == "passed" for seed in FEWER)
    assert all(judged("sgd_epoch", _epoch, seed).status == "passed" for seed in FEWER)


# ---------------------------------------------------------------------------------- the same mistake, said otherwise


def _softmax_log(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda logits, y: -change(_chosen(torch.softmax(logits, 1), y)).log().mean()


def velocity_kept_positive(w, grad, delta, lr, alpha):
    delta = delta * alpha + grad * (1 - alpha)
    w = w - delta * lr
    return w, delta


def nesterov_by_torch(w, grad, delta, lr, alpha):
    parameter = torch.nn.Parameter(w.clone())
    optimizer = torch.optim.SGD([parameter], lr=lr, momentum=alpha or 1e-12, nesterov=True)
    optimizer.state[parameter]["momentum_buffer"] = delta.clone()
    parameter.grad = grad.clone()
    optimizer.step()
    return parameter.detach(), optimizer.state[parameter]["momentum_buffer"]


def aliased_path(loss, w0, lr, steps):
    w = w0.clone().requires_grad_()
    path = [w.detach()]
    for _ in range(steps):
        w.grad = None
        loss(w).backward()
        with torch.no_grad():
            w -= lr * w.grad
        path.append(w.detach())
    return torch.stack(path)


def never_zeroed(loss, w0, lr, steps):
    w = torch.nn.Parameter(w0.clone())
    optimizer, path = torch.optim.SGD([w], lr=lr), [w0]
    for _ in range(steps):
        loss(w).backward()
        optimizer.step()
        path.append(w.detach().clone())
    return path


def returns_too_soon(model, batches, lr):
    total, count = 0.0, 0
    for x, y in batches:
        total += _epoch(model, [(x, y)], lr) * len(y)
        count += len(y)
        return total / count
    return 0.0


def only_full_batches(n, size, generator):
    return [b for b in torch.randperm(n, generator=generator).split(size) if len(b) == size]


def each_batch_on_its_own(n, size, generator):
    return [torch.randint(n, (min(size, n - k),), generator=generator) for k in range(0, n, size)]


def stays_near(n, size, generator):
    return (torch.arange(n) + size * torch.rand(n, generator=generator)).argsort().split(size)


def seeded_by_n(n, size, generator):
    return torch.randperm(n, generator=torch.Generator().manual_seed(n)).split(size)


NAMED = [
    ("gd_step", "unit_gradient", lambda w, grad, lr: w - lr * grad / grad.norm()),
    ("gd_step", "unit_gradient", lambda w, grad, lr: w - lr * grad / (grad.norm() + 1e-8)),
    ("gd_step", "sign_of_gradient", lambda w, grad, lr: w - lr * ((grad > 0).float() - (grad < 0).float())),
    ("gd_step", "only_the_step", lambda w, grad, lr: grad * -lr),
    ("cross_entropy", "epsilon_in_log", _softmax_log(lambda p: p + 1e-12)),
    ("cross_entropy", "epsilon_in_log", _softmax_log(lambda p: p + 1e-10)),
    ("cross_entropy", "epsilon_in_log", _softmax_log(lambda p: p + 1e-7)),
    ("cross_entropy", "epsilon_in_log", _softmax_log(lambda p: p.clamp_min(1e-12))),
    ("cross_entropy", "sum_for_mean", lambda logits, y: -_chosen(F.log_softmax(logits, 1), y).sum()),
    ("cross_entropy", "log_of_softmax", lambda logits, y: F.nll_loss(torch.softmax(logits, 1).log(), y)),
    ("momentum_step", "damped", velocity_kept_positive),
    ("momentum_step", "nesterov", nesterov_by_torch),
    ("gradient_descent", "same_tensor_stored", aliased_path),
    ("gradient_descent", "gradient_accumulates", never_zeroed),
    ("sgd_epoch", "one_batch_only", returns_too_soon),
    ("train", "never_shuffled", _loop(lambda n, size, generator: torch.arange(n))),
    ("minibatches", "last_part_dropped", only_full_batches),
    ("minibatches", "equal_parts", lambda n, size, g: torch.randperm(n, generator=g).chunk(-(-n // size))),
    ("minibatches", "with_replacement", each_batch_on_its_own),
    ("minibatches", "same_order_each_epoch", seeded_by_n),
    ("minibatches", "shuffled_in_parts", stays_near),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mistake", "function"), NAMED)
def test_a_mistake_is_named_however_it_is_written(name: str, mistake: str, function: Any) -> None:
    for seed in range(3):
        outcome = judged(name, function, seed)
        assert outcome.status == "failed"
        assert outcome.misconception is not None, f"not named: {outcome.sentence}"
        assert outcome.misconception.name == mistake


NOT_NAMED = [
    ("minibatches", nothing_at_all, "never appear"),
    ("minibatches", range_too_short, "never appear"),
    ("gd_step", lambda w, grad, lr: w - 2 * lr * grad, "expected"),
    ("train", lambda *_: [0.0], "samples"),
    ("train", lambda *arguments: _loop(_shuffled)(*arguments)[:1], "one loss per epoch"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "said"), NOT_NAMED)
def test_no_mistake_is_named_that_was_not_made(name: str, function: Any, said: str) -> None:
    for seed in range(3):
        outcome = judged(name, function, seed)
        assert outcome.status == "failed"
        assert outcome.misconception is None, f"taken for {outcome.misconception}"
        assert said in outcome.sentence


def weights_only(model, x, y, lr, epochs, size, generator):
    model.linear.bias.requires_grad_(False)
    return _loop(_shuffled)(model, x, y, lr, epochs, size, generator)


def one_batch_per_epoch(model, x, y, lr, epochs, size, generator):
    return [_epoch(model, [(x, y)], lr) for _ in range(epochs)]


@pytest.mark.parametrize(("function", "said"), [(weights_only, "bias"), (one_batch_per_epoch, "batch")])
def test_the_bug_hunt_says_what_is_off(function: Any, said: str) -> None:
    """Not the weights "up to 6e-08 away" where the bias is wrong, nor "13 of 13 samples" where the batches are."""
    assert said in judged("train", function, 0).sentence
