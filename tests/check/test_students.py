"""The harness against students: whatever a function does, there is a verdict, and a sentence that helps."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import random
import re
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course import exercises
from course.check import verdict
from course.check.report import Report

Judged = Callable[..., dict[str, Any]]
Brief = Callable[..., exercises.Exercise]
DEADLINE = 5.0


def words(outcome: dict[str, Any] | Report) -> str:
    """What the student reads, in lower case, tables included."""
    return (outcome.text() if isinstance(outcome, Report) else outcome["text"]).lower()


def called(name: str) -> exercises.Exercise:
    """The exercise whose function has this name; names are unique."""
    (found,) = [e for e in exercises.every() if e.function == name]
    return found


def judged(name: str, function: Any, seed: int = 0) -> Report:
    return Report(verdict(called(name), function, seed))


# ------------------------------------------------------------------------------------------ functions that raise


def misspelt(w, grad, lr):
    return w - lr * gradient_of_the_loss  # noqa: F821


def forgets_an_argument(w, grad):
    return w - grad


def wants_one_more(w, grad, lr, momentum):
    return w - lr * grad


class TwoArguments:
    def __call__(self, w, grad):
        return w - grad


def raises_value_error(w, grad, lr):
    raise ValueError("the third wheel")


def exits(w, grad, lr):
    sys.exit("enough")


def without_end(w, grad, lr):
    return without_end(w, grad, lr)


def mismatched(w, grad, lr):
    return w - lr * torch.ones(7)


def indexes_outside(w, grad, lr):
    return w - lr * grad[99]


def helper(w):
    return w / none_such  # noqa: F821


def blames_the_helper(w, grad, lr):
    return helper(w) - lr * grad


RAISING = [
    (misspelt, ["nameerror", "gradient_of_the_loss", "return w - lr * gradient_of_the_loss", "line", "not defined"]),
    (forgets_an_argument, ["gd_step(w, grad, lr)", "argument"]),
    (wants_one_more, ["gd_step(w, grad, lr)", "argument"]),
    (lambda: None, ["gd_step(w, grad, lr)", "argument"]),
    (functools.partial(forgets_an_argument), ["gd_step(w, grad, lr)", "argument"]),
    (TwoArguments(), ["gd_step(w, grad, lr)", "argument"]),
    (raises_value_error, ["valueerror", "the third wheel", "raise valueerror", "line"]),
    (exits, ["systemexit", "enough"]),
    (without_end, ["recursion", "calls itself", "without_end(w, grad, lr)"]),
    (mismatched, ["shapes", "torch.ones(7)"]),
    (indexes_outside, ["index", "grad[99]"]),
    (blames_the_helper, ["nameerror", "none_such", "return w / none_such"]),
]


@pytest.mark.parametrize(("function", "said"), RAISING, ids=lambda p: getattr(p, "__name__", None))
def test_an_exception_is_shown_with_its_line_and_its_usual_meaning(function: Any, said: list[str]) -> None:
    report = judged("gd_step", function)
    assert (report.verdict.status, report.points, report.verdict.layer) == ("failed", 0.0, "runs")
    assert report.verdict.misconception is None
    for word in said:
        assert word in words(report), report.text()
    assert "returned cannot be used" not in words(report), "the exception came from the call, not from the answer"


def test_an_unusable_answer_is_told_from_an_exception() -> None:
    report = judged("minibatches", lambda n, size, generator: ["first batch"])
    assert report.verdict.status == "failed"
    assert "what minibatches returned cannot be used" in words(report)


@pytest.mark.parametrize("name", [e.function for e in exercises.every()])
def test_every_exercise_names_its_signature_when_arguments_do_not_fit(name: str) -> None:
    report = judged(name, lambda: 0)
    assert (report.verdict.status, report.points) == ("failed", 0.0)
    assert report.verdict.exercise.signature in report.text()


class Raiser(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Leaver(Exception):
    def __str__(self) -> str:
        raise SystemExit


class Thinker(Exception):
    def __str__(self) -> str:
        while True:
            pass


class SilentStub(NotImplementedError):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [Raiser, Leaver, Thinker, SilentStub])
def test_an_exception_whose_message_misbehaves(error: type, isolated: Judged, brief: Brief) -> None:
    def raising(w, grad, lr):
        raise error

    outcome = isolated(raising, brief("gd_step"))
    assert outcome["points"] == 0.0
    if outcome["status"] == "failed":
        assert error.__name__ in outcome["text"]
    else:
        assert (error, outcome["status"]) == (SilentStub, "unwritten")


@pytest.mark.parametrize("name", [e.function for e in exercises.every()])
def test_a_stub_is_met_calmly(name: str) -> None:
    def stub(*_: Any) -> Any:
        raise NotImplementedError

    report = judged(name, stub)
    assert (report.verdict.status, report.points) == ("unwritten", 0.0)
    assert "not written yet" in words(report)


# ------------------------------------------------------------------------------------------- loops without end


def loops(w, grad, lr):
    while True:
        pass


def loops_and_catches_everything(w, grad, lr):
    while True:
        try:  # noqa: SIM105
            w + 1
        except:  # noqa: E722
            pass


def sleeps_and_catches_everything(w, grad, lr):
    while True:
        try:  # noqa: SIM105
            time.sleep(0.2)
        except:  # noqa: E722
            pass


def computes_and_catches_everything(w, grad, lr):
    while True:
        try:
            torch.ones(300, 300) @ torch.ones(300, 300)
        except BaseException:
            continue


def takes_the_alarm_for_the_end(w, grad, lr):
    try:
        while True:
            pass
    except BaseException:
        return w - lr * grad


ENDLESS = [
    loops,
    loops_and_catches_everything,
    sleeps_and_catches_everything,
    computes_and_catches_everything,
    takes_the_alarm_for_the_end,
]


@pytest.mark.parametrize("off_main_thread", [False, True], ids=["main thread", "other thread"])
@pytest.mark.parametrize("function", ENDLESS)
def test_a_loop_without_end_is_ended(function: Any, off_main_thread: bool, isolated: Judged, brief: Brief) -> None:
    started = time.monotonic()
    outcome = isolated(function, brief("gd_step"), off_main_thread=off_main_thread)
    assert (outcome["status"], outcome["points"], outcome["layer"]) == ("failed", 0.0, "runs")
    assert "0.3 seconds" in words(outcome)
    assert "loop" in words(outcome)
    assert time.monotonic() - started < DEADLINE


@pytest.mark.parametrize("name", ["gradient_descent", "minibatches", "sgd_epoch", "train", "momentum_step"])
def test_a_generator_without_end_is_not_waited_for(name: str, isolated: Judged, brief: Brief) -> None:
    def endless(*_: Any) -> Iterator[float]:
        while True:
            yield 1.0

    outcome = isolated(endless, brief(name))
    assert (outcome["status"], outcome["points"]) == ("failed", 0.0)


@pytest.mark.parametrize("off_main_thread", [False, True], ids=["main thread", "other thread"])
def test_the_time_that_an_import_takes_is_given_back(
    off_main_thread: bool, isolated: Judged, brief: Brief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch loads parts of itself on first use: seconds on a busy machine."""
    (tmp_path / "as_large_as_torch.py").write_text("import time\ntime.sleep(0.5)\n")
    monkeypatch.syspath_prepend(tmp_path)

    def imports_and_works(w: Tensor, grad: Tensor, lr: float) -> Tensor:
        before = "as_large_as_torch" in sys.modules
        importlib.import_module("as_large_as_torch")
        time.sleep(0.0 if before else 0.15)
        return w - lr * grad

    assert isolated(imports_and_works, brief("gd_step"), off_main_thread=off_main_thread)["status"] == "passed"


def test_the_callers_alarm_is_still_set_afterwards() -> None:
    """A test runner, or a kernel with a deadline of its own, may be waiting for the same signal."""
    before, left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 50)
        judged("gd_step", exercises.get("descent.gd_step").reference)
        assert 30 < signal.getitimer(signal.ITIMER_REAL)[0] <= 50
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *left)


# --------------------------------------------------------------------------------------------- strange answers


class Hostile:
    """Every question about it is answered by an endless loop."""

    def __eq__(self, other: object) -> bool:
        while True:
            pass

    __float__ = __len__ = __iter__ = __str__ = __repr__ = __hash__ = __bool__ = __array__ = __eq__  # type: ignore[assignment]


class HostileClass:
    @property
    def __class__(self) -> type:  # type: ignore[override]
        while True:
            pass


class EndlessList(list):
    def __iter__(self) -> Iterator[int]:
        while True:
            yield 1


class EndlessLength(list):
    def __len__(self) -> int:
        while True:
            pass


class EndlessDict(dict):
    def items(self) -> Any:
        while True:
            pass


class EndlessTensor(Tensor):
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        while True:
            pass


class EndlessArray(np.ndarray):
    def copy(self, order: Any = "C") -> Any:
        while True:
            pass


class EndlessKey:
    def __str__(self) -> str:
        while True:
            pass


def a_list_that_holds_itself() -> list[Any]:
    a: list[Any] = []
    a.extend([a] * 12)
    return a


STRANGE: dict[str, Callable[[], Any]] = {
    "hostile": Hostile,
    "hostile class": HostileClass,
    "hostile in a list": lambda: [Hostile()],
    "endless list": lambda: EndlessList([1]),
    "endless length": lambda: EndlessLength([1]),
    "endless dictionary": lambda: EndlessDict(a=1),
    "endless key": lambda: {EndlessKey(): 1},
    "endless tensor": lambda: torch.ones(2).as_subclass(EndlessTensor),
    "endless array": lambda: np.ones(2).view(EndlessArray),
    "list that holds itself": a_list_that_holds_itself,
    "a hundred million numbers": lambda: [[0] * 9_999] * 9_999,
    "integer of 400 digits": lambda: 10**400,
    "integer of 5000 digits": lambda: 10**5_000,
    "long double": lambda: np.longdouble(1) / 3,
    "complex": lambda: 1j,
    "expanded to a terabyte": lambda: torch.zeros(1).expand(1 << 38),
    "sparse": lambda: torch.eye(3).to_sparse(),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
    "on meta": lambda: torch.ones(2, device="meta"),
    "objects": lambda: np.array([Hostile()], dtype=object),
    "iterator": lambda: iter([1.0]),
    "set": lambda: {1.0},
    "a long text": lambda: "x" * 1_000_000,
}


NESTED = [
    (s, n) for n in ("sgd_epoch", "momentum_step", "train") for s in ("hostile", "integer of 400 digits", "complex")
]


@pytest.mark.parametrize(("strange", "name"), [*((s, "gd_step") for s in STRANGE), *NESTED])
def test_no_answer_upsets_the_judge(strange: str, name: str, isolated: Judged, brief: Brief) -> None:
    make = STRANGE[strange]
    wrapped = {
        "train": lambda *_: [make()],
        "momentum_step": lambda *_: (make(), make()),
        "sgd_epoch": lambda *arguments: (trained(*arguments), make())[1],
    }
    outcome = isolated(wrapped.get(name, lambda *_: make()), brief(name))
    assert (outcome["status"], outcome["points"]) == ("failed", 0.0)
    assert outcome["misconception"] is None
    assert len(outcome["html"]) < 20_000, "a report that size freezes the notebook"
    assert len(outcome["sentence"]) < 2_000


trained = exercises.get("descent.sgd_epoch").reference

ANSWERS: list[tuple[str, Callable[..., Any], list[str]]] = [
    ("gd_step", lambda w, grad, lr: None, ["none", "return"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad).numpy(), ["numpy", "torch"]),
    ("gd_step", lambda w, grad, lr: 0.5, ["number", "tensor of shape (1,)"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad).tolist(), ["list", "tensor of shape"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad).long(), ["int64", "floating-point"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad) > 0, ["bool", "floating-point"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad).to(torch.complex64), ["complex64", "floating-point"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad)[None], ["shape (1, 1)", "expected (1,)"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad).sum(), ["shape ()", "expected (1,)"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad, grad), ["list of 2", "tensor"]),
    ("gd_step", lambda w, grad, lr: (w - lr * grad).to("meta"), ["meta"]),
    ("gd_step", lambda w, grad, lr: lambda: w - lr * grad, ["function", "tensor"]),
    ("cross_entropy", lambda z, y: F.cross_entropy(z, y)[None], ["loss", "shape (1,)", "expected ()"]),
    ("cross_entropy", lambda z, y: F.cross_entropy(z, y).item(), ["loss", "number", ".item()"]),
    ("cross_entropy", lambda z, y: F.cross_entropy(z, y, reduction="none"), ["loss", "shape", "expected ()"]),
    ("cross_entropy", lambda z, y: F.cross_entropy(z, y).detach(), ["autograd", "detach"]),
    ("cross_entropy", lambda z, y: torch.tensor(F.cross_entropy(z, y).item()), ["autograd", "detach"]),
    ("cross_entropy", lambda z, y: F.cross_entropy(z, y).numpy(), ["numpy", "torch"]),
    ("momentum_step", lambda w, g, d, lr, a: w - lr * (a * d + g), ["two tensors", "w, delta"]),
    ("momentum_step", lambda w, g, d, lr, a: None, ["none", "two tensors", "return"]),
    ("momentum_step", lambda w, g, d, lr, a: (w, g, d), ["3", "two tensors"]),
    ("momentum_step", lambda w, g, d, lr, a: {"w": w, "delta": d}, ["dict", "two tensors"]),
    ("momentum_step", lambda w, g, d, lr, a: ((w - lr * (a * d + g)).numpy(), a * d + g), ["numpy", "w "]),
    ("gradient_descent", lambda loss, w0, lr, steps: None, ["none", "(steps + 1, *w0.shape)"]),
    ("gradient_descent", lambda loss, w0, lr, steps: [], ["list of 0", "tensor"]),
    ("minibatches", lambda n, size, generator: None, ["none", "list"]),
    ("minibatches", lambda n, size, generator: 3, ["number 3", "list"]),
    ("minibatches", lambda n, size, generator: [], ["never appear"]),
    (
        "minibatches",
        lambda n, size, generator: torch.randperm(n, generator=generator).float().split(size),
        ["float32", "whole numbers"],
    ),
    ("sgd_epoch", lambda model, *a: (trained(model, *a), model)[1], ["of type", "number", "mean loss"]),
    ("sgd_epoch", lambda *a: [trained(*a)], ["list of 1", "number"]),
    ("sgd_epoch", lambda *a: (trained(*a), None)[1], ["none", "return", "number"]),
    ("train", lambda model, *_: None, ["losses", "none", "list"]),
    ("train", lambda model, *_: torch.zeros(()), ["0-d"]),
]


@pytest.mark.parametrize(("name", "function", "said"), ANSWERS)
def test_an_answer_of_the_wrong_form_is_described(name: str, function: Any, said: list[str]) -> None:
    report = judged(name, function)
    assert (report.verdict.status, report.points) == ("failed", 0.0)
    assert report.verdict.misconception is None
    for word in said:
        assert word in words(report), report.text()


class Ruler(torch.Tensor):
    """A harmless subclass."""


def test_a_coroutine_or_generator_is_not_an_answer() -> None:
    async def gd_step(w, grad, lr):
        return w - lr * grad

    def yields(w, grad, lr):
        yield w - lr * grad

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "coroutine" in words(judged("gd_step", gd_step))
    assert "generator" in words(judged("gd_step", yields))


def test_a_class_is_called_and_described() -> None:
    class Step:
        def __init__(self, w, grad, lr):
            self.w = w - lr * grad

    report = judged("gd_step", Step)
    assert report.verdict.status == "failed"
    assert "of type step" in words(report)


@pytest.mark.parametrize("value", [None, 3, torch.ones(2), "gd_step", [1.0]])
def test_what_cannot_be_called_is_refused_with_advice(value: Any) -> None:
    with pytest.raises(TypeError, match="parentheses") as caught:
        judged("gd_step", value)
    assert "check('descent.gd_step', gd_step)" in str(caught.value)


NEARLY_EQUAL = [
    ("cross_entropy", lambda z, y: -(torch.softmax(z, 1)[torch.arange(len(y)), y] + 1e-4).log().mean()),
    ("gd_step", lambda w, grad, lr: w - lr * grad + 3e-4),
    ("momentum_step", lambda w, g, d, lr, a: (w - lr * (a * d + g) + 5e-4, a * d + g)),
]


@pytest.mark.parametrize(("name", "function"), NEARLY_EQUAL)
def test_numbers_that_differ_are_shown_to_differ(name: str, function: Any) -> None:
    """ "Is 1.386, expected 1.386" tells nobody anything."""
    sentence = judged(name, function).verdict.sentence
    got, expected = re.search(r"is (−?[\d.e−+]+), expected (−?[\d.e−+]+?)\.?(\s|$)", sentence).groups()[:2]  # type: ignore[union-attr]
    assert got != expected, sentence


def test_sentences_read_as_sentences() -> None:
    said = judged("gd_step", lambda w, grad, lr: w - 2 * lr * grad + torch.arange(float(len(w)))).verdict.sentence
    assert "answer 2 of 2" not in said, said
    assert "answer 1 of 2" not in said, said


# -------------------------------------------------------------------------------------------- editing arguments


def edits_grad(w, grad, lr):
    grad *= lr
    return w - grad


def edits_w(w, grad, lr):
    w -= lr * grad
    return w


def edits_logits(logits, y):
    with torch.no_grad():
        logits -= logits.max(1, keepdim=True).values
    return F.cross_entropy(logits, y)


def edits_labels(logits, y):
    loss = F.cross_entropy(logits, y.clone())
    y.zero_()
    return loss


def edits_the_start(loss, w0, lr, steps):
    w, path = w0, [w0.clone()]
    for _ in range(steps):
        w -= lr * torch.func.grad(loss)(w)
        path.append(w.clone())
    return torch.stack(path)


def edits_images(model, batches, lr):
    answer = exercises.get("descent.sgd_epoch").reference(model, batches, lr)
    for x, _ in batches:
        x.sub_(x.mean())
    return answer


def edits_delta_and_grad(w, grad, delta, lr, alpha):
    grad.add_(delta, alpha=alpha)
    return w - lr * grad, grad


def shrinks_grad(w, grad, lr):
    new = w - lr * grad
    grad.resize_(0)
    return new


EDITS = [
    ("gd_step", edits_grad, "grad"),
    ("gd_step", shrinks_grad, "grad"),
    ("cross_entropy", edits_logits, "logits"),
    ("cross_entropy", edits_labels, "y"),
    ("gradient_descent", edits_the_start, "w0"),
    ("sgd_epoch", edits_images, "x"),
    ("momentum_step", edits_delta_and_grad, "grad"),
]


@pytest.mark.parametrize(("name", "function", "argument"), EDITS)
def test_editing_an_argument_costs_half(name: str, function: Any, argument: str) -> None:
    report = judged(name, function)
    assert report.verdict.status == "partial"
    assert report.points == called(name).points / 2
    assert report.verdict.layer == "side effects"
    assert f"argument {argument} in place" in words(report)
    assert "clone" in words(report)


def edits_both(w, grad, delta, lr, alpha):
    delta.mul_(alpha).add_(grad)
    w.sub_(lr * delta)
    return w, delta


@pytest.mark.parametrize(
    ("name", "function", "names"), [("gd_step", edits_w, ["w"]), ("momentum_step", edits_both, ["delta", "w"])]
)
def test_editing_where_optimizers_edit_is_fine(name: str, function: Any, names: list[str]) -> None:
    report = judged(name, function)
    assert report.passed
    assert report.points == report.verdict.exercise.points
    assert f"changes {' and '.join(names)} in place" in words(report)
    assert "fine here" in words(report)


# --------------------------------------------------------------------------------------------------- noise

NOISY = """
import logging, os, sys, warnings

logging.basicConfig(force=True)  # a handler that holds the real stderr, as an earlier cell may have made

def prints(w, grad, lr):
    print("OUT", w)
    return w - lr * grad

def writes(w, grad, lr):
    sys.stderr.write("ERR")
    return w - lr * grad

def warns(w, grad, lr):
    warnings.warn("WARN")
    return w - lr * grad

def logs(w, grad, lr):
    logging.getLogger("student").warning("LOG")
    return w - lr * grad

logging.getLogger("library").addHandler(logging.StreamHandler())
logging.getLogger("library").propagate = False

def logs_by_name(w, grad, lr):
    logging.getLogger("library").warning("NAMED")
    return w - lr * grad

def logs_anew(w, grad, lr):
    logging.getLogger("fresh").addHandler(logging.StreamHandler())
    logging.getLogger("fresh").error("AFRESH")
    return w - lr * grad

def replaces(w, grad, lr):
    sys.stdout = sys.stderr = open(os.devnull, "w")
    return w - lr * grad

async def coroutine(w, grad, lr):
    return w - lr * grad

class Dying:
    def __del__(self):
        raise RuntimeError("DYING")

def dies(w, grad, lr):
    return Dying()

"""


def listened() -> dict[str, Any]:
    """What each noisy student wrote past the judge, and the report; with Python's own streams, not pytest's."""
    importlib.reload(warnings)  # pytest records warnings instead of showing them
    sys.unraisablehook = sys.__unraisablehook__
    sys.stdout, sys.stderr = (os.fdopen(fd, "w", closefd=False) for fd in (1, 2))
    namespace: dict[str, Any] = {"__name__": "student"}
    exec(NOISY, namespace)
    heard = {}
    for name in NOISES:
        with tempfile.TemporaryFile() as noise:
            os.dup2(noise.fileno(), 1)
            os.dup2(noise.fileno(), 2)
            report = judged("gd_step", namespace[name])
            gc.collect()
            sys.stdout.flush()
            sys.stderr.flush()
            noise.seek(0)
            heard[name] = {"noise": noise.read().decode(), "text": report.text(), "points": report.points}
    return heard


NOISES = ("prints", "writes", "warns", "logs", "logs_by_name", "logs_anew", "replaces", "coroutine", "dies")


@pytest.fixture(scope="module")
def noisy(forked: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    return forked(listened, 30.0)


@pytest.mark.parametrize(
    ("student", "points", "said"),
    [
        ("prints", 1.0, "OUT tensor"),
        ("writes", 1.0, "ERR"),
        ("warns", 1.0, "WARN"),
        ("logs", 1.0, "right"),
        ("logs_by_name", 1.0, "right"),
        ("logs_anew", 1.0, "AFRESH"),
        ("replaces", 1.0, "right"),
        ("coroutine", 0.0, "coroutine"),
        ("dies", 0.0, "Dying"),
    ],
)
def test_nothing_reaches_the_real_streams(student: str, points: float, said: str, noisy: dict[str, Any]) -> None:
    """nbgrader gives a cell with anything on stderr zero points, whatever else it shows."""
    assert noisy[student]["noise"] == ""
    assert noisy[student]["points"] == points
    assert said in noisy[student]["text"]


def test_a_flood_of_prints_is_bounded(brief: Brief) -> None:
    def floods(w, grad, lr):
        for _ in range(2_000):
            print("x" * 10_000)
        sys.stdout.seek(0)
        print("y" * 1_000_000)
        return w - lr * grad

    report = Report(verdict(brief("gd_step", 5.0), floods, 0))
    assert report.passed
    assert len(report.verdict.printed) <= 8_000
    assert len(report.html()) < 10_000
    assert len(report.text()) < 5_000


def test_a_flood_of_warnings_is_bounded() -> None:
    def warns(w, grad, lr):
        for i in range(300):
            warnings.warn(f"number {i} " + "x" * 1_000, stacklevel=1)
        return w - lr * grad

    report = judged("gd_step", warns)
    assert report.passed
    assert len(report.verdict.remarks) <= 4
    assert len(report.html()) < 10_000


@pytest.mark.parametrize("damage", ["close", "detach"])
def test_closing_stdout_harms_only_the_student(damage: str, isolated: Judged, brief: Brief) -> None:
    def closes(w, grad, lr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            getattr(sys.stdout, damage)()
        return w - lr * grad

    assert isolated(closes, brief("gd_step"))["status"] == "passed"


class Mumble(UserWarning):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_a_warning_whose_message_misbehaves(isolated: Judged, brief: Brief) -> None:
    def warns(w, grad, lr):
        with contextlib.suppress(RuntimeError):
            warnings.warn(Mumble(), stacklevel=1)
        return w - lr * grad

    assert isolated(warns, brief("gd_step"))["status"] in ("passed", "failed")


# ------------------------------------------------------------------------------------------------- settings


def test_what_is_kept_between_calls_is_told() -> None:
    known: list[Tensor] = []

    def drifts(w, grad, lr):
        met_before = any(torch.equal(grad, g) for g in known)
        known.append(grad.clone())
        return w - lr * grad + 1e-2 * met_before

    report = judged("gd_step", drifts)
    assert report.verdict.status in ("partial", "failed")
    assert "between calls" in words(report), report.text()
    assert "asked again" in words(report)


def test_a_global_that_accumulates_is_wrong() -> None:
    velocity = {}

    def remembers(w, grad, delta, lr, alpha):
        velocity["d"] = alpha * velocity.get("d", torch.zeros(())) + grad.sum()
        return w - lr * velocity["d"], torch.ones_like(w) * velocity["d"]

    assert judged("momentum_step", remembers).verdict.status == "failed"


def settings() -> dict[str, Any]:
    """torch's, NumPy's and Python's global state, as far as a function can spoil it for the caller."""
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "threads": torch.get_num_threads(),
        "torch generator": torch.get_rng_state().numpy().tobytes(),
        "numpy generator": hash(str(np.random.get_state())),  # noqa: NPY002
        "python generator": hash(random.getstate()),
        "directory": os.getcwd(),
        "warnings": list(warnings.filters),
        "recursion": sys.getrecursionlimit(),
        "streams": (sys.stdout, sys.stderr),
    }


SPOILERS: dict[str, Callable[[], Any]] = {
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "device": lambda: torch.set_default_device("meta"),
    "grad": lambda: torch.set_grad_enabled(False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "threads": lambda: torch.set_num_threads(3),
    "torch generator": lambda: torch.manual_seed(1),
    "warnings": lambda: warnings.simplefilter("ignore"),
}


@pytest.mark.parametrize("spoiler", list(SPOILERS))
def test_the_callers_settings_are_untouched(spoiler: str, brief: Brief) -> None:
    def spoils(w, grad, lr):
        new = w - lr * grad
        SPOILERS[spoiler]()
        return new

    before = settings()
    try:
        report = Report(verdict(brief("gd_step", 5.0), spoils, 0))
        after = settings()
    finally:
        torch.set_default_device(None)
        torch.use_deterministic_algorithms(False)
        torch.autograd.set_detect_anomaly(False)
        torch.set_num_threads(before["threads"])
    assert report.passed, report.text()
    assert after == before


def test_functions_run_on_one_thread() -> None:
    """Small tensors: beside other programs, more threads wait for each other, ten times as long as they compute."""
    seen: list[int] = []

    def asks(w, grad, lr):
        seen.append(torch.get_num_threads())
        return w - lr * grad

    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert verdict(exercises.get("descent.gd_step"), asks, 0).status == "passed"
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert set(seen) == {1}


@pytest.mark.parametrize("name", [e.name for e in exercises.every()])
def test_judging_leaves_no_trace(name: str) -> None:
    """Neither right answers nor stubs nor known mistakes move a generator of the caller's."""
    exercise, before = exercises.get(name), settings()
    for function in (exercise.reference, exercise.stub, exercise.misconceptions[0].implementation):
        verdict(exercise, function, 0)
    assert settings() == before


def test_grad_mode_switched_off_by_the_caller_does_not_matter() -> None:
    with torch.no_grad():
        assert judged("cross_entropy", F.cross_entropy).passed
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("spoiler", ["dtype", "device", "grad"])
def test_settings_left_by_an_earlier_cell_do_not_matter(spoiler: str, isolated: Judged, brief: Brief) -> None:
    """A notebook that calls torch.set_default_dtype once, at the top, still has right answers in it."""

    def gd_step(w, grad, lr):
        return w - lr * grad

    SPOILERS[spoiler]()
    try:
        outcome = isolated(gd_step, brief("gd_step", 5.0))
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_grad_enabled(True)
    assert outcome["status"] == "passed", outcome["text"]


# ---------------------------------------------------------------------------------------- right in other ways


def by_data_loader(model, x, y, lr, epochs, size, generator):
    data = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(data, batch_size=size, shuffle=True, generator=generator)
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr), []
    for _ in range(epochs):
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
        losses.append(total / len(x))
    return tuple(losses)


def path_of_views(loss, w0, lr, steps):
    w, path = w0.clone(), []
    for _ in range(steps):
        path.append(w.detach().clone())
        w = w.detach().requires_grad_()
        loss(w).backward()
        w = w - lr * w.grad
    return (*path, w)


def step_by_step_in_python(w, grad, delta, lr, alpha):
    new_w, new_delta = w.clone(), delta.clone()
    for i in range(w.numel()):
        new_delta.view(-1)[i] = alpha * float(delta.view(-1)[i]) + float(grad.reshape(-1)[i])
        new_w.view(-1)[i] = float(w.view(-1)[i]) - lr * float(new_delta.view(-1)[i])
    return [new_w, new_delta]


def numpy_batches(n, size, generator):
    order = torch.randperm(n, generator=generator).numpy()
    return tuple(order[i : i + size].astype(np.int32) for i in range(0, n, size))


def fisher_yates(n, size, generator):
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = int(torch.randint(i + 1, (), generator=generator))
        order[i], order[j] = order[j], order[i]
    return [order[i : i + size] for i in range(0, n, size)]


RIGHT = [
    ("gd_step", lambda w, grad, lr: (w - lr * grad).as_subclass(Ruler)),
    ("gd_step", lambda w, grad, lr: torch.nn.Parameter(w - lr * grad)),
    (
        "gd_step",
        functools.partial(torch.sub, alpha=1)
        if False
        else functools.partial(lambda sign, w, g, lr: w + sign * lr * g, -1),
    ),
    ("gd_step", lambda *a, **k: a[0] - a[2] * a[1]),
    (
        "gd_step",
        lambda w, grad, lr: (w.double() - lr * grad.double()).T.contiguous().T if w.ndim == 2 else w - lr * grad,
    ),
    ("gd_step", lambda w, grad, lr: torch.lerp(w, w - grad, lr)),
    ("gd_step", torch.no_grad()(lambda w, grad, lr: w - lr * grad)),
    ("cross_entropy", F.cross_entropy),
    ("cross_entropy", torch.nn.CrossEntropyLoss()),
    ("cross_entropy", lambda z, y: F.nll_loss(torch.log_softmax(z.double(), 1), y)),
    ("momentum_step", step_by_step_in_python),
    ("gradient_descent", path_of_views),
    ("minibatches", numpy_batches),
    ("minibatches", fisher_yates),
    ("sgd_epoch", lambda *a: np.float64(exercises.get("descent.sgd_epoch").reference(*a))),
    ("sgd_epoch", lambda *a: torch.tensor([exercises.get("descent.sgd_epoch").reference(*a)])),
    ("train", by_data_loader),
]


@pytest.mark.parametrize(("name", "function"), RIGHT)
@pytest.mark.parametrize("seed", [0, 1])
def test_right_in_other_ways(name: str, function: Any, seed: int) -> None:
    report = judged(name, function, seed)
    assert report.passed, report.text()


def test_an_answer_that_drags_its_history_is_right_with_a_remark() -> None:
    report = judged("gd_step", lambda w, grad, lr: w.clone().requires_grad_() - lr * grad)
    assert report.passed
    assert "detach" in words(report)


def test_a_loss_that_keeps_its_graph_is_right_with_a_remark() -> None:
    """`total += loss * len(y)` works, and holds every batch's graph until the end of the epoch."""

    def keeps(model, batches, lr):
        optimizer, total, count = torch.optim.SGD(model.parameters(), lr), 0.0, 0
        for x, y in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total, count = total + loss * len(y), count + len(y)
        return total / count

    report = judged("sgd_epoch", keeps)
    assert report.passed
    assert "detach" in words(report)


def test_a_function_that_calls_an_unwritten_one_is_told_which():
    def correlate2d(image, kernel):
        raise NotImplementedError

    def conv_layer(x, weight, bias):
        return correlate2d(x[0, 0], weight[0, 0])

    found = verdict(exercises.get("features.conv_layer"), conv_layer, 0)
    assert found.status == "failed"
    assert "conv_layer calls correlate2d, which is not written yet" in found.sentence
    assert verdict(exercises.get("features.correlate2d"), correlate2d, 0).status == "unwritten"
