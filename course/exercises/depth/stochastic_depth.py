"""Exercise depth.stochastic_depth: gates drawn in training, their mean at test time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import depth
from course.exercises.chance import linked
from course.exercises.depth.common import mixing
from course.exercises.exercise import Case, Draw, Exercise, Lent, Property, Unusable, gradients, mistakes

Inputs = tuple[Tensor, Tensor, Tensor, float, int]
CALLS, CALLS_IF_RARE = 6, 30
RARE = 0.05


def drive(
    stochastic_depth: Callable[..., Any], x: Tensor, weight: Tensor, offset: Tensor, p: float, seed: int
) -> dict[str, Any]:
    """Several calls in training from one generator, the first again from its seed, with gradients; two at test time.

    Where survival is rare it takes many draws to see how rare: many calls, not many samples, since these pass through
    all other calls as well, and a right answer may call the branch for one sample at a time.

    The branch is f(x) = offset · (1 + ½ sin(weight x)).
    """
    branch, lent, untouched = mixing(weight, offset), Lent(x), x.clone()

    def call(training: bool, generator: torch.Generator) -> Any:
        answer = stochastic_depth(lent.copy(), branch, p, training, generator)
        if isinstance(answer, list | tuple):
            raise Unusable("stochastic_depth must return one tensor, of the shape of x; it returned several things.")
        return answer.detach().clone() if isinstance(answer, Tensor) else answer

    generator = torch.Generator().manual_seed(seed)
    answers = {
        "in training": [call(True, generator) for _ in range(CALLS_IF_RARE if 0 < p < RARE else CALLS)],
        "in training, from the same seed": call(True, torch.Generator().manual_seed(seed)),
        "in training, from another seed": call(True, torch.Generator().manual_seed(seed + 1)),
        "at test time": call(False, generator),
        "at test time, from another seed": call(False, torch.Generator().manual_seed(seed + 1)),
    }
    lent.returned()
    if not isinstance(answers["in training, from the same seed"], Tensor):
        return answers

    def block(x: Tensor, branch: Tensor) -> Any:
        return stochastic_depth(x, mixing(weight, branch), p, True, torch.Generator().manual_seed(seed))

    return answers | gradients(block, x=untouched, branch=offset)


def cases(draw: Draw) -> list[Case]:
    """Many samples with several p, as many samples as features, feature maps; p = 1, p = 0."""

    def data(label: str, *shape: int, p: float) -> Case:
        d = shape[1]
        offset = torch.tensor([draw.uniform(0.8, 1.6) * (-1) ** i for i in range(d)])
        return Case(label, (draw.normal(*shape), draw.normal(d, d), offset, p, draw.seed()))

    n = draw.integer(24, 32)
    return [
        data("p = 1: every block survives", 6, 3, p=1.0),
        data("p = 0: none does", 6, 3, p=0.0),
        data("many samples, p below ½", 600, 2, p=draw.uniform(0.15, 0.35)),
        data("many samples, p above ½", 600, 2, p=draw.uniform(0.65, 0.85)),
        data("hardly any survives, p between two hundredths", 800, 2, p=draw.integer(40, 45) / 10_000),
        data("as many samples as features", n, n, p=draw.uniform(0.3, 0.45)),
        data("feature maps", 240, 2, 3, 3, p=draw.uniform(0.55, 0.7)),
        data("feature maps, deep in the network", 200, 3, 2, 4, p=draw.uniform(0.2, 0.35)),
    ]


# ----------------------------------------------------------------------------------- what an answer shows


def _f(inputs: Inputs) -> Tensor:
    x, weight, offset, *_ = inputs
    return mixing(weight, offset)(x)


def _gates(inputs: Inputs, y: Tensor) -> Tensor:
    """(y − x) / f(x), entry by entry: the gate that each entry has felt."""
    if y.shape != inputs[0].shape:
        raise ValueError(f"the answer has shape {tuple(y.shape)}")
    return (y.double() - inputs[0].double()) / _f(inputs).double()


def _near(a: Tensor, b: Tensor | float) -> Tensor:
    return (a - b).abs() < 1e-3


def _binary(gates: Tensor, one: float = 1.0) -> bool:
    return bool((_near(gates, 0) | _near(gates, one)).all())


def _trained(inputs: Inputs, answer: dict[str, Any]) -> Tensor:
    """What all calls in training show, (calls, N, …)."""
    return torch.stack([_gates(inputs, y) for y in answer["in training"]])


def _tested(inputs: Inputs, answer: dict[str, Any]) -> Tensor:
    return _gates(inputs, answer["at test time"])


def _of_samples(gates: Tensor) -> Tensor:
    """(calls, N): each sample's gate, if all its entries agree."""
    return gates.flatten(2)[..., 0]


def _alike_within_samples(gates: Tensor) -> bool:
    flat = gates.flatten(2)
    return bool(_near(flat, flat[..., :1]).all())


def _alike_within_batch(gates: Tensor) -> bool:
    flat = gates.flatten(1)
    return bool(_near(flat, flat[:, :1]).all())


def _share_is(gates: Tensor, p: float, one: float = 1.0) -> bool:
    """Whether a share of p of all these gates is open, within six standard deviations."""
    return abs((gates / one).mean().item() - p) <= 6 * math.sqrt(p * (1 - p) / gates.numel()) + 1e-3


def _random(inputs: Inputs) -> bool:
    return 0 < inputs[3] < 1


def _varied(inputs: Inputs) -> bool:
    """Whether two right batches differ; where survival is rare, both may well have lost all of their branches."""
    return RARE <= inputs[3] <= 1 - RARE


# --------------------------------------------------------------------------------------------- properties


def _shape(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    for name in ("at test time", "in training, from the same seed"):
        if answer[name].shape != inputs[0].shape:
            return f"the answer has shape {tuple(answer[name].shape)}, x has {tuple(inputs[0].shape)}"
    return None


def _all_or_nothing(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    gates = _trained(inputs, answer)
    if not _binary(gates):
        i = tuple((~(_near(gates, 0) | _near(gates, 1))).nonzero()[0].tolist())
        return f"in training each sample must become x or x + f(x); sample {i[1]} is x {gates[i]:+.3g}·f(x) somewhere"
    if not _alike_within_samples(gates):
        return "within one sample, f(x) is added to some entries and not to others: draw one gate for each sample"
    return None


def _each_its_own(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    gates = _trained(inputs, answer)
    if _random(inputs) and _alike_within_batch(gates) and not _near(gates, gates.flatten()[0]).all():
        return "all samples of a batch share one gate: draw one for each sample"
    return None


def _surviving_share(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    gates, p = _of_samples(_trained(inputs, answer)), inputs[3]
    if not _share_is(gates, p):
        return f"with p = {p:g}, {100 * gates.mean():.1f} % of the samples kept their branch in training"
    return None


def _independent(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    gates, p = _of_samples(_trained(inputs, answer)).round(), inputs[3]
    if not _varied(inputs):
        return None
    if any(torch.equal(a, b) for i, a in enumerate(gates) for b in gates[:i]):
        return "two batches in a row got the same gates: draw new ones in each call, from `generator` as it comes"
    if lag := linked(gates, p):
        where = "neighbours in the batch" if lag == 1 else f"samples that are {lag} places apart"
        return f"{where} survive together, or never together: draw the gates independently"
    counts, n = gates.sum(1), gates.shape[1]
    if n * p * (1 - p) > 30 and bool((counts == counts[0]).all()):  # of a few, six times the same may be chance
        return f"exactly {int(counts[0])} of {n} samples survive in every batch: draw each gate on its own"
    return None


def _repeatable(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    first, again = (answer[k] for k in ("in training", "in training, from the same seed"))
    if not torch.allclose(first[0].double(), again.double(), atol=1e-5):
        return "the same generator seed gave other gates: draw from `generator`"
    if _varied(inputs) and len(inputs[0]) > 20:
        other = answer["in training, from another seed"]
        if torch.allclose(first[0].double(), other.double(), atol=1e-5):
            return "another generator seed gave the same gates: draw from `generator`"
    return None


def _backpropagates(
    inputs: Inputs, answer: dict[str, Any], along_identity: bool = True, along_branch: bool = True
) -> str | None:
    """The name of the first gradient that is not that of x + b·f(x), with constants for what is detached."""
    x, weight, offset, *_ = inputs
    gates = _gates(inputs, answer["in training, from the same seed"]).round()

    def block(x: Tensor, branch: Tensor) -> Tensor:
        change = gates.to(x.dtype) * mixing(weight, branch)(x)
        return (x if along_identity else x.detach()) + (change if along_branch else change.detach())

    for name, wanted in gradients(block, x=x, branch=offset).items():
        if not torch.allclose(answer[name].double(), wanted.double(), rtol=1e-3, atol=1e-3):
            return name
    return None


def _learns(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    if name := _backpropagates(inputs, answer):
        return f"the {name} is not that of x + b·f(x): in training autograd must be able to follow both parts"
    return None


def _mean_at_test_time(inputs: Inputs, answer: dict[str, Any]) -> str | None:
    wanted = inputs[0].double() + inputs[3] * _f(inputs).double()
    for name in ("at test time", "at test time, from another seed"):
        got = answer[name].double()
        if not torch.allclose(got, wanted, rtol=1e-4, atol=1e-4):
            gates = _gates(inputs, answer[name])
            if _near(gates, gates.flatten()[0]).all():
                return f"at test time the answer must be x + p·f(x), p = {inputs[3]:g}; it is x {_signed(gates)}·f(x)"
            return f"at test time the answer must be x + p·f(x), with p = {inputs[3]:g}"
    return None


def _signed(gates: Tensor) -> str:
    return f"{gates.flatten()[0].item():+.3g}".replace("-", "− ").replace("+", "+ ")


# ----------------------------------------------------------------------------------------------- mistakes


def drop_probability(x, branch, p, training, generator):
    """p was taken as the probability to be dropped, as in torchvision and timm; here a branch survives with p."""
    if not training:
        return x + (1 - p) * branch(x)
    b = (torch.rand(len(x), generator=generator) >= p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def dropped_in_training(x, branch, p, training, generator):
    """In training a branch survives with 1 − p, though at test time p is right; draw b = 1 with probability p."""
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=generator) >= p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def not_scaled_at_test_time(x, branch, p, training, generator):
    """At test time the branch is added whole; in training it was there only with probability p: x + p·f(x)."""
    if not training:
        return x + branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def divided_in_training(x, branch, p, training, generator):
    """This is torchvision's convention, b/p in training and f(x) whole at test time; the lecture's: b, then p·f(x)."""
    if not training:
        return x + branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float() / max(p, 1e-6)
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def scaled_twice(x, branch, p, training, generator):
    """The branch is divided by p in training and multiplied by p at test time; the lecture does only the latter."""
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float() / max(p, 1e-6)
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def scaled_in_training_too(x, branch, p, training, generator):
    """In training, too, the branch is multiplied by p; there it is whole or gone, x + b·f(x). p is for test time."""
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + p * b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def one_gate_per_batch(x, branch, p, training, generator):
    """One gate is drawn for the whole batch; asked is one for each sample."""
    if not training:
        return x + p * branch(x)
    b = (torch.rand((), generator=generator) < p).float()
    return x + b * branch(x)


def gate_per_entry(x, branch, p, training, generator):
    """Every entry has a gate of its own: that is dropout. Draw one for each sample, so that the whole branch goes."""
    if not training:
        return x + p * branch(x)
    return x + torch.bernoulli(torch.full_like(x, p), generator=generator) * branch(x)


def dropout_on_the_branch(x, branch, p, training, generator):
    """This is dropout on the branch: single numbers go, and those that stay are divided by p. Draw one gate for each
    sample, divide by nothing, and multiply by p at test time."""
    return x + torch.nn.functional.dropout(branch(x), 1 - p, training)


def gate_per_column(x, branch, p, training, generator):
    """The gates run along the last axis, not along the samples: reshape them to (N, 1, …), so that they have x's axes."""  # noqa: E501
    if not training:
        return x + p * branch(x)
    b = torch.bernoulli(torch.full((x.shape[-1],), p), generator=generator)
    return x + b * branch(x)


def gate_per_channel(x, branch, p, training, generator):
    """Each channel of each sample has a gate; asked is one for the sample, whole."""
    if not training:
        return x + p * branch(x)
    b = torch.bernoulli(torch.full(x.shape[:2], p), generator=generator)
    return x + b.view(*x.shape[:2], *[1] * (x.ndim - 2)) * branch(x)


def still_drawn_at_test_time(x, branch, p, training, generator):
    """Gates are drawn at test time, too; then the answer must not depend on chance: x + p·f(x)."""
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def never_drawn(x, branch, p, training, generator):
    """No gate is drawn in training: x + p·f(x) is for test time."""
    return x + p * branch(x)


def training_reversed(x, branch, p, training, generator):
    """Training and test time are swapped: draw when training is true."""
    if training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def sum_gated(x, branch, p, training, generator):
    """The gate sits on the sum, so that x is lost as well; only the branch has a gate, x + b·f(x)."""
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return b.view(-1, *[1] * (x.ndim - 1)) * (x + branch(x))


def sum_scaled_at_test_time(x, branch, p, training, generator):
    """At test time x was scaled as well; x always passes whole: x + p·f(x), not p·(x + f(x))."""
    if not training:
        return p * (x + branch(x))
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def identity_at_test_time(x, branch, p, training, generator):
    """At test time the branch is missing; all blocks take part then, each with its weight: x + p·f(x)."""
    if not training:
        return x
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def divided_at_test_time(x, branch, p, training, generator):
    """At test time the branch is divided by p, which makes it larger; multiply it by p."""
    if not training:
        return x + branch(x) / max(p, 1e-6)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def dropped_share_at_test_time(x, branch, p, training, generator):
    """At test time the weight is 1 − p, the share that was left out; it must be p, the share that was there."""
    if not training:
        return x + (1 - p) * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def no_identity(x, branch, p, training, generator):
    """The identity is missing: x itself always passes, x + b·f(x)."""
    if not training:
        return p * branch(x)
    b = (torch.rand(len(x), generator=generator) < p).float()
    return b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def generator_ignored(x, branch, p, training, generator):
    """The generator is ignored: pass it on, as in torch.rand(n, generator=generator), so that runs can be repeated."""
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x)) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def reseeded(x, branch, p, training, generator):
    """Each batch gets the same gates: use the generator as it comes, do not seed one in the function."""
    if not training:
        return x + p * branch(x)
    b = (torch.rand(len(x), generator=torch.Generator().manual_seed(0)) < p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def exact_share(x, branch, p, training, generator):
    """A fixed number of samples survives in every batch; each sample's gate is drawn on its own."""
    if not training:
        return x + p * branch(x)
    b = (torch.randperm(len(x), generator=generator) < round(p * len(x))).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def p_rounded(x, branch, p, training, generator):
    """p was rounded or changed, or compared with whole numbers as from torch.randint(100): p may lie between two
    hundredths. Draw numbers between 0 and 1 with torch.rand, and compare them with p itself."""
    if not training:
        return x + p * branch(x)
    b = (torch.randint(100, (len(x),), generator=generator) < 100 * p).float()
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def activated(x, branch, p, training, generator):
    """There is a ReLU after the sum; here none is asked for."""
    if not training:
        return (x + p * branch(x)).relu()
    b = (torch.rand(len(x), generator=generator) < p).float()
    return (x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)).relu()


def branch_detached(x, branch, p, training, generator):
    """The values are right, but no gradient reaches the branch, so it would never learn: leave out .detach() and
    no_grad()."""
    b = torch.rand(len(x), generator=generator) < p if training else torch.full((len(x),), p)
    return x + b.float().view(-1, *[1] * (x.ndim - 1)) * branch(x).detach()


def identity_detached(x, branch, p, training, generator):
    """The values are right, but no gradient passes along the identity, which is what residual blocks are for: leave out
    .detach(), .data, no_grad()."""
    b = torch.rand(len(x), generator=generator) < p if training else torch.full((len(x),), p)
    return x.detach() + b.float().view(-1, *[1] * (x.ndim - 1)) * branch(x)


def _shown(
    training: Callable[[Inputs, Tensor], bool] | None, testing: Callable[[Inputs, Tensor], bool] | None
) -> Callable[[Inputs, dict[str, Any]], bool]:
    """A recogniser from what the calls in training show, (CALLS, N, …), and what the one at test time does."""

    def recognise(inputs: Inputs, answer: dict[str, Any]) -> bool:
        return (training is None or training(inputs, _trained(inputs, answer))) and (
            testing is None or testing(inputs, _tested(inputs, answer))
        )

    return recognise


def _right(inputs: Inputs, gates: Tensor) -> bool:
    """In training, gates as they should be."""
    p = inputs[3]
    own = not _random(inputs) or not _alike_within_batch(gates)
    return _binary(gates) and _alike_within_samples(gates) and own and _share_is(_of_samples(gates), p)


def _without(**parts: bool) -> Callable[[Inputs, dict[str, Any]], bool]:
    """A recogniser of right values whose gradients lack a part."""
    values = _shown(_right, _weight(_kept))
    return lambda inputs, answer: values(inputs, answer) and _backpropagates(inputs, answer, **parts) is None


def _survive_with(share: Callable[[float], float], one: Callable[[float], float] = lambda p: 1.0) -> Callable[..., Any]:
    def shows(inputs: Inputs, gates: Tensor) -> bool:
        p, size = inputs[3], one(inputs[3])
        if p == 0 and size != 1:  # divided by p: 0/0, or 0 with a guard against that
            return bool((gates.isnan() | (gates == 0)).all())
        enough = _alike_within_samples(gates) and (not _random(inputs) or not _alike_within_batch(gates))
        return enough and _binary(gates / size) and _share_is(_of_samples(gates), share(p), size)

    return shows


def _weight(weight: Callable[[float], float]) -> Callable[[Inputs, Tensor], bool]:
    def shows(inputs: Inputs, gates: Tensor) -> bool:
        wanted = weight(inputs[3])
        return bool(((gates - wanted).abs() <= 1e-3 * (1 + abs(wanted))).all())

    return shows


def _drawn(inputs: Inputs, gates: Tensor) -> bool:
    own = gates.flatten(1)[:, 0]
    return _binary(gates) and _share_is(own, inputs[3])


def _kept(p: float) -> float:
    return p


def _lost(p: float) -> float:
    return 1 - p


def _whole(p: float) -> float:
    return 1.0


def _inverse(p: float) -> float:
    return 1 / max(p, 1e-6)


def _one_for_all(inputs: Inputs, gates: Tensor) -> bool:
    return _binary(gates) and _alike_within_batch(gates)


def _along_last(gates: Tensor) -> bool:
    """Whether all share the gates of their columns."""
    columns = gates.flatten(1, -2)
    return bool(_near(columns, columns[:, :1]).all())


def _per_column(inputs: Inputs, gates: Tensor) -> bool:
    return _binary(gates) and _along_last(gates)


def _scattered(gates: Tensor) -> bool:
    return _binary(gates) and not _alike_within_samples(gates) and not _along_last(gates)


def _maps_alike(gates: Tensor) -> bool:
    maps = gates.flatten(3)
    return bool(_near(maps, maps[..., :1]).all())


def _dropout(inputs: Inputs, gates: Tensor) -> bool:
    return bool((gates == 0).all()) if inputs[3] == 0 else _scattered(gates * inputs[3])


def _per_channel(inputs: Inputs, gates: Tensor) -> bool:
    return _scattered(gates) and _maps_alike(gates[..., None])


def _per_entry(inputs: Inputs, gates: Tensor) -> bool:
    return _scattered(gates) and (gates.ndim == 3 or not _maps_alike(gates))


def _sum_is_gated(inputs: Inputs, answer: dict[str, Any]) -> bool:
    x, f = inputs[0].double(), _f(inputs).double()
    rows = (torch.stack(answer["in training"]).double()).flatten(2)
    zero = _near(rows, 0).all(-1)
    return bool((zero | _near(rows, (x + f).flatten(1)).all(-1)).all()) and bool(zero.any())


def _sum_is_scaled(inputs: Inputs, answer: dict[str, Any]) -> bool:
    wanted = inputs[3] * (inputs[0].double() + _f(inputs).double())
    return _right(inputs, _trained(inputs, answer)) and bool(_near(answer["at test time"].double(), wanted).all())


def _identity_is_missing(inputs: Inputs, answer: dict[str, Any]) -> bool:
    test = answer["at test time"].double()
    rows = torch.stack(answer["in training"]).double().flatten(2)
    alone = _near(rows, 0).all(-1) | _near(rows, _f(inputs).double().flatten(1)).all(-1)
    return bool(alone.all()) and bool(_near(test, inputs[3] * _f(inputs).double()).all())


def _own_source(inputs: Inputs, answer: dict[str, Any]) -> bool:
    return _right(inputs, _trained(inputs, answer)) and not _same_batches(answer) and bool(_repeatable(inputs, answer))


def _same_batches(answer: dict[str, Any]) -> bool:
    first, *others = answer["in training"]
    return all(torch.allclose(first, other) for other in others)


def _seeded_inside(inputs: Inputs, answer: dict[str, Any]) -> bool:
    return (
        _random(inputs) and _same_batches(answer) and _binary(_trained(inputs, answer)) and not _never(inputs, answer)
    )


def _never(inputs: Inputs, answer: dict[str, Any]) -> bool:
    return bool(_near(_trained(inputs, answer), inputs[3]).all())


def _fixed_share(inputs: Inputs, answer: dict[str, Any]) -> bool:
    counts = _of_samples(_trained(inputs, answer)).sum(1).round()
    return _right(inputs, _trained(inputs, answer)) and bool((counts == counts[0]).all()) and not _same_batches(answer)


def _other_share(inputs: Inputs, answer: dict[str, Any]) -> bool:
    """Gates as they should be, but for their share, which is not so far off that p was taken for another number."""
    gates, p = _trained(inputs, answer), inputs[3]
    share = _of_samples(gates).mean().item()
    own = p < 0.05 or not _random(inputs) or not _alike_within_batch(gates)
    fine = own and _binary(gates) and _alike_within_samples(gates) and bool(_surviving_share(inputs, answer))
    return fine and abs(share - p) < 0.1 and _weight(_kept)(inputs, _tested(inputs, answer))


def _has_relu(inputs: Inputs, answer: dict[str, Any]) -> bool:
    wanted = (inputs[0].double() + inputs[3] * _f(inputs).double()).relu()
    return bool(_near(answer["at test time"].double(), wanted).all())


# --------------------------------------------------------------------------------------------- right answers


def by_bernoulli(x, branch, p, training, generator):  # noqa: D103
    if not training:
        return x + p * branch(x)
    b = torch.bernoulli(torch.full((len(x),), p), generator=generator)
    return x + b.view(-1, *[1] * (x.ndim - 1)) * branch(x)


def filled_in_place(x, branch, p, training, generator):  # noqa: D103
    b = torch.empty(len(x), *[1] * (x.ndim - 1))
    b = b.bernoulli_(p, generator=generator) if training else b.fill_(p)
    return x + b * branch(x)


def only_survivors(x, branch, p, training, generator):  # noqa: D103
    if not training:
        return torch.add(x, branch(x), alpha=p)
    out = x.clone()
    rows = torch.rand(len(x), generator=generator) < p
    if rows.any():
        out[rows] += branch(x[rows])
    return out


def choosing(x, branch, p, training, generator):  # noqa: D103
    if not training:
        return p * (x + branch(x)) + (1 - p) * x
    keep = torch.rand([len(x)] + [1] * (x.ndim - 1), generator=generator).lt(p)
    return torch.where(keep, x + branch(x), x)


def sample_by_sample(x, branch, p, training, generator):  # noqa: D103
    if not training:
        return x + p * branch(x)
    f = branch(x)
    return torch.stack(
        [a + c if torch.rand(1, generator=generator).item() < p else a for a, c in zip(x, f, strict=True)]
    )


EXERCISE = Exercise(
    name="depth.stochastic_depth",
    title="Stochastic depth, one gate per sample",
    signature="stochastic_depth(x, branch, p, training, generator)",
    points=3,
    minutes=12,
    difficulty=2,
    idea=(
        "At test time nothing is random: the branch counts with the weight it had on average. In training toss "
        "one coin for each sample, not one for each number, and let it decide whether the branch is added."
    ),
    pseudocode="""
    test:      y ← x + p · f(x)
    training:  u_i ← uniform random number in [0, 1) for each sample
               b_i ← 1 if u_i < p, else 0
               y_i ← x_i + b_i · f(x)_i
    """,
    reference=depth.stochastic_depth,
    shown=by_bernoulli,
    cases=cases,
    drive=drive,
    compare=False,
    properties=(
        Property("the shape of x", _shape),
        Property("at test time x + p·f(x)", _mean_at_test_time),
        Property("in training each sample is x or x + f(x)", _all_or_nothing),
        Property("a gate for each sample", _each_its_own),
        Property("branches survive with probability p", _surviving_share),
        Property("the generator decides", _repeatable),
        Property("gates are independent", _independent),
        Property("gradients reach x and the branch", _learns),
    ),
    misconceptions=mistakes(
        branch_detached=(branch_detached, _without(along_branch=False)),
        identity_detached=(identity_detached, _without(along_identity=False)),
        drop_probability=(drop_probability, _shown(_survive_with(_lost), _weight(_lost))),
        dropped_in_training=(dropped_in_training, _shown(_survive_with(_lost), _weight(_kept))),
        not_scaled_at_test_time=(not_scaled_at_test_time, _shown(_right, _weight(_whole))),
        divided_in_training=(divided_in_training, _shown(_survive_with(_kept, _inverse), _weight(_whole))),
        scaled_twice=(scaled_twice, _shown(_survive_with(_kept, _inverse), _weight(_kept))),
        scaled_in_training_too=(scaled_in_training_too, _shown(_survive_with(_kept, _kept), _weight(_kept))),
        p_rounded=(p_rounded, _other_share),
        one_gate_per_batch=(one_gate_per_batch, _shown(_one_for_all, _weight(_kept))),
        dropout_on_the_branch=(dropout_on_the_branch, _shown(_dropout, _weight(_whole))),
        gate_per_column=(gate_per_column, _shown(_per_column, _weight(_kept))),
        gate_per_channel=(gate_per_channel, _shown(_per_channel, _weight(_kept))),
        gate_per_entry=(gate_per_entry, _shown(_per_entry, _weight(_kept))),
        still_drawn_at_test_time=(still_drawn_at_test_time, _shown(_right, _drawn)),
        never_drawn=(never_drawn, _shown(_weight(_kept), _weight(_kept))),
        training_reversed=(training_reversed, _shown(_weight(_kept), _drawn)),
        sum_gated=(sum_gated, _sum_is_gated),
        sum_scaled_at_test_time=(sum_scaled_at_test_time, _sum_is_scaled),
        identity_at_test_time=(identity_at_test_time, _shown(_right, _weight(lambda p: 0.0))),
        divided_at_test_time=(divided_at_test_time, _shown(_right, _weight(_inverse))),
        dropped_share_at_test_time=(dropped_share_at_test_time, _shown(_right, _weight(_lost))),
        no_identity=(no_identity, _identity_is_missing),
        generator_ignored=(generator_ignored, _own_source),
        reseeded=(reseeded, _seeded_inside),
        exact_share=(exact_share, _fixed_share),
        activated=(activated, _has_relu),
    ),
    alternatives=(by_bernoulli, filled_in_place, only_survivors, choosing, sample_by_sample),
    note="Return one tensor of the shape of x.",
    seconds=10.0,
    forbidden=(
        "torchvision.ops.stochastic_depth",
        "torchvision.ops.StochasticDepth",
        "timm.layers",
        "timm.models.layers",
        "course.depth",
    ),
    alike=True,
)
