"""The references of section 05 against torch's own optimizers, whatever happens in between."""

from __future__ import annotations

import copy
import math
import pickle
import shutil
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from course import adaptive
from course.adaptive import Adagrad, Adam, AdamW, adagrad_step, adam_step, adamw_step
from course.data import digits
from course.training import fit

unhurried = settings(deadline=None, max_examples=25)
PAIRS = {
    "Adagrad": (Adagrad, torch.optim.Adagrad),
    "Adam": (Adam, torch.optim.Adam),
    "AdamW": (AdamW, torch.optim.AdamW),
}
EXACT = {"rtol": 0, "atol": 0}
each = pytest.mark.parametrize("name", PAIRS)
either = pytest.mark.parametrize("compiled", [False, True])


@pytest.fixture(autouse=True)
def quick_compiler(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Everything but the code generator; the slow tests use the real one."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(adaptive, "BACKEND", "eager")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parameters(dtype: torch.dtype = torch.float32, seed: int = 7) -> list[nn.Parameter]:
    g = seeded(seed)
    shapes = ((3, 4), (5,), (), (2, 1, 3), (4, 3, 2, 2), (0,))
    params = [nn.Parameter(torch.randn(s, generator=g).to(dtype)) for s in shapes]
    params[4].data = params[4].data.contiguous(memory_format=torch.channels_last)
    return params


def gradients(step: int, params: list[nn.Parameter], skip: frozenset[int] = frozenset()) -> list[Tensor | None]:
    """Varied: sizes over four orders of magnitude, half of the entries exactly 0; parameters in `skip` get none."""
    g = seeded(1000 + step)
    drawn = [torch.randn(p.shape, generator=g) * 10 ** (2 * math.sin(step)) for p in params]
    drawn = [d * (torch.rand(d.shape, generator=g) < 0.5) for d in drawn]
    return [None if i in skip else d.to(params[i].dtype) for i, d in enumerate(drawn)]


def skipped(step: int) -> frozenset[int]:
    """Now and then a parameter has no gradient; the last of them for the first forty steps."""
    return frozenset(({step % 5} if step % 7 == 0 else set()) | ({3} if step < 40 else set()))


def advance(pairs: list[tuple[list[nn.Parameter], torch.optim.Optimizer]], steps: range, skipping: bool = True) -> None:
    for step in steps:
        for params, optimizer in pairs:
            grads = gradients(step, params, skipped(step) if skipping else frozenset())
            for p, g in zip(params, grads, strict=True):
                p.grad = g
            before = [None if g is None else g.clone() for g in grads]
            optimizer.step()
            for p, g, b in zip(params, grads, before, strict=True):
                assert p.grad is g
                assert g is None or torch.equal(g, b), "the gradients must be left as they were"


def assert_close(ours: Any, theirs: Any, **tolerance: float) -> None:
    for p, q in zip(ours, theirs, strict=True):
        assert p.dtype == q.dtype
        torch.testing.assert_close(p, q, **tolerance)


# ---------------------------------------------------------------------------------------------------- steps


@unhurried
@given(
    st.sampled_from(list(PAIRS)), st.integers(1, 12), st.floats(1e-4, 1), st.floats(0, 0.99), st.floats(0, 0.9999),
    st.floats(0, 1), st.floats(1e-10, 1e-2), st.integers(0, 10**6),
)  # fmt: skip
def test_the_steps_agree_with_torch(name, steps, lr, beta1, beta2, decay, eps, seed):
    g = seeded(seed)
    w = torch.randn(3, 2, generator=g, dtype=torch.float64)
    peer = nn.Parameter(w.clone())
    options = {"lr": lr, "eps": eps}
    options |= {} if name == "Adagrad" else {"betas": (beta1, beta2)}
    options |= {"weight_decay": decay} if name == "AdamW" else {}
    optimizer = PAIRS[name][1]([peer], **options)
    m = v = torch.zeros_like(w)
    for t in range(1, steps + 1):
        grad = torch.randn(3, 2, generator=g, dtype=torch.float64)
        given = [x.clone() for x in (w, grad, m, v)]
        if name == "Adagrad":
            new = adagrad_step(w, grad, v, lr, eps)
        elif name == "Adam":
            new = adam_step(w, grad, m, v, t, lr, beta1, beta2, eps)
        else:
            new = adamw_step(w, grad, m, v, t, lr, decay, beta1, beta2, eps)
        assert all(torch.equal(a, b) for a, b in zip(given, (w, grad, m, v), strict=True)), "arguments were changed"
        w, m, v = (new[0], m, new[1]) if name == "Adagrad" else new
        peer.grad = grad
        optimizer.step()
        torch.testing.assert_close(w, peer.detach(), rtol=1e-9, atol=1e-11)


@unhurried
@given(st.floats(1e-3, 1e3), st.floats(1e-4, 1), st.floats(0, 0.99), st.floats(0, 0.999))
def test_adams_first_step_has_the_size_of_the_rate(scale, lr, beta1, beta2):
    grad = torch.tensor([scale, -scale], dtype=torch.float64)
    zero = torch.zeros_like(grad)
    moved = adam_step(zero, grad, zero, zero, 1, lr, beta1, beta2, eps=1e-14)[0]
    torch.testing.assert_close(moved, -lr * grad.sign(), rtol=1e-6, atol=0)


def test_decay_shrinks_a_weight_without_gradient_by_eta_lambda():
    w, zero = torch.tensor([3.0, -0.5]), torch.zeros(2)
    torch.testing.assert_close(adamw_step(w, zero, zero, zero, 1, 0.1, weight_decay=0.2)[0], w * (1 - 0.1 * 0.2))


def test_many_rates_at_once_are_the_same_as_one_by_one():
    w, grad = torch.randn(3, 4, generator=seeded()), torch.randn(3, 4, generator=seeded(1))
    zero, lrs = torch.zeros(3, 4), torch.tensor([[0.1], [0.01], [1.0]])
    together = adamw_step(w, grad, zero, zero, 1, lrs)[0]
    for i in range(3):
        alone = adamw_step(w[i], grad[i], zero[i], zero[i], 1, lrs[i].item())[0]
        torch.testing.assert_close(together[i], alone)


@pytest.mark.parametrize("t", [0, -1])
def test_steps_are_counted_from_one(t):
    zero = torch.zeros(1)
    with pytest.raises(ValueError, match="counted from 1"):
        adam_step(zero, zero, zero, zero, t, 0.1)


# --------------------------------------------------------------------------------- optimizers against torch's


@each
@either
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_they_agree_with_torch_over_120_varied_steps(name, compiled, dtype):
    (ours, theirs), pair = (parameters(dtype) for _ in range(2)), PAIRS[name]
    identity = [(id(p), p.data_ptr()) for p in ours]
    a, b = pair[0](ours, lr=0.02, compiled=compiled), pair[1](theirs, lr=0.02)
    advance([(ours, a), (theirs, b)], range(60))
    a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.003
    advance([(ours, a), (theirs, b)], range(60, 120))
    # compiled, the operations come in another order; torch rounds to bfloat16 after each of them
    assert_close(ours, theirs, **({"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {}))
    assert [(id(p), p.data_ptr()) for p in ours] == identity
    assert len(a._programs) == (2 if compiled else 0), "with and without the parameter that begins late"


@each
@either
def test_they_agree_with_torch_on_parameter_groups(name, compiled):
    ours, theirs = parameters(torch.float64), parameters(torch.float64)
    special: dict[str, Any] = {"lr": 0.2, "eps": 1e-3}
    special |= {} if name == "Adagrad" else {"betas": (0.5, 0.7)}
    special |= {"weight_decay": 0.3} if name == "AdamW" else {}
    a, b = (
        cls([{"params": p[:2]}, {"params": p[2:4], **special}], lr=0.01, **more)
        for cls, p, more in zip(PAIRS[name], (ours, theirs), ({"compiled": compiled}, {}), strict=True)
    )
    advance([(ours, a), (theirs, b)], range(60))
    a.add_param_group({"params": ours[4:], "lr": 0.05})
    b.add_param_group({"params": theirs[4:], "lr": 0.05})
    advance([(ours, a), (theirs, b)], range(60, 110))
    assert_close(ours, theirs)


@unhurried
@given(st.sampled_from(list(PAIRS)), st.integers(0, 10**6), st.floats(1e-5, 1), st.lists(st.booleans(), min_size=4))
def test_they_agree_with_torch_whoever_has_gradients(name, seed, lr, has):
    ours, theirs = parameters(torch.float64, seed), parameters(torch.float64, seed)
    a, b = PAIRS[name][0](ours, lr=lr), PAIRS[name][1](theirs, lr=lr)
    for step in range(0, len(has), 4):
        for params, optimizer in ((ours, a), (theirs, b)):
            for p, g, given_ in zip(params, gradients(seed + step, params), has[step:] + [True] * 6, strict=False):
                p.grad = g if given_ else None
            optimizer.step()
    assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


@each
def test_blocks_change_nothing(name, monkeypatch):
    monkeypatch.setattr(adaptive, "BLOCK", 5)
    ours, theirs = parameters(), parameters()
    theirs_optimizer = PAIRS[name][1](theirs, lr=0.02, foreach=True)
    advance([(ours, PAIRS[name][0](ours, lr=0.02)), (theirs, theirs_optimizer)], range(110))
    assert_close(ours, theirs, **EXACT)


@each
@either
@pytest.mark.parametrize("source", ["ours", "theirs"])
def test_a_saved_state_goes_on_in_either(name, compiled, source):
    """Saved after 50 steps by us or by torch; both go on from there as if nothing had happened."""
    options = [{"compiled": compiled}, {}]
    saver = ("ours", "theirs").index(source)
    whole = parameters()
    optimizer = PAIRS[name][saver](whole, lr=0.02, **options[saver])
    advance([(whole, optimizer)], range(50))
    weights, saved = [p.detach().clone() for p in whole], copy.deepcopy(optimizer.state_dict())
    advance([(whole, optimizer)], range(50, 100))
    for cls, more in zip(PAIRS[name], options, strict=True):
        resumed = parameters(seed=8)
        with torch.no_grad():
            for p, w in zip(resumed, weights, strict=True):
                p.copy_(w)
        other = cls(resumed, lr=123.0, **more)
        advance([(resumed, other)], range(3))
        with torch.no_grad():
            for p, w in zip(resumed, weights, strict=True):
                p.copy_(w)
        other.load_state_dict(copy.deepcopy(saved))
        advance([(resumed, other)], range(50, 100))
        assert_close(resumed, whole)


@each
def test_what_is_not_offered_is_refused_not_ignored(name):
    ours, theirs = parameters(), parameters()
    a = PAIRS[name][0](ours, lr=0.5)
    b = PAIRS[name][1](theirs, lr=0.02, maximize=True)
    with pytest.raises(ValueError, match=r"maximize=True is not offered"):
        a.load_state_dict(b.state_dict())
    assert a.param_groups[0]["lr"] == 0.5
    with pytest.raises(ValueError, match="not offered"):
        a.add_param_group({"params": [nn.Parameter(torch.zeros(1))], "maximize": True})
    assert len(a.param_groups) == 1


def test_l2_is_not_mistaken_for_decay():
    peer = torch.optim.Adam(parameters(), weight_decay=0.1)
    for cls in (Adam, AdamW):
        with pytest.raises(ValueError, match="not offered here"):
            cls(parameters()).load_state_dict(peer.state_dict())


@either
def test_copies_and_pickles_go_on(compiled):
    params = parameters()
    optimizer = AdamW(params, lr=0.02, compiled=compiled)
    advance([(params, optimizer)], range(10))
    copies = [pickle.loads(pickle.dumps((params, optimizer))), copy.deepcopy((params, optimizer))]
    advance([(params, optimizer)], range(10, 20))
    for weights, other in copies:
        assert other.compiled == compiled
        assert other.param_groups[0]["params"][0] is weights[0]
        advance([(weights, other)], range(10, 20))
        assert_close(weights, params)


@each
@either
def test_a_closure_is_evaluated_with_gradients_and_returned(name, compiled):
    results = []
    for cls, more in zip(PAIRS[name], ({"compiled": compiled}, {}), strict=True):
        w = nn.Parameter(torch.tensor([3.0, -1.0]))
        optimizer = cls([w], lr=0.1, **more)

        def closure(w=w, optimizer=optimizer) -> Tensor:
            optimizer.zero_grad()
            loss = (w**2).sum()
            loss.backward()
            return loss

        with torch.no_grad():
            losses = [optimizer.step(closure).item() for _ in range(5)]
        results.append((torch.tensor(losses), w))
    assert_close(*results)


@each
def test_a_scheduler_of_torch_sets_the_rate(name):
    ours, theirs = parameters(), parameters()
    pairs = []
    for cls, params in zip(PAIRS[name], (ours, theirs), strict=True):
        optimizer = cls(params, lr=0.1)
        pairs.append((params, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)))
    for step in range(20):
        for params, optimizer, schedule in pairs:
            advance([(params, optimizer)], range(step, step + 1))
            schedule.step()
    assert_close(ours, theirs)


@each
@either
def test_they_take_torchs_place_in_a_training_script(name, compiled):
    """The same script, one import changed: the losses agree step by step."""
    histories = []
    for cls, more in zip(PAIRS[name], ({"compiled": compiled}, {}), strict=True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
        optimizer = cls(model.parameters(), lr=1e-2, **more)
        histories.append(fit(model, digits("train"), optimizer, epochs=3, generator=seeded(), progress=False).loss)
    torch.testing.assert_close(torch.tensor(histories[0]), torch.tensor(histories[1]), rtol=1e-3, atol=1e-4)
    assert histories[0][-1] < 0.5 * histories[0][0]


def test_gradient_scaling_and_clipping_work_as_with_torch():
    ours, theirs = parameters(), parameters()
    for params, optimizer in ((ours, AdamW(ours, lr=0.1)), (theirs, torch.optim.AdamW(theirs, lr=0.1))):
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        for _ in range(3):
            optimizer.zero_grad()
            scaler.scale(sum((p**2).sum() for p in params)).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(params, 0.1)
            scaler.step(optimizer)
            scaler.update()
    assert_close(ours, theirs)


@each
@pytest.mark.parametrize(
    ("bad", "message"),
    [({"lr": -1.0}, "lr"), ({"lr": math.nan}, "lr"), ({"eps": 0.0}, "eps"), ({"betas": (1.0, 0.9)}, "betas"),
     ({"betas": (0.9, -0.1)}, "betas"), ({"weight_decay": -1.0}, "weight_decay")],
)  # fmt: skip
def test_nonsense_is_refused(name, bad, message):
    if ("betas" in bad and name == "Adagrad") or ("weight_decay" in bad and name != "AdamW"):
        with pytest.raises(TypeError):
            PAIRS[name][0](parameters(), **bad)
        return
    with pytest.raises(ValueError, match=message):
        PAIRS[name][0](parameters(), **bad)
    with pytest.raises(ValueError, match=message):
        PAIRS[name][0]([{"params": parameters(), **bad}])


@each
def test_sparse_gradients_are_refused_before_anything_moves(name):
    dense, table = nn.Parameter(torch.ones(2)), nn.Embedding(4, 2, sparse=True)
    optimizer = PAIRS[name][0]([dense, table.weight])
    (table(torch.tensor([1])).sum() + dense.sum()).backward()
    with pytest.raises(ValueError, match="sparse"):
        optimizer.step()
    assert dense.tolist() == [1, 1]
    assert not optimizer.state[dense]


def test_nothing_happens_without_gradients():
    params = parameters()
    optimizer = AdamW(params, compiled=True)
    optimizer.step()
    optimizer.step()
    assert_close(params, parameters(), **EXACT)
    assert not optimizer.state


# -------------------------------------------------------------------------------------------------- compiled


def test_many_optimizers_each_have_a_compiled_update():
    """torch.compile keeps eight versions of a function; ours must not go uncompiled because of others."""
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptive, "BACKEND", backend)
        for i in range(12):
            w = nn.Parameter(torch.ones(i + 2))
            optimizer = AdamW([w], compiled=True)
            for _ in range(4):
                w.grad = torch.ones(i + 2)
                optimizer.param_groups[0]["lr"] *= 0.9
                optimizer.step()
    assert len(compiled) == 12, "once each, whatever the rate"


def test_sets_that_come_up_once_are_not_compiled():
    params = parameters()
    optimizer = AdamW(params, compiled=True)
    for step in range(12):
        for i, p in enumerate(params):
            p.grad = None if i == step % 4 else torch.ones_like(p)
        optimizer.step()
    assert not optimizer._programs


def test_without_a_compiler_a_warning_says_so_and_the_steps_are_the_same():
    def broken(graph, inputs):
        raise RuntimeError("no C++ compiler")

    ours, theirs = parameters(), parameters()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptive, "BACKEND", broken)
        optimizer = AdamW(ours, lr=0.02, compiled=True)
        pairs: list[Any] = [(ours, optimizer), (theirs, AdamW(theirs, lr=0.02))]
        with pytest.warns(UserWarning, match=r"uncompiled.*same results.*no C\+\+ compiler.*g\+\+"):
            advance(pairs, range(2), skipping=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            advance(pairs, range(2, 10), skipping=False)
    assert not optimizer.compiled
    assert_close(ours, theirs, **EXACT)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="needs a C++ compiler")
@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_compiled_code_agrees_with_torch(name, dtype):
    ours, theirs = parameters(dtype), parameters(dtype)
    a, b = PAIRS[name][0](ours, lr=0.02, compiled=True), PAIRS[name][1](theirs, lr=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        advance([(ours, a), (theirs, b)], range(60))
    a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = 0.003
    advance([(ours, a), (theirs, b)], range(60, 110))
    assert a.compiled
    assert len(a._programs) == 2
    assert_close(ours, theirs, **({"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {}))
