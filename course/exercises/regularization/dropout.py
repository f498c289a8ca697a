"""Exercise regularization.dropout: a share of the numbers is dropped, the others make up for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course import regularization
from course.exercises.chance import linked
from course.exercises.exercise import Case, Draw, Exercise, Property, Unusable, mistakes

Answer = dict[str, Any]
Inputs = tuple[Tensor, float, int]
MASKS = 6
SIGMAS = 6.5  # a right answer is that far off once in 10¹⁰ times


def drive(dropout: Callable[..., Any], x: Tensor, p: float, seed: int) -> Answer:
    """Several calls in training with one generator, the first again with its seed; the gradient; and evaluation."""
    edited: list[Tensor] = []

    def call(generator: torch.Generator, training: bool, inputs: Tensor) -> Tensor:
        answer = dropout(inputs, p, training, generator)
        if not isinstance(answer, Tensor):
            raise Unusable("dropout must return a tensor of the same shape as x.")
        return answer

    def numbers(generator: torch.Generator, training: bool) -> Tensor:
        handed = x.clone()  # each call gets its own, so that an edit of it does not spoil the next
        answer = call(generator, training, handed).detach().clone()
        if not torch.equal(handed, x):
            edited.append(handed)
        return answer.to(x.dtype) if answer.is_floating_point() else answer

    generator = torch.Generator().manual_seed(seed)
    found: Answer = {"in training": [numbers(generator, True) for _ in range(MASKS)]}
    found["again"] = numbers(torch.Generator().manual_seed(seed), True)
    found["in evaluation"] = numbers(generator, False)
    leaf = x.clone().requires_grad_()
    out = call(torch.Generator().manual_seed(seed), True, leaf.clone())
    grad = torch.autograd.grad(out.sum(), leaf, allow_unused=True)[0] if out.requires_grad else None
    found["gradient"] = torch.zeros_like(x) if grad is None else grad
    if edited:
        x.copy_(edited[0])  # whoever looks for edits looks at the arguments
    return found


def cases(draw: Draw) -> list[Case]:
    """p = ½ by hand; nothing, little, much, hardly anything dropped; vectors, pictures; some numbers are 0 already."""

    def run(label: str, *shape: int, p: float, kind: Any = "varied") -> Case:
        return Case(label, (draw.normal(*shape, scale=3.0), p, draw.seed()), kind)

    sparse = draw.normal(40, 40).relu()
    return [
        Case("ones, p = 0.5", (torch.ones(40, 30), 0.5, draw.seed()), "hand"),
        run("p = 0 drops nothing", 5, 4, p=0.0),
        run("a little", 50, draw.integer(30, 40), p=draw.uniform(0.08, 0.2)),
        run("much", 50, draw.integer(30, 40), p=draw.uniform(0.7, 0.85)),
        run("pictures", 4, 3, 8, 8, p=draw.uniform(0.25, 0.4)),
        run("one long vector, p between two tenths", 2000, p=draw.uniform(0.347, 0.353)),
        run("hardly any, p between two hundredths", 4000, p=draw.integer(35, 45) / 10_000),
        Case("numbers that are 0 already", (sparse, draw.uniform(0.2, 0.35), draw.seed())),
    ]


def _shape(inputs: Inputs, answer: Answer) -> str | None:
    for name in ("in training", "in evaluation"):
        for out in answer[name] if name == "in training" else [answer[name]]:
            if out.shape != inputs[0].shape:
                return f"{name} the answer has shape {tuple(out.shape)}, x has {tuple(inputs[0].shape)}"
    return None


def _evaluation(inputs: Inputs, answer: Answer) -> str | None:
    x, out = inputs[0], answer["in evaluation"]
    if torch.allclose(out, x):
        return None
    what = "some numbers are dropped" if bool(((out == 0) & (x != 0)).any()) else "the numbers are scaled"
    return f"with training=False nothing may change, but {what}"


def _values(inputs: Inputs, answer: Answer) -> str | None:
    x, p, _ = inputs
    for out in answer["in training"]:
        kept = out != 0
        if not torch.allclose(out[kept], x[kept] / (1 - p), rtol=1e-4, atol=1e-5):
            i = tuple(int(j) for j in ((out - x / (1 - p)).abs() * kept).flatten().argmax()[None])
            got, was = out.flatten()[i].item(), x.flatten()[i].item()
            return f"{was:.4g} became {got:.4g}; with p = {p:g} it must be 0 or {was:.4g}/(1 − p) = {was / (1 - p):.4g}"
    return None


def _masks(inputs: Inputs, answer: Answer) -> Tensor:
    """Which numbers were dropped: (MASKS, numbers of x that are not 0)."""
    return torch.stack([out[inputs[0] != 0] == 0 for out in answer["in training"]])


def _off(share: float, p: float, n: int) -> bool:
    return abs(share - p) > SIGMAS * math.sqrt(max(p * (1 - p), 1e-9) / n) + 0.5 / n


def _share(inputs: Inputs, answer: Answer) -> str | None:
    masks, p = _masks(inputs, answer), inputs[1]
    share = masks.double().mean().item()
    return f"{100 * share:.1f} % of the numbers were dropped; p = {p:g}" if _off(share, p, masks.numel()) else None


def _fixed_count(inputs: Inputs, answer: Answer) -> str | None:
    masks, p = _masks(inputs, answer), inputs[1]
    counts = masks.sum(1)
    if masks.shape[1] * p * (1 - p) > 30 and len(counts.unique()) == 1:  # of a few, six times the same may be chance
        return (
            f"each time exactly {int(counts[0])} numbers were dropped: the count must vary as each is drawn by itself"
        )
    return None


def _one_mask_for_all(inputs: Inputs, answer: Answer) -> str | None:
    x, p, _ = inputs
    if not 0 < p < 1 or x.ndim < 2 or bool((x == 0).any()):
        return None
    for axis in range(x.ndim):
        if x.shape[axis] > 1 and all(_repeated(out == 0, axis) for out in answer["in training"]):
            return f"the same is dropped all along axis {axis}: draw for each number by itself, with x's own shape"
    return None


def _repeated(mask: Tensor, axis: int) -> bool:
    return bool((mask == mask.narrow(axis, 0, 1)).all())


def _linked(inputs: Inputs, answer: Answer) -> str | None:
    lag = linked(_masks(inputs, answer), inputs[1])
    where = "neighbours" if lag == 1 else f"numbers that are {lag} places apart"
    return f"{where} are dropped together, or never together: draw for each number by itself" if lag else None


def _same_each_time(inputs: Inputs, answer: Answer) -> str | None:
    first, second = answer["in training"][:2]
    return "two calls in a row dropped the same numbers" if 0 < inputs[1] < 1 and torch.equal(first, second) else None


def _not_repeatable(inputs: Inputs, answer: Answer) -> str | None:
    return None if torch.equal(answer["in training"][0], answer["again"]) else "the same seed dropped other numbers"


def _gradient(inputs: Inputs, answer: Answer) -> str | None:
    x, p, _ = inputs
    live = x != 0
    wanted = (answer["again"] != 0).to(x.dtype) / (1 - p)
    if torch.allclose(answer["gradient"][live], wanted[live], rtol=1e-4, atol=1e-5):
        return None
    return "the gradient of a number that stays is 1/(1 − p), of one that is dropped 0; is something detached?"


def not_scaled(x, p, training, generator):
    """What stays must be divided by 1 − p, or the layer's output is smaller in training than in evaluation."""
    if not training:
        return x
    return x * (torch.rand(x.shape, generator=generator) >= p)


def active_in_evaluation(x, p, training, generator):
    """With training=False numbers are dropped, too; then x must come back as it is."""
    return x * (torch.rand(x.shape, generator=generator) >= p) / (1 - p)


def only_in_evaluation(x, p, training, generator):
    """training is the wrong way round: drop when it is true, return x as it is when it is false."""
    if training:
        return x
    return x * (torch.rand(x.shape, generator=generator) >= p) / (1 - p)


def p_as_keep_probability(x, p, training, generator):
    """p is the probability of dropping, here it is that of keeping: 1 − p stay, and are divided by 1 − p."""
    if not training:
        return x
    keep = torch.rand(x.shape, generator=generator) < p
    return x * keep / max(p, 1e-12)


def keeps_the_share_p(x, p, training, generator):
    """The share p stays and the rest is dropped; p is the probability of dropping: keep where the draw is ≥ p."""
    if not training:
        return x
    return x * (torch.rand(x.shape, generator=generator) < p) / (1 - p)


def divided_by_p(x, p, training, generator):
    """What stays is divided by p; divide by the probability of staying, 1 − p."""
    if not training:
        return x
    return x * (torch.rand(x.shape, generator=generator) >= p) / max(p, 1e-12)


def multiplied(x, p, training, generator):
    """What stays is multiplied by 1 − p; divide by it: fewer numbers must each count more."""
    if not training:
        return x
    return x * (torch.rand(x.shape, generator=generator) >= p) * (1 - p)


def divided_by_what_stayed(x, p, training, generator):
    """What stays is divided by the share that happened to stay; divide by the probability of staying, 1 − p."""
    if not training:
        return x
    keep = (torch.rand(x.shape, generator=generator) >= p).float()
    return x * keep / keep.mean().clamp(min=1e-12)


def whole_channels(x, p, training, generator):
    """Whole channels are dropped, as F.dropout2d does: draw for each number by itself, with x's own shape."""
    if not training:
        return x
    shape = (*x.shape[:2], *[1] * (x.ndim - 2))
    return x * (torch.rand(shape, generator=generator) >= p) / (1 - p)


def scaled_in_evaluation(x, p, training, generator):
    """This is the original form, which scales by 1 − p in evaluation; here training divides and evaluation does nothing."""  # noqa: E501
    if not training:
        return x * (1 - p)
    return x * (torch.rand(x.shape, generator=generator) >= p)


def scaled_twice(x, p, training, generator):
    """Training divides by 1 − p, and evaluation multiplies by it as well: once is enough, evaluation returns x."""
    if not training:
        return x * (1 - p)
    return x * (torch.rand(x.shape, generator=generator) >= p) / (1 - p)


def same_for_all_samples(x, p, training, generator):
    """All samples of the batch lose the same numbers: the mask needs x's own shape, not that of one sample."""
    if not training:
        return x
    shape = x.shape[1:] if x.ndim > 1 else x.shape
    return x * (torch.rand(shape, generator=generator) >= p) / (1 - p)


def whole_samples(x, p, training, generator):
    """Whole samples are dropped: draw for each number by itself, with x's own shape."""
    if not training:
        return x
    shape = (len(x), *[1] * (x.ndim - 1))
    return x * (torch.rand(shape, generator=generator) >= p) / (1 - p)


def one_draw(x, p, training, generator):
    """One draw decides for all numbers: draw for each by itself, with x's own shape."""
    if not training:
        return x
    return x * (torch.rand((), generator=generator) >= p) / (1 - p)


def fixed_count(x, p, training, generator):
    """The same count is dropped each time; each number is dropped with probability p by itself, so the count varies."""
    if not training:
        return x
    order = torch.randperm(x.numel(), generator=generator)
    keep = torch.ones(x.numel())
    keep[order[: round(p * x.numel())]] = 0
    return x * keep.view(x.shape) / (1 - p)


def generator_ignored(x, p, training, generator):
    """The generator is ignored: pass it on, as in torch.rand(x.shape, generator=generator), so that runs can be repeated."""  # noqa: E501
    if not training:
        return x
    return x * (torch.rand(x.shape) >= p) / (1 - p)


def reseeded(x, p, training, generator):
    """Each call drops the same numbers: draw from the generator that was passed, and do not seed it again."""
    if not training:
        return x
    return x * (torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) >= p) / (1 - p)


def normal_for_uniform(x, p, training, generator):
    """The draw is normal (randn), so p is no probability of dropping; draw uniformly between 0 and 1: torch.rand."""
    if not training:
        return x
    return x * (torch.randn(x.shape, generator=generator) >= p) / (1 - p)


def no_gradient(x, p, training, generator):
    """The values are right, but no gradient comes through: leave out detach, .data and torch.tensor."""
    if not training:
        return x
    return x.detach() * (torch.rand(x.shape, generator=generator) >= p) / (1 - p)


def never_drops(x, p, training, generator):
    """Nothing is dropped in training: draw for each number, and put 0 where the draw is below p."""
    return x


def p_rounded(x, p, training, generator):
    """p was rounded, or compared with whole numbers as from torch.randint(100): p may lie between two hundredths. Draw
    numbers between 0 and 1 with torch.rand."""
    if not training:
        return x
    return x * (torch.randint(100, x.shape, generator=generator) >= 100 * p) / (1 - p)


def negatives_lost(x, p, training, generator):
    """Negative numbers become 0 as well, as from a ReLU or from a comparison of x itself; whether a number is dropped
    must not depend on its value."""
    if not training:
        return x
    return x.relu() * (torch.rand(x.shape, generator=generator) >= p) / (1 - p)


def no_brackets(x, p, training, generator):
    """Brackets are missing: `/ 1 - p` divides by 1 and takes p off every number; divide by (1 - p)."""
    if not training:
        return x
    return x * (torch.rand(x.shape, generator=generator) >= p) / 1 - p


def by_bernoulli(x, p, training, generator):  # noqa: D103
    if not training or p == 0:
        return x
    keep = torch.bernoulli(torch.full(x.shape, 1 - p), generator=generator)
    return x * keep / (1 - p)


def by_where(x, p, training, generator):  # noqa: D103
    if training:
        drop = torch.rand(x.shape, generator=generator) < p
        return torch.where(drop, torch.zeros_like(x), x / (1 - p))
    return x


def by_masked_fill(x, p, training, generator):  # noqa: D103
    if training:
        x = (x / (1 - p)).masked_fill(torch.rand(x.shape, generator=generator).le(p) if p else x != x, 0.0)
    return x


def indexed(x, p, training, generator):  # noqa: D103
    if not training:
        return x.clone()
    out = x / (1 - p)
    out[torch.rand(x.size(), generator=generator) < p] = 0
    return out


def in_double(x, p, training, generator):  # noqa: D103
    x = x.double()
    return x / (1 - p) * (torch.rand(x.shape, generator=generator) >= p) if training else x


def _kept(answer: Answer, inputs: Inputs) -> list[tuple[Tensor, Tensor]]:
    """For each mask, the numbers that stayed, as they were and as they are."""
    return [(inputs[0][out != 0], out[out != 0]) for out in answer["in training"]]


def _factor(inputs: Inputs, answer: Answer, factor: Callable[[float], float]) -> bool:
    wanted = factor(inputs[1])
    return all(torch.allclose(after, wanted * before, rtol=1e-4) for before, after in _kept(answer, inputs))


def _rightly_scaled(inputs: Inputs, answer: Answer) -> bool:
    return _factor(inputs, answer, lambda p: 1 / (1 - p))


def _by_what_stayed(inputs: Inputs, answer: Answer) -> bool:
    x, each = inputs[0], []
    for out in answer["in training"]:
        factors = (out / x)[out != 0]
        full = bool((x != 0).all())  # where some numbers are 0 already nobody can tell which of them stayed
        each.append(torch.allclose(factors, out.numel() / (out != 0).sum() if full else factors.mean(), rtol=1e-4))
    return all(each) and bool(_values(inputs, answer)) and not _share(inputs, answer)


def _channels(inputs: Inputs, answer: Answer) -> bool:
    x = inputs[0]
    return x.ndim > 2 and all(_repeated(out == 0, axis) for out in answer["in training"] for axis in range(2, x.ndim))


def _dropped(inputs: Inputs, answer: Answer, share: Callable[[float], float]) -> bool:
    masks = _masks(inputs, answer)
    return not _off(masks.double().mean().item(), share(inputs[1]), masks.numel())


def _drops_in_evaluation(inputs: Inputs, answer: Answer) -> bool:
    x = inputs[0]
    return inputs[1] == 0 or bool(((answer["in evaluation"] == 0) & (x != 0)).any())


def _evaluation_scaled(inputs: Inputs, answer: Answer) -> bool:
    return torch.allclose(answer["in evaluation"], inputs[0] * (1 - inputs[1]), rtol=1e-4)


def _untouched(inputs: Inputs, answer: Answer) -> bool:
    return all(torch.equal(out, inputs[0]) for out in answer["in training"])


def _normal_share(p: float) -> float:
    return 0.5 * (1 + math.erf(p / math.sqrt(2)))


def _axis(first: bool) -> Callable[[Inputs, Answer], bool]:
    """Whether all along the first axis, or along all others, share their fate; a vector has one axis only."""

    def recognise(inputs: Inputs, answer: Answer) -> bool:
        live = inputs[0] != 0
        axes = (0,) if first else tuple(range(1, live.ndim))
        lost = [((out == 0) & live).sum(axes) for out in answer["in training"]]
        return live.ndim > 1 and all(bool(((n == 0) | (n == live.sum(axes))).all()) for n in lost)

    return recognise


def _single(inputs: Inputs, answer: Answer) -> bool:
    return all(bool((mask == mask[0]).all()) for mask in _masks(inputs, answer))


def _shifted(inputs: Inputs, answer: Answer) -> bool:
    x, p, _ = inputs
    return all(
        bool((torch.isclose(out, x - p, atol=1e-5) | torch.isclose(out, torch.tensor(-p), atol=1e-5)).all())
        for out in answer["in training"]
    )


def _negatives_lost(inputs: Inputs, answer: Answer) -> bool:
    """All negative numbers are gone, and of the others as many as there should be."""
    x, p, _ = inputs
    lost = torch.stack([out == 0 for out in answer["in training"]])
    others = lost[:, x > 0]
    return (
        bool((x < 0).any())
        and bool(lost[:, x < 0].all())
        and not _off(others.double().mean().item(), p, others.numel())
    )


def _some_dropped(inputs: Inputs, answer: Answer) -> bool:
    return bool(_masks(inputs, answer).any())


def _other_masks(inputs: Inputs, answer: Answer) -> bool:
    return not torch.equal(answer["in training"][0] == 0, answer["again"] == 0)


def _masks_alike(inputs: Inputs, answer: Answer) -> bool:
    masks = _masks(inputs, answer)
    return bool((masks == masks[0]).all()) and _some_dropped(inputs, answer)


def _coarse(inputs: Inputs, answer: Answer) -> bool:
    """As many were dropped as for a p that is a whole number of tenths or hundredths."""
    together = _one_mask_for_all(inputs, answer) or _channels(inputs, answer)
    if together or not _share(inputs, answer) or not _rightly_scaled(inputs, answer):
        return False
    shares = [cut(inputs[1] * k) / k for k in (10, 100) for cut in (math.floor, math.ceil, round)]
    return any(_dropped(inputs, answer, lambda _, share=share: share) for share in shares)  # type: ignore[misc]


RECOGNISED: dict[str, tuple[Callable[..., Any], Callable[[Inputs, Answer], bool]]] = {
    "p_rounded": (p_rounded, _coarse),
    "never_drops": (never_drops, lambda i, a: _untouched(i, a) and not _drops_in_evaluation(i, a)),
    "no_brackets": (no_brackets, _shifted),
    "negatives_lost": (negatives_lost, _negatives_lost),
    "only_in_evaluation": (only_in_evaluation, lambda i, a: _untouched(i, a) and _drops_in_evaluation(i, a)),
    "active_in_evaluation": (
        active_in_evaluation,
        lambda i, a: _drops_in_evaluation(i, a) and _rightly_scaled(i, a) and _dropped(i, a, lambda p: p),
    ),
    "scaled_twice": (scaled_twice, lambda i, a: _evaluation_scaled(i, a) and _rightly_scaled(i, a)),
    "scaled_in_evaluation": (
        scaled_in_evaluation,
        lambda i, a: _evaluation_scaled(i, a) and _factor(i, a, lambda p: 1.0),
    ),
    "p_as_keep_probability": (
        p_as_keep_probability,
        lambda i, a: _dropped(i, a, lambda p: 1 - p) and _factor(i, a, lambda p: 1 / max(p, 1e-12)),
    ),
    "keeps_the_share_p": (
        keeps_the_share_p,
        lambda i, a: _dropped(i, a, lambda p: 1 - p) and _rightly_scaled(i, a) and not _one_draw(i, a),
    ),
    "one_draw": (one_draw, lambda i, a: _one_draw(i, a) and _rightly_scaled(i, a)),
    "not_scaled": (
        not_scaled,
        lambda i, a: _factor(i, a, lambda p: 1.0) and _dropped(i, a, lambda p: p) and not _evaluation(i, a),
    ),
    "divided_by_p": (
        divided_by_p,
        lambda i, a: _factor(i, a, lambda p: 1 / max(p, 1e-12)) and _dropped(i, a, lambda p: p),
    ),
    "divided_by_what_stayed": (divided_by_what_stayed, _by_what_stayed),
    "multiplied": (multiplied, lambda i, a: _factor(i, a, lambda p: 1 - p) and _dropped(i, a, lambda p: p)),
    "same_for_all_samples": (same_for_all_samples, lambda i, a: _axis(True)(i, a) and not _single(i, a)),
    "whole_samples": (whole_samples, lambda i, a: _axis(False)(i, a) and not _single(i, a)),
    "whole_channels": (whole_channels, lambda i, a: _channels(i, a) and _rightly_scaled(i, a)),
    "normal_for_uniform": (
        normal_for_uniform,
        lambda i, a: _dropped(i, a, _normal_share) and _rightly_scaled(i, a),
    ),
    "generator_ignored": (generator_ignored, _other_masks),
    "reseeded": (reseeded, lambda i, a: _masks_alike(i, a) and _rightly_scaled(i, a)),
    "fixed_count": (
        fixed_count,
        lambda i, a: (
            bool(_fixed_count(i, a)) and not _same_each_time(i, a) and not _share(i, a) and _rightly_scaled(i, a)
        ),
    ),
    "no_gradient": (
        no_gradient,
        lambda i, a: bool((a["gradient"] == 0).all()) and not _values(i, a) and not _share(i, a),
    ),
}


RIGHT_AT = {
    **dict.fromkeys(("p_as_keep_probability", "keeps_the_share_p", "divided_by_p"), 0.5),
    **dict.fromkeys(("no_brackets", "scaled_twice", "scaled_in_evaluation", "not_scaled", "multiplied"), 0.0),
    **dict.fromkeys(("divided_by_what_stayed", "never_drops", "reseeded"), 0.0),
}
"""With this p a mistake changes nothing: what is wrong there is something else."""


def _unless_right(name: str, shows: Callable[[Inputs, Answer], bool]) -> Callable[[Inputs, Answer], bool]:
    return lambda inputs, answer: inputs[1] != RIGHT_AT.get(name) and shows(inputs, answer)


def _one_draw(inputs: Inputs, answer: Answer) -> bool:
    return _single(inputs, answer) and 0 < inputs[1] < 1


EXERCISE = Exercise(
    name="regularization.dropout",
    title="Dropout",
    signature="dropout(x, p, training, generator)",
    points=2,
    minutes=10,
    difficulty=2,
    idea=(
        "Toss a coin for each number, with the generator you are given. The losers become 0, the winners grow so "
        "that the mean stays the same, and whoever only uses the network gets x back as it is."
    ),
    pseudocode="""
    if not training:   return x
    u_i ← uniform random number in [0, 1) for each entry
    x_i ← 0              where u_i < p
    x_i ← x_i / (1 − p)  elsewhere
    """,
    reference=regularization.dropout,
    shown=by_where,
    cases=cases,
    drive=drive,
    compare=False,
    properties=(
        Property("the shape stays", _shape),
        Property("evaluation changes nothing", _evaluation),
        Property("what stays is divided by 1 − p", _values),
        Property("each number is drawn by itself", _one_mask_for_all),
        Property("the share p is dropped", _share),
        Property("each call draws anew", _same_each_time),
        Property("numbers do not share their draw", _linked),
        Property("how many are dropped varies", _fixed_count),
        Property("the generator decides what is dropped", _not_repeatable),
        Property("the gradient comes through", _gradient),
    ),
    misconceptions=mistakes(**{name: (f, _unless_right(name, shows)) for name, (f, shows) in RECOGNISED.items()}),
    alternatives=(by_bernoulli, by_where, by_masked_fill, indexed, in_double),
    note="Return a tensor of the same shape as x.",
    forbidden=(
        *(f"torch.nn.functional.{n}" for n in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")),
        *("torch.nn.functional.feature_alpha_dropout", "torch.nn.functional.scaled_dot_product_attention(dropout_p)"),
        *(f"torch.nn.{n}" for n in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout")),
        *("torch.nn.FeatureAlphaDropout", "torch.dropout", "torch.dropout_", "torch.feature_dropout"),
        *("torch.native_dropout", "torch.alpha_dropout", "torch.feature_alpha_dropout", "course.regularization"),
    ),
)
