"""Mutation testing of the checks: a right answer, broken in any one small way, must not pass at any seed.

A submission is graded at one seed only, so a mutant that passes at a single one of them is a survivor.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import runpy
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from course import exercises
from course.check import verdict
from course.check.evidence import plan, run
from course.check.observe import Observation, observe
from course.exercises.exercise import Case
from course.neutral import neutral

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "right_answers").glob("*.py"))  # one file per section
SEEDS = (0, 2)
FEWER = {  # slow, or so many
    "batch_norm__formula": (0,),
    "batch_norm__rows": (2,),
    "loss_surface__loops": (0,),
    "loss_surface__vectors": (1,),
    "train__optimizer": (0, 1),
    "train__shuffles_data": (2,),
    "randaugment__loop": (0,),
}

# Mutants that are right answers too, by the reason why: equivalent_mutants/<section>.py. A line that no longer arises,
# or that the check rejects after all, makes its test fail, so that these lists stay true.
EQUIVALENT: list[dict[str, tuple[str, ...]]] = [
    known
    for path in sorted((HERE / "equivalent_mutants").glob("*.py"))
    for known in runpy.run_path(str(path))["EQUIVALENT"].values()
]
HARMLESS = [(name, line) for known in EQUIVALENT for name, lines in known.items() for line in lines]

SIBLINGS = {
    "mean": ("sum", "median"),
    "sum": ("mean", "prod"),
    "max": ("min",),
    "log_softmax": ("softmax",),
    "logsumexp": ("mean", "sum"),
    "log": ("log2", "log1p"),
    "exp": ("exp2", "expm1"),
    "zeros": ("ones",),
    "zeros_like": ("ones_like",),
    "split": ("chunk",),
    "stack": ("cat",),
    "randperm": ("randint",),
    "sub": ("add",),
    "cross_entropy": ("nll_loss", "multi_margin_loss"),
    "SGD": ("Adam", "Adagrad"),
    "append": ("extend",),
}
OPERATORS = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div,),
}
COMPARISONS = {ast.Gt: (ast.GtE, ast.Lt, ast.Eq), ast.Lt: (ast.LtE, ast.Gt), ast.IsNot: (ast.Is,), ast.Is: (ast.IsNot,)}


Definition = ast.FunctionDef | ast.ClassDef  # of a function, or of a class that students write


# ------------------------------------------------------------------------------------------------ mutation


def expressions(node: ast.expr, names: set[str]) -> Iterator[ast.expr]:
    """Everything that may stand in place of this expression."""
    if isinstance(node, ast.BinOp):
        for op in OPERATORS.get(type(node.op), ()):
            yield ast.BinOp(node.left, op(), node.right)
        yield node.left
        yield node.right
        if isinstance(node.op, ast.Sub | ast.Div):
            yield ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from constants(node.value)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(n, ast.Load()) for n in sorted(names - {node.id}))
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [op()], node.comparators)
    elif isinstance(node, ast.Call):
        yield from calls(node)
    elif isinstance(node, ast.Slice):
        yield from (ast.Slice(node.lower, None), ast.Slice(None, node.upper))
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
        yield ast.Tuple(node.elts[::-1], ast.Load())


def constants(value: object) -> Iterator[ast.expr]:
    """Neighbours of a constant."""
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield from (ast.Constant(value + 1), ast.UnaryOp(ast.USub(), ast.Constant(1 - value)))
    elif value == "none":
        yield ast.Constant("mean")


def calls(node: ast.Call) -> Iterator[ast.expr]:
    """A sibling in its place, an argument left out or exchanged, or no call at all."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for sibling in SIBLINGS.get(name, ()):
        func = copy.deepcopy(node.func)
        setattr(func, "attr" if isinstance(func, ast.Attribute) else "id", sibling)
        yield ast.Call(func, node.args, node.keywords)
    for i in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])
    if len(node.args) == 2:
        yield ast.Call(node.func, node.args[::-1], node.keywords)
    if node.args:
        yield ast.Call(node.func, node.args[:-1], node.keywords)
        yield node.args[0]
    if isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "F")
    ):
        yield node.func.value
    yield ast.UnaryOp(ast.USub(), node)


def statements(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Everything that may stand in place of this statement."""
    if not isinstance(node, ast.Return):
        yield [ast.Pass()]
    if isinstance(node, ast.AugAssign):
        target = copy.deepcopy(node.target)
        yield [ast.Assign([target], node.value, lineno=0)]
        for op in OPERATORS.get(type(node.op), ()):
            yield [ast.AugAssign(node.target, op(), node.value)]
    if isinstance(node, ast.With):
        yield node.body
    if isinstance(node, ast.For | ast.While):
        yield [type(node)(**{**vars(node), "body": [*node.body, ast.Break()]})]
        yield node.body if isinstance(node, ast.While) else [ast.Pass()]
    if isinstance(node, ast.If):
        yield node.body
        yield [ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)]


def places(tree: Definition) -> Iterator[tuple[ast.AST, Callable[[Any], None]]]:
    """All nodes in the order of the walk, each with what puts something else in its place, or puts it back."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                yield value, partial(setattr, parent, field)
            elif isinstance(value, list):
                for i, item in enumerate(nodes := list(value)):
                    yield item, partial(_put, value, nodes[:i], nodes[i + 1 :])


def _put(nodes: list[Any], before: list[Any], after: list[Any], new: Any) -> None:
    nodes[:] = [*before, *(new if isinstance(new, list) else [new]), *after]


@cache
def mutants(name: str) -> dict[str, str]:
    """Sources of all mutants of a right answer, each under the line that changed."""
    tree = right_answers()[name]
    names = {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg) and a.arg != "self"}
    original = ast.unparse(tree).splitlines()
    found: dict[str, str] = {}
    for node, put in list(places(tree)):
        options: Iterator[Any] = iter(())
        if isinstance(node, ast.expr | ast.Slice):
            options = expressions(node, names)
        elif isinstance(node, ast.stmt):
            options = statements(node)
        for new in options:
            put(new)
            text = ast.unparse(ast.fix_missing_locations(tree))
            put(node)
            if text.splitlines() != original:
                found.setdefault(_changed(original, text.splitlines()), text)
    return found


def _changed(before: list[str], after: list[str]) -> str:
    """The lines that differ, `old ⇒ new`."""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    old, new = ("; ".join(line.strip() for line in lines) for lines in (before, after))
    return f"{old} ⇒ {new}"


# ------------------------------------------------------------------------------------------------- trial


@cache
def right_answers() -> dict[str, Definition]:
    """The functions and classes of right_answers/ by name."""
    trees = [ast.parse(source.read_text(encoding="utf-8")) for source in SOURCES]
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, Definition)}


NAMES = tuple(right_answers())
IMPORTS = "import copy\nimport math\nimport torch\nimport torch.nn.functional as F\n"  # what notebooks import


def compiled(name: str, source: str) -> Callable[..., Any]:
    """The function of this name that a source defines."""
    namespace: dict[str, Any] = {}
    exec(compile(IMPORTS + source, "<mutant>", "exec"), namespace)  # the source is this repository's own
    return namespace[name]


def exercise_of(name: str) -> exercises.Exercise:
    """The exercise, without its misconceptions (only the verdict counts here) and with little patience."""
    (exercise,) = [e for e in exercises.every() if e.function == name.split("__")[0]]
    return dataclasses.replace(exercise, seconds=1.0, misconceptions=(), given=None)


def seeds_for(name: str) -> tuple[int, ...]:
    """The seeds at which this exercise is tried."""
    return FEWER.get(name, SEEDS)


def survived(name: str, source: str) -> list[int]:
    """The seeds at which this function passes."""
    function = compiled(name, source)
    return [s for s in seeds_for(name) if passes(name, function, s)]


def passes(name: str, function: Callable[..., Any], seed: int) -> bool:
    """Whether a function passes the check; where answers are compared, the first wrong one settles that."""
    exercise = exercise_of(name)
    if exercise.compare:
        with neutral():
            for number, (case, wanted) in enumerate(zip(*asked(exercise.name, seed), strict=True)):
                seen = observe(exercise, function, case, number)
                if not seen.like(wanted, exercise.rtol, exercise.atol):
                    return False
    return verdict(exercise, function, seed).status == "passed"


@cache
def asked(name: str, seed: int) -> tuple[list[Case], list[Observation]]:
    """The cases of an exercise, and the right answers."""
    exercise = exercises.get(name)
    cases = plan(exercise, seed)
    return cases, run(exercise, exercise.reference, cases)


@pytest.mark.parametrize("name", NAMES)
def test_right_answers_pass(name: str) -> None:
    assert survived(name, ast.unparse(right_answers()[name])) == list(seeds_for(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_mutant_fails(name: str) -> None:
    known = {line for owner, line in HARMLESS if owner == name}
    found = mutants(name)
    alive = {line: seeds for line, text in found.items() if line not in known and (seeds := survived(name, text))}
    assert len(found) >= 10
    assert not alive, "\n".join(f"{line}   passes at seeds {seeds}" for line, seeds in alive.items())


@pytest.mark.parametrize(("name", "line"), HARMLESS)
def test_equivalent_mutants_are_still_right(name: str, line: str) -> None:
    assert survived(name, mutants(name)[line]) == list(seeds_for(name))


def test_every_exercise_is_broken() -> None:
    assert {n.split("__")[0] for n in NAMES} == {e.function for e in exercises.every()}
