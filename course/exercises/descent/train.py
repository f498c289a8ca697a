"""Exercise descent.train: a bug hunt. Three faults in a training loop that looks fine."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import wraps
from itertools import combinations, pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course import descent
from course.exercises.descent.sgd_epoch import linear_model
from course.exercises.exercise import Case, Draw, Exercise, Misconception, Property, mistakes

Answer = dict[str, Any]


class Recorder(torch.nn.Module):
    """A linear classifier that notes which samples it is trained on, and in which batches."""

    def __init__(self, weight: Tensor, bias: Tensor, x: Tensor) -> None:
        super().__init__()
        self.linear, self.x, self.batches = linear_model(weight, bias), x.clone(), []  # type: ignore[var-annotated]

    def forward(self, x: Tensor) -> Tensor:
        """Logits; a batch is noted when its gradient comes back, so that mere evaluations do not count."""
        logits = self.linear(x)
        if logits.requires_grad:
            batch = (x.detach()[:, None] - self.x[None]).square().sum(-1).argmin(1)
            logits.register_hook(lambda _: self.batches.append(batch))
        return logits


def drive(
    train: Callable[..., Any],
    weight: Tensor,
    bias: Tensor,
    x: Tensor,
    y: Tensor,
    lr: float,
    epochs: int,
    size: int,
    seed: int,
) -> Answer:
    """The returned losses, the batches that were used, and the parameters afterwards."""

    def run(x: Tensor, y: Tensor, seed: int) -> tuple[Recorder, Any]:
        model = Recorder(weight, bias, x)
        losses = train(model, x, y, lr, epochs, size, torch.Generator().manual_seed(seed))
        return model, list(losses) if hasattr(losses, "__iter__") else losses

    # The generator shows in the batches, unless one batch holds everything.
    others = [run(x.clone(), y.clone(), s)[0].batches for s in (seed, seed + 1)] if size < len(x) else [[], []]
    model, losses = run(x, y, seed)
    return {
        "losses": losses,
        "batches": model.batches,
        "batches again": others[0],
        "batches of another seed": others[1],
        "weight": model.linear.weight.detach().clone(),
        "bias": model.linear.bias.detach().clone(),
    }


def cases(draw: Draw) -> list[Case]:
    """One full batch, batches that divide the data, and a smaller last batch."""

    def data(label: str, n: int, size: int, epochs: int) -> Case:
        d, k = 3, draw.integer(2, 4)
        parameters = (draw.normal(k, d), draw.normal(k))
        return Case(
            label,
            (
                *parameters,
                draw.normal(n, d),
                draw.labels(n, k),
                draw.uniform(0.2, 0.6),
                epochs,
                size,
                draw.seed(),
            ),
        )

    return [
        data("one full batch, one epoch", 6, 6, 1),
        data("full batches, three epochs", 8, 8, 3),
        data("four batches of four", 16, 4, 3),
        data("the last batch is smaller", 4 * draw.integer(3, 5) + 1, 4, 2),
    ]


def _remembered(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Properties and mistakes ask for the same again: what was found for the very same objects is kept for a while."""
    found: OrderedDict[Any, tuple[Any, Answer]] = OrderedDict()

    @wraps(function)
    def once(inputs: Any, answer: Answer, **faults: bool) -> Answer:
        key = id(inputs), id(answer), *sorted(faults.items())
        known = found.get(key)
        if known is None:
            # Both are kept as well: nothing else can have their numbers meanwhile.
            known = found[key] = (inputs, answer), function(inputs, answer, **faults)
            if len(found) > 64:
                found.popitem(last=False)
        return known[1]

    return once


@_remembered
def simulate(inputs: tuple[Any, ...], answer: Answer, keep_gradients: bool = False, by_place: bool = False) -> Answer:
    """SGD on the very batches that were used: parameters, and the loss of each batch.

    `keep_gradients` never clears them; `by_place` gives each sample the label that stands at its place in the
    epoch instead of its own: the two silent faults of the bug hunt.
    """
    weight, bias, x, y, lr, *_ = inputs
    w, b = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    gathered, losses, place = [torch.zeros_like(w), torch.zeros_like(b)], [], 0
    for batch in answer["batches"]:
        labels = y[(torch.arange(len(batch)) + place) % len(y)] if by_place else y[batch]
        place = (place + len(batch)) % len(y) if len(batch) else place
        loss = descent.cross_entropy(x[batch] @ w.T + b, labels)
        grads = list(torch.autograd.grad(loss, (w, b)))
        if keep_gradients:
            grads = gathered = [g + h for g, h in zip(gathered, grads, strict=True)]
        w, b = ((p - lr * g).detach().requires_grad_() for p, g in zip((w, b), grads, strict=True))
        losses.append(loss.item())
    return {"weight": w.detach(), "bias": b.detach(), "losses": losses}


def _follows(inputs: tuple[Any, ...], answer: Answer, **faults: bool) -> bool:
    wanted = simulate(inputs, answer, **faults)
    return all(torch.allclose(answer[p].float(), wanted[p], rtol=1e-4, atol=1e-5) for p in ("weight", "bias"))


def _epochs(inputs: tuple[Any, ...], answer: Answer) -> list[list[Tensor]]:
    n, epochs, size = len(inputs[2]), inputs[5], inputs[6]
    per_epoch = -(-n // size)
    batches = answer["batches"]
    return [batches[e * per_epoch : (e + 1) * per_epoch] for e in range(epochs)]


def _flat(batches: list[Tensor]) -> list[int]:
    return [int(i) for batch in batches for i in batch.tolist()]


def _every_sample_once(inputs: tuple[Any, ...], answer: Answer) -> str | None:
    n, epochs, size = len(inputs[2]), inputs[5], inputs[6]
    used, several = sum(len(b) for b in answer["batches"]), f"{epochs} epochs" if epochs > 1 else "1 epoch"
    if used != n * epochs:
        return f"{used} samples were used in {several}; {n} samples, each once per epoch, make {n * epochs}"
    if any(not len(b) for b in answer["batches"]):
        return "one batch is empty: range() ends too late"
    wanted = epochs * -(-n // size)
    if len(answer["batches"]) != wanted:
        return f"{len(answer['batches'])} batches were used; {n} samples in batches of {size}, {several}, make {wanted}"
    for epoch in _epochs(inputs, answer):
        seen = sorted(_flat(epoch))
        if seen != list(range(n)):
            return f"an epoch must use each of the {n} samples once; this one used {len(set(seen))} different ones"
        if [len(b) for b in epoch][:-1] != [size] * (len(epoch) - 1):
            return f"batches hold {[len(b) for b in epoch]} samples; all but the last must hold {size}"
    return None


def _new_order(inputs: tuple[Any, ...], answer: Answer) -> str | None:
    orders = [_flat(epoch) for epoch in _epochs(inputs, answer)]
    if inputs[6] >= len(inputs[2]) or len(orders) < 2:
        return None
    if orders[0] == list(range(len(orders[0]))):
        return "the samples come in their original order: shuffle them, in the first epoch too"
    if any(a == b for a, b in combinations(orders, 2)):
        return "two epochs go through the samples in the same order: shuffle anew each time"
    steps = Counter((b - a) % len(orders[0]) for a, b in pairwise(orders[0]))
    if max(steps.values()) > 2 / 3 * len(orders[0]):
        return "the order follows a pattern: shuffle the samples at random"
    runs = [max(b) - min(b) == len(b) - 1 for b in map(Tensor.tolist, _epochs(inputs, answer)[0])]
    return "each batch is a run of neighbours: shuffle samples, not blocks" if all(runs) else None


def _generator_decides(inputs: tuple[Any, ...], answer: Answer) -> str | None:
    if inputs[6] >= len(inputs[2]):
        return None
    names = ("batches", "batches again", "batches of another seed")
    used, again, other = (_flat(answer[name]) for name in names)
    if used != again:
        return "the same generator seed gave another order: draw the order from `generator`"
    return "another generator seed gave the same order: draw the order from `generator`" if used == other else None


def _sgd_on_right_labels(inputs: tuple[Any, ...], answer: Answer) -> str | None:
    if _follows(inputs, answer):
        return None
    if torch.equal(answer["weight"], inputs[0]):
        return "the weights never move: is there a step, and does zero_grad() stand before backward(), not after it?"
    wanted = simulate(inputs, answer)
    away = {p: (answer[p].float() - wanted[p]).abs().max().item() for p in ("weight", "bias")}
    what, far = ("bias is", away["bias"]) if away["weight"] < 1e-5 else ("weights are", max(away.values()))
    text = f"after training, the {what} up to {far:.2g} away from where SGD on these batches leads"
    if len(answer["batches"]) == 1 and _losses_are_means(inputs, answer):
        return f"{text}, and the loss of the only batch is off as well: do the images meet their own labels?"
    return text


def _mean_losses(inputs: tuple[Any, ...], answer: Answer) -> list[float]:
    losses, means = iter(simulate(inputs, answer)["losses"]), []
    for epoch in _epochs(inputs, answer):
        pairs = [(next(losses), len(b)) for b in epoch]
        means.append(sum(v * c for v, c in pairs) / max(1, sum(c for _, c in pairs)))
    return means


def _losses_are_means(inputs: tuple[Any, ...], answer: Answer) -> str | None:
    got, wanted = answer["losses"], _mean_losses(inputs, answer)
    if not isinstance(got, list) or len(got) != len(wanted):
        return f"return one loss per epoch, {len(wanted)} numbers"
    for e, (a, b) in enumerate(zip(got, wanted, strict=True), 1):
        if not abs(float(a) - b) <= 1e-3 * (1 + abs(b)):  # NaN is not close to anything
            return f"epoch {e}: the returned loss is {float(a):.4g}, the mean over samples is {b:.4g}"
    return None


# ------------------------------------------------------------------- the faulty loop, and half-way repairs


def as_handed_out(model, x, y, lr, epochs, size, generator):
    """This still behaves like the loop as it was handed out: none of its three faults is repaired yet."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _epoch in range(epochs):
        x = x[torch.randperm(len(x), generator=generator)]
        total = 0.0
        for start in range(0, len(x) - size, size):
            images, labels = x[start : start + size], y[start : start + size]
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        losses.append(total / len(x))
    return losses


def gradients_not_cleared(model, x, y, lr, epochs, size, generator):
    """Gradients pile up from batch to batch: clear them before each backward()."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _epoch in range(epochs):
        order, total = torch.randperm(len(x), generator=generator), 0.0
        for i in order.split(size):
            loss = F.cross_entropy(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(i)
        losses.append(total / len(x))
    return losses


def labels_left_behind(model, x, y, lr, epochs, size, generator):
    """The images are shuffled, the labels stay where they were: images and labels need the same order."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _epoch in range(epochs):
        x, total = x[torch.randperm(len(x), generator=generator)], 0.0
        for start in range(0, len(x), size):
            images, labels = x[start : start + size], y[start : start + size]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        losses.append(total / len(x))
    return losses


def last_batch_left_out(model, x, y, lr, epochs, size, generator):
    """Each epoch stops one batch too early: look at where range() ends."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _epoch in range(epochs):
        order, total = torch.randperm(len(x), generator=generator), 0.0
        for start in range(0, len(x) - size, size):
            i = order[start : start + size]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(i)
        losses.append(total / len(x))
    return losses


def never_shuffled(model, x, y, lr, epochs, size, generator):
    """Every epoch goes through the samples in the same order: keep the shuffling, and shuffle the labels with it."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _epoch in range(epochs):
        total = 0.0
        for i in torch.arange(len(x)).split(size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(i)
        losses.append(total / len(x))
    return losses


def cleared_once_per_epoch(model, x, y, lr, epochs, size, generator):
    """Gradients are cleared once per epoch; they must be cleared before every batch's backward()."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _epoch in range(epochs):
        optimizer.zero_grad()
        order, total = torch.randperm(len(x), generator=generator), 0.0
        for i in order.split(size):
            loss = F.cross_entropy(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(i)
        losses.append(total / len(x))
    return losses


def mean_over_batches(model, x, y, lr, epochs, size, generator):
    """The loss of an epoch is averaged over batches; weight each batch by its number of samples."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _epoch in range(epochs):
        order, parts = torch.randperm(len(x), generator=generator), []
        for i in order.split(size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            parts.append(loss.item())
        losses.append(sum(parts) / len(parts))
    return losses


# --------------------------------------------------------------------------------------------- recognition


def _short_epochs(inputs: tuple[Any, ...], answer: Answer) -> bool:
    n, epochs, size = len(inputs[2]), inputs[5], inputs[6]
    return len(answer["batches"]) == epochs * (-(-n // size) - 1) and all(len(b) == size for b in answer["batches"])


def _trained(inputs: tuple[Any, ...], answer: Answer) -> bool:
    return len(answer["batches"]) > 1 and not _follows(inputs, answer)


def _piles_up(inputs: tuple[Any, ...], answer: Answer) -> bool:
    return _trained(inputs, answer) and any(
        _follows(inputs, answer, keep_gradients=True, by_place=p) for p in (False, True)
    )


def _labels_stay(inputs: tuple[Any, ...], answer: Answer) -> bool:
    if _short_epochs(inputs, answer) or _follows(inputs, answer):
        return False
    return any(_follows(inputs, answer, keep_gradients=k, by_place=True) for k in (False, True))


def _piles_up_within_epochs(inputs: tuple[Any, ...], answer: Answer) -> bool:
    if not _trained(inputs, answer) or _every_sample_once(inputs, answer) or _piles_up(inputs, answer):
        return False
    weight, bias = inputs[0], inputs[1]
    for epoch in _epochs(inputs, answer):
        part = simulate((weight, bias, *inputs[2:]), {"batches": epoch}, keep_gradients=True)
        weight, bias = part["weight"], part["bias"]
    return torch.allclose(answer["weight"].float(), weight, rtol=1e-3, atol=1e-4)


def _wrong_losses(inputs: tuple[Any, ...], answer: Answer) -> bool:
    if _every_sample_once(inputs, answer) or not _follows(inputs, answer):
        return False
    losses = iter(simulate(inputs, answer)["losses"])
    means = [sum(next(losses) for _ in epoch) / len(epoch) for epoch in _epochs(inputs, answer)]
    got = answer["losses"]
    return (
        bool(_losses_are_means(inputs, answer))
        and len(got) == len(means)
        and all(abs(float(a) - b) < 1e-3 * (1 + abs(b)) for a, b in zip(got, means, strict=True))
    )


def generator_ignored(model, x, y, lr, epochs, size, generator):
    """The order does not come from `generator`: pass it to torch.randperm, so that a run can be repeated."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _epoch in range(epochs):
        order, total = torch.randperm(len(x)), 0.0
        for i in order.split(size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[i]), y[i])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(i)
        losses.append(total / len(x))
    return losses


def _own_order(inputs: tuple[Any, ...], answer: Answer) -> bool:
    return not (_every_sample_once(inputs, answer) or _new_order(inputs, answer)) and bool(
        _generator_decides(inputs, answer)
    )


def _same_order(inputs: tuple[Any, ...], answer: Answer) -> bool:
    orders = [_flat(epoch) for epoch in _epochs(inputs, answer)]
    return not _every_sample_once(inputs, answer) and len(orders) > 1 and all(o == orders[0] for o in orders)


def repaired(model, x, y, lr, epochs, size, generator):  # noqa: D103
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _epoch in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        x, y = x[order], y[order]
        total = 0.0
        for start in range(0, len(x), size):
            images, labels = x[start : start + size], y[start : start + size]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        losses.append(total / len(x))
    return losses


def another_shuffle(model, x, y, lr, epochs, size, generator):  # noqa: D103
    losses = []
    for _epoch in range(epochs):
        order = torch.rand(len(x), generator=generator).argsort()
        total = torch.zeros(())
        for i in order.split(size):
            model.zero_grad()
            each = F.cross_entropy(model(x[i]), y[i], reduction="none")
            each.mean().backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= lr * p.grad
            total += each.detach().sum()
        losses.append(total / len(x))
    return torch.stack(losses)


EXERCISE = Exercise(
    name="descent.train",
    title="Bug hunt: repair the training loop",
    signature="train(model, x, y, lr, epochs, size, generator)",
    points=3,
    minutes=15,
    difficulty=3,
    idea=(
        "Compare the loop with the four boxes above, line by line, and ask of each sample: do you meet your own "
        "label, does everybody get a turn, and does each step see only its own gradient? Each question finds one "
        "fault."
    ),
    pseudocode="""
    for each epoch:
        π ← random order;  pictures AND labels in this order
        for each start 0, B, 2B, … as long as there are samples left:
            clear the gradients
            loss of this batch, backward, step
        loss of the epoch ← mean over all samples
    """,
    reference=descent.train,
    shown=repaired,
    cases=cases,
    drive=drive,
    compare=False,
    properties=(
        Property("each epoch uses every sample once", _every_sample_once),
        Property("a new order in each epoch", _new_order),
        Property("the generator decides the order", _generator_decides),
        Property("the weights follow SGD on images and their own labels", _sgd_on_right_labels),
        Property("one loss per epoch, the mean over its samples", _losses_are_means),
    ),
    given=Misconception("as_handed_out", " ".join((as_handed_out.__doc__ or "").split()), as_handed_out),
    misconceptions=mistakes(
        last_batch_left_out=(last_batch_left_out, _short_epochs),
        gradients_not_cleared=(gradients_not_cleared, _piles_up),
        labels_left_behind=(labels_left_behind, _labels_stay),
        cleared_once_per_epoch=(cleared_once_per_epoch, _piles_up_within_epochs),
        never_shuffled=(never_shuffled, _same_order),
        generator_ignored=(generator_ignored, _own_order),
        mean_over_batches=(mean_over_batches, _wrong_losses),
    ),
    alternatives=(repaired, another_shuffle),
    note="Keep the arguments and the order of what is returned: one mean loss per epoch.",
    forbidden=("course.training", "course.descent.sgd_epoch"),
    alike=True,
)
