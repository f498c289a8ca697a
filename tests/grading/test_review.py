"""What is pointed out in a submission: evasions are, right answers are not; and nothing of it ever runs."""

from __future__ import annotations

import ast
import pydoc
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from nbformat import NotebookNode

from course import exercises
from course.authoring import solved
from course.exercises.challenge import Challenge
from course.exercises.exercise import Exercise
from course.grading.cells import grade_id
from course.grading.planting import planted
from course.grading.review.flags import safe
from course.grading.review.names import Names, Text, Thing
from course.grading.review.reading import Cell, Share, parse, plain, read
from course.grading.review.rules import MOST, Remark, remarks
from tests.grading.answers import right_answers

ROOT = Path(__file__).parents[2]
SECTIONS = exercises.sections()
GIVEN = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nfrom course import adaptive, descent"
ADAM = exercises.get("adaptive.adam_step")


def cell(number: int, source: str, name: str = "", given: bool = False) -> Cell:
    return Cell(number, name, source, given, *parse(source))


def look(*sources: str, exercise: Exercise = ADAM) -> list[Remark]:
    """Remarks on cells after the imports; the last is the exercise's."""
    *others, answer = [cell(i, text) for i, text in enumerate(sources, start=2)]
    answer = replace(answer, name=exercise.function)
    return remarks([cell(1, GIVEN, given=True), *others, answer], [exercise])


def forbidden(*sources: str, exercise: Exercise = ADAM) -> list[Remark]:
    return [r for r in look(*sources, exercise=exercise) if r.exercise]


def adam(*lines: str) -> str:
    head = "def adam_step(w, grad, m, v, t, lr, beta1, beta2, eps):"
    return "\n".join([head, *(f"    {line}" for line in lines)])


# -------------------------------------------------------------------------------------- what must not be flagged


BY_CALL = {
    "descent.cross_entropy": {"with_torch", "sum_for_mean", "logarithm_base_2", "softmax_twice"},
    "regularization.decay_step": {"by_optimizer"},
    "augmentation.random_occlusion": {"by_the_library"},
    "smoothing.soft_cross_entropy": {"with_torch", "hard_argmax", "softmax_of_target", "logarithm_base_2"},
    "recipe.batch_norm": {"library"},
}
"""Alternatives and mistakes in which one call does what was to be written: these, and only these, are pointed out."""


def seen(found: list[Remark]) -> set[tuple[str, str, int]]:
    return {(r.severity, r.exercise, r.cell) for r in found}


def expected(e: Exercise, way: str) -> set[tuple[str, str, int]]:
    return {("high", e.name, 99)} if way in BY_CALL.get(e.name, ()) else set()


def tasks(section: str) -> tuple[Exercise | Challenge, ...]:
    return (*exercises.of_section(section), *exercises.challenges(section))


@cache
def given_cells(section: str) -> list[Cell]:
    return [c for c in read(solved(section, ROOT)) if c.name not in {e.function for e in tasks(section)}]


@pytest.mark.parametrize("section", SECTIONS)
def test_right_answers_are_not_flagged(section: str) -> None:
    for e in exercises.of_section(section):
        answers = right_answers(e.name)
        assert len(answers) >= 4
        for way, text in answers.items():
            found = remarks([*given_cells(section), cell(99, text, e.function)], [e])
            assert seen(found) == expected(e, way.removeprefix("alternative ")), (way, found)


@pytest.mark.parametrize("section", SECTIONS)
def test_solved_notebooks_are_not_flagged_even_if_no_cell_is_known_as_given(section: str) -> None:
    assert remarks(read(solved(section, ROOT)), tasks(section)) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_known_mistakes_are_mistakes_and_no_evasions(section: str) -> None:
    for e in exercises.of_section(section):
        for mistake in e.misconceptions:
            text = planted(mistake.implementation, e.function)
            found = remarks([*given_cells(section), cell(99, text, e.function)], [e])
            assert seen(found) == expected(e, mistake.name), (mistake.name, found)


@pytest.mark.parametrize("section", SECTIONS)
def test_each_forbidden_call_is_seen_in_its_cell_and_line(section: str) -> None:
    for task in tasks(section):
        for name in task.forbidden:
            path, _, argument = name.rstrip(")").partition("(")
            use = f"{path}({argument}=1)" if argument else f"{path}.x()"
            text = f"def {task.function}(*inputs):\n    y = inputs[0]\n    return {use.removeprefix('builtins.')}"
            imports = cell(3, f"import {path.split('.')[0]}")
            found = remarks([*given_cells(section), imports, cell(99, text, task.function)], [task])
            places = {
                (r.severity, r.cell, r.line) for r in found if r.exercise == task.name and (argument or path) in r.why
            }
            assert places == {("high", 99, 3)}, (name, found)


INNOCENT = {
    "an optimizer in a cell of one's own": (
        "best = torch.optim.Adam([torch.zeros(1, requires_grad=True)])\nbest.step()",
        adam("return w, m, v"),
    ),
    "the library's step, compared with": (
        adam("return w, m, v"),
        "print(adam_step(1, 1, 1, 1, 1, 1, 1, 1, 1), adaptive.adam_step(1, 1, 1, 1, 1, 1, 1, 1, 1))",
        "adam_step = adam_step",
    ),
    "a local name like a module's": (adam("optim = grad * lr", "step = optim.sum()", "return w - optim, m, v"),),
    "getattr of one's own object": ("class A:\n    b = 1\nprint(getattr(A(), 'b'))", adam("return w, m, v")),
    "timing": ("%%time\nx = torch.zeros(3)", "%timeit torch.zeros(3)", "%matplotlib inline", adam("return w, m, v")),
    "settings": ("torch.backends.cudnn.benchmark = True", adam("return w, m, v")),
    "a list of layers": ("parts = [nn.ReLU, nn.Tanh]\nparts[0] = nn.GELU", adam("return w, m, v")),
    "a gradient cleared": ("p = torch.zeros(1)\np.grad = None\np.data = p.data", adam("return w, m, v")),
    "signs in comments and texts": (
        'x = "naïve → 👩\u200d🔬 ✓ η = 0.1"  # Ω, PyTorchом',
        "η = 0.1\nlr_β = η",
        adam("return w, m, v"),
    ),
    "lists filled": ("losses = []\nlosses.append(torch.zeros(1))\nfor _ in losses:\n    pass", adam("return w, m, v")),
    "an extension": ("%load_ext autoreload\n%autoreload 2", adam("return w, m, v")),
    "timing a function": ("import timeit\ntimeit.timeit(lambda: 1 + 1, number=3)", adam("return w, m, v")),
    "sorting by an attribute": ("import operator\nsorted([], key=operator.attrgetter('loss'))", adam("return w, m, v")),
    "an argument called check": ("def f(check):\n    return check", adam("return w, m, v")),
    "forty branches": ("if 0:\n    pass\n" + "elif 0:\n    pass\n" * 40, adam("return w, m, v")),
    "another compile": ("import re\nre.compile('x')\ntorch.compile(nn.ReLU())", adam("return w, m, v")),
    "top-level await": ("import asyncio\nawait asyncio.sleep(0)", adam("return w, m, v")),
}


@pytest.mark.parametrize("sources", [pytest.param(s, id=name) for name, s in INNOCENT.items()])
def test_innocent_code_is_not_flagged(sources: tuple[str, ...]) -> None:
    assert [r for r in look(*sources) if r.severity != "low"] == []
    assert not any(r.exercise for r in look(*sources))


# ------------------------------------------------------------------------------------------------ planted evasions

STRINGS = ", ".join(map(repr, map(str, range(100))))
USE = "return {}.Adam([w], lr=lr), m, v"
FORBIDDEN = {
    "plain": (adam(USE.format("torch.optim")),),
    "import as": ("import torch.optim as o", adam(USE.format("o"))),
    "from import": ("from torch import optim as q", adam(USE.format("q"))),
    "the class itself": ("from torch.optim import Adam as Plain", adam("return Plain([w]), m, v")),
    "star import": ("from torch.optim import *", adam("return Adam([w]), m, v")),
    "inside the function": (adam("import torch.optim as o", USE.format("o")),),
    "an alias of the module": ("t = torch\nu = t", adam(USE.format("u.optim"))),
    "a long chain of aliases, backwards": (
        adam(USE.format("a0")),
        *(f"a{i} = a{i + 1}" for i in range(30)),
        "a30 = torch.optim",
        adam("return w, m, v"),
    ),
    "getattr": (adam(USE.format('getattr(torch, "optim")')),),
    "getattr under another name": ("g = getattr", adam(USE.format('g(torch, "op" + "tim")'))),
    "a string put together": (adam('name = "".join(["op", "t", "im"])', USE.format("getattr(torch, name)")),),
    "a string backwards": (adam(USE.format('getattr(torch, "mitpo"[::-1])')),),
    "a string with a hole": (adam('x = "pti"', USE.format('getattr(torch, f"o{x}m")')),),
    "a string of characters": (adam(USE.format('getattr(torch, chr(111) + "ptim")')),),
    "a replaced string": (adam(USE.format('getattr(torch, "upXim".replace("X", "t").replace("u", "o"))')),),
    "bytes": (adam(USE.format('getattr(torch, b"optim".decode())')),),
    "__import__": (adam(USE.format('__import__("torch").optim')),),
    "import_module": ("from importlib import import_module as f", adam(USE.format('f("torch.optim")'))),
    "a relative import_module": ("import importlib as i", adam(USE.format('i.import_module(".optim", "torch")'))),
    "sys.modules": ("import sys", adam(USE.format('sys.modules["torch.optim"]'))),
    "sys.modules.get": ("from sys import modules as k", adam(USE.format('k.get("torch.optim")'))),
    "vars": (adam(USE.format('vars(torch)["optim"]')),),
    "__dict__": (adam(USE.format('torch.__dict__["optim"]')),),
    "globals": (adam(USE.format('globals()["torch"].optim')),),
    "__getattribute__": (adam(USE.format('torch.__getattribute__("optim")')),),
    "object.__getattribute__": (adam(USE.format('object.__getattribute__(torch, "optim")')),),
    "a list": ("tools = [1, 2, torch.optim]", adam(USE.format("tools[2]"))),
    "a list full of strings": (
        f"tools = {list(map(str, range(100)))} + []\nt2 = [*tools, torch.optim]",
        adam(USE.format("t2[-1]")),
    ),
    "a dictionary": ('tools = {}\ntools["x"] = torch.optim', adam(USE.format('tools["x"]'))),
    "a tuple taken apart": ("a, (b, c) = 1, (2, torch.optim)", adam(USE.format("c"))),
    "a loop": (adam("for o in [torch.optim]:", "    " + USE.format("o")),),
    "a comprehension": (adam("return [o.Adam([w]) for o in (torch.optim,)][0], m, v"),),
    "with": (adam("with torch.optim.Adam([w]) as o:", "    o.step()", "return w, m, v"),),
    "walrus": (adam("if (o := torch.optim):", "    " + USE.format("o")),),
    "a condition": (adam(USE.format("(torch.optim if t else None)")),),
    "match": (adam("match torch.optim:", "    case o:", "        " + USE.format("o")),),
    "an attribute of an object": ("class A: pass\na = A()\na.o = torch.optim", adam(USE.format("a.o"))),
    "a class": ("class A:\n    o = torch.optim", adam(USE.format("A.o"))),
    "a method": ("class A:\n    def f(self):\n        return torch.optim.Adam", adam("return A().f()([w]), m, v")),
    "a constructor": (
        "class A:\n    def __init__(self, x):\n        self.o = x.optim",
        adam(USE.format("A(torch).o")),
    ),
    "a helper": ("def help_me():\n    return torch.optim", adam(USE.format("help_me()"))),
    "a helper of a helper": (
        "def one(x):\n    return two(x)\ndef two(x):\n    return torch.optim.Adam([x])",
        adam("return one(w), m, v"),
    ),
    "a module handed over": ("def use(x):\n    return x.optim.Adam", adam("return use(torch)([w]), m, v")),
    "by keyword": ("def use(*, x):\n    return x.optim.Adam", adam("return use(x=torch)([w]), m, v")),
    "a default": ("def use(x=torch.optim):\n    return x.Adam", adam("return use()([w]), m, v")),
    "a lambda": ("f = lambda: torch.optim", adam(USE.format("f()"))),
    "made before, used later": ("o = torch.optim.Adam([w0])", adam("o.step()", "return w, m, v")),
    "partial": ("from functools import partial\np = partial(torch.optim.Adam, lr=1)", adam("return p([w]), m, v")),
    "through the library's imports": (adam(USE.format("descent.torch.optim")),),
    "fullwidth letters": (adam(USE.format("torch.ｏptim")),),
    "a fused kernel": (adam("torch._fused_adam_([w], [grad], [m], [v], [], [t])", "return w, m, v"),),
    "attrgetter": ("import operator as p", adam(USE.format('p.attrgetter("optim")(torch)'))),
    "methodcaller": ("from operator import methodcaller as m2", adam('return m2("Adam", [w])(torch.optim), m, v')),
    "builtins by key": (adam(USE.format('__builtins__["getattr"](torch, "op" + "tim")')),),
    "appended": ("tools = []\ntools.append(torch.optim)", adam(USE.format("tools[0]"))),
    "updated": ("tools = {}\ntools.update(o=torch.optim)", adam(USE.format('tools["o"]'))),
    "a queue": ("import queue\nq = queue.Queue()\nq.put(torch.optim)", adam(USE.format("q.get()"))),
    "a namespace": ("from types import SimpleNamespace as S\ns = S(o=torch.optim)", adam(USE.format("s.o"))),
    "sent to a generator": (
        "def g():\n    x = yield\n    yield x.optim",
        adam("k = g()", "return k.send(torch).Adam([w])"),
    ),
    "within a network": ("net = nn.Sequential(torch.optim.Adam)", adam("return net(w), m, v")),
    "where it is defined": ("from torch.optim.adam import Adam as A", adam("return A([w]), m, v")),
    "by way of the builtins of torch": (adam(USE.format('torch.builtins.getattr(torch, "optim")')),),
    "far to the right": (adam("x = 1;" + " " * 500 + "x = torch.optim.Adam", "return w, m, v"),),
    "a decorator": ("def swap(f):\n    return torch.optim.Adam", "@swap\n" + adam("return w, m, v")),
    "a timed cell": ("%%time\n\n" + adam(USE.format("torch.optim")),),
    "a timed line": ("%timeit -n 3 -q o = torch.optim", adam(USE.format("o"))),
    "a line magic beside it": ("%cd /tmp\n" + adam(USE.format("torch.optim")),),
}
REFERENCE = {
    "plain": (adam("return adaptive.adam_step(w, grad, m, v, t, lr)"),),
    "imported": ("from course.adaptive import adam_step as lib", adam("return lib(w, grad, m, v, t, lr)")),
    "imported over one's own": (adam("return w, m, v"), "from course.adaptive import adam_step", "pass"),
    "star import over one's own": (adam("return w, m, v"), "from course.adaptive import *", "pass"),
    "assigned over one's own": (adam("return w, m, v"), "adam_step = adaptive.adam_step", "pass"),
    "by globals": (adam("return w, m, v"), 'globals()["adam_step"] = adaptive.adam_step', "pass"),
    "its code taken": (adam("return w, m, v"), "adam_step.__code__ = adaptive.adam_step.__code__", "pass"),
    "an answer computed before": ("known = adaptive.adam_step(1, 2, 3, 4, 5, 6)", adam("return known")),
    "the neighbour with its switch off": (adam("return adaptive.adamw_step(w, grad, m, v, t, lr, 0.0)"),),
    "its class": (adam("return adaptive.Adam([w]).step()"),),
    "by way of another module": ("import course.effects.adaptive.common as c", adam("return c.adaptive.adam_step(w)")),
}


@pytest.mark.parametrize("sources", [pytest.param(s, id=name) for name, s in FORBIDDEN.items()])
def test_what_the_exercise_forbids_is_found_behind_other_names(sources: tuple[str, ...]) -> None:
    found = forbidden(*sources)
    assert found, "not seen"
    assert {(r.severity, r.exercise) for r in found} == {("high", "adaptive.adam_step")}
    assert all(r.cell > 1 and r.line > 0 for r in found)
    assert any("without torch" in r.why for r in found)


@pytest.mark.parametrize("sources", [pytest.param(s, id=name) for name, s in REFERENCE.items()])
def test_the_librarys_own_is_found(sources: tuple[str, ...]) -> None:
    found = forbidden(*sources)
    assert found, "not seen"
    assert any("adaptive" in r.what for r in found)


EVASIONS = {
    "exec": 'exec("import torch")',
    "eval": 'eval("1")',
    "exec by another name": "import builtins as b\nb.exec('1')",
    "exec out of a dictionary": '__builtins__.__dict__["exec"]("1")',
    "exec handed on": 'list(map(exec, ["1"]))',
    "getattr handed on": 'from functools import reduce\nreduce(getattr, ["optim", "Adam"], torch)',
    "getattr by an unknown name": "import random\ngetattr(torch, random.choice(['a']))",
    "importlib": "import importlib",
    "importlib in part": "from importlib import util as u",
    "gc": "import gc\ngc.get_objects()",
    "inspect": "import inspect",
    "frames": "import sys\nsys._getframe(1).f_globals",
    "frames of an exception": "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame.f_back",
    "frames of a generator": "(i for i in ()).gi_frame",
    "subclasses": "().__class__.__base__.__subclasses__()",
    "globals of a function": "torch.relu.__globals__",
    "a builtin's module": "print.__self__",
    "by the string of an inner part": 'getattr(check, "__glo" + "bals__")',
    "trace": "import sys\nsys.settrace(print)",
    "the check replaced": "check = lambda *a: 2.0",
    "the check redefined": "def check(*a):\n    return 2.0",
    "another check imported": "from mine import check",
    "the check's module changed": "import course.check as c\nc.check = print",
    "torch changed": "torch.allclose = lambda *a: True",
    "torch changed by setattr": 'setattr(torch, "allclose", print)',
    "a module changed through its dictionary": 'torch.__dict__["allclose"] = print',
    "the exercise's reference": 'from course.exercises import get\nget("adaptive.adam_step").reference',
    "the judge": "from course.check import judge",
    "subprocess": "import subprocess",
    "a shell": "!cat ../solutions/x.py",
    "a shell assigned": "x = !ls",
    "a line magic": "%run other.py",
    "a cell magic": "%%bash\nls",
    "a file written by a cell magic": "%%writefile torch.py\nx = 1",
    "get_ipython": 'get_ipython().run_line_magic("cd", "/")',
    "ipython's hooks": "get_ipython().input_transformers_post.append(print)",
    "pickle": "import pickle",
    "torch.load": 'torch.load("x")',
    "network": "import urllib.request",
    "process end": "import os\nos._exit(0)",
    "invisible characters": "x = 'a\u202eb'",
    "an annotation that runs": 'def f(x: exec("1")):\n    pass',
    "a default that runs": 'def f(x=exec("1")):\n    pass',
    "exec in mathematical letters": "𝐞𝐱𝐞𝐜('1')",
    "exec in fullwidth letters": "ｅｘｅｃ('1')",
    "a word of two alphabets": "t\u043erch = 1",
    "exec far to the right": "x = 1;" + " " * 500 + "exec('1')",
    "anything far to the right": "x = 1;" + " " * 500 + "y = 2",
    "a tag character": "x = 'a\U000e0041'",
    "setup of a magic": "%%timeit exec('1')\npass",
    "a timed assignment": "x = %timeit -o -n 3 exec('1')",
    "a magic called": 'get_ipython().run_line_magic("timeit", "exec(1)")',
    "an extension loaded": "%load_ext evil",
    "packages": "!pip install evil",
    "an installing magic": "%pip install evil",
    "code in a string": 'import timeit\ntimeit.timeit("exec(1)")',
    "a debugger's run": 'import cProfile\ncProfile.run("1")',
    "source for a compiler": 'torch.jit.CompilationUnit("def f(x): return x")',
    "below the usual names": "torch.ops.aten.relu",
    "pickles of numpy": "import numpy\nnumpy.load('x', allow_pickle=True)",
    "a thread": "import threading\nthreading.Timer(1, print).start()",
    "spawn": "import os\nos.spawnl(0, 'a')",
    "mock": "from unittest import mock\nmock.patch('torch.allclose')",
    "an object's own setattr": "object.__setattr__(torch, 'allclose', print)",
    "what a cell gave": "Out[3].Adam",
    "another module as check": "import torch as check",
    "check bound by except": "try:\n    pass\nexcept Exception as check:\n    pass",
    "check bound by match": "match print:\n    case check:\n        pass",
    "an async check": "async def check(*a):\n    pass",
    "stars from elsewhere": "from mine import *",
    "an attribute by a name unknown": "import operator\noperator.attrgetter(input())(torch)",
    "weights brought along": "w = [" + ",\n".join(["0.5"] * 1500) + "]",
    "a text brought along": "w = (" + "\n".join(["'" + "x" * 100 + "'"] * 50) + ")",
    "lambdas in one another": "x = " + "lambda: " * 2000 + "1",
    "calls of calls": "x = torch" + ".a()" * 900,
    "a surrogate": "x\ud800 = 1",
    "a carriage return": "# x\rexec('1')",
    "an object equal to all": "class A:\n    def __eq__(self, other):\n        return True",
    "an object that runs when copied": "class A:\n    def __reduce__(self):\n        return print, ()",
    "a hook on all layers": "from torch.nn.modules.module import register_module_forward_hook as h",
    "the notebook as a module": "import __main__",
    "an inner module": "import _imp",
    "what IPython stumbles over": '=%"""\x00,\'',
    "what takes IPython minutes": "a?\n" * 600,
    "not Python": "def f(:",
    "nested too deeply": "(" * 5000 + ")" * 5000,
    "a long chain": "x = " + "-" * 50_000 + "1",
    "too long": "x = 1\n" * 30_000,
    "a null byte": "x = 1\0",
}


@pytest.mark.parametrize("source", [pytest.param(s, id=name) for name, s in EVASIONS.items()])
def test_evasions_are_found(source: str) -> None:
    found = [r for r in look(source, adam("return w, m, v")) if r.severity in ("high", "medium")]
    assert found, "not seen"
    assert {r.cell for r in found} == {2}


def test_of_a_notebook_and_of_its_files_so_much_is_read_and_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    share = Share()
    problems = [share.parse("x = 1\n" * 10_000)[1] for _ in range(6)]
    assert ["too much code" in problem for problem in problems] == [False] * 5 + [True]
    monkeypatch.setattr("course.grading.review.reading.NOTEBOOK_SECONDS", 0.0)
    tree, problem = Share().parse("x = 1")
    assert tree is None
    assert "seconds to read" in problem


def test_the_line_is_the_cells_own() -> None:
    lines = {r.what: (r.cell, r.line) for r in look("\n\n%cd /tmp\n\nimport gc", adam("", USE.format("torch.optim")))}
    assert lines["gc"] == (2, 5)
    assert lines["%cd /tmp"] == (2, 3)
    assert lines["torch.optim.Adam"] == (3, 3)


def test_several_uses_are_one_remark_that_names_the_lines() -> None:
    (found,) = forbidden(adam("o = torch.optim.Adam([w])", "o.zero_grad()", "o.step()", "return w, m, v"))
    assert found.line == 2
    assert "3, 4" in found.what


@pytest.mark.parametrize(
    ("call", "seen"),
    [
        ("F.cross_entropy(x, y, label_smoothing=0.1)", True),
        ("F.cross_entropy(x, y, **options)", True),
        ("F.cross_entropy(x, y, None, None, -100, None, 'mean', 0.1)", True),
        ("torch.nn.functional.cross_entropy(x, y, label_smoothing=eps)", True),
        ("F.cross_entropy(x, y)", False),
        ("F.cross_entropy(x, y, reduction='sum')", False),
        ("other(x, y, label_smoothing=0.1)", False),
    ],
)
def test_an_argument_may_be_forbidden(call: str, seen: bool) -> None:
    smooth = replace(ADAM, forbidden=("torch.nn.functional.cross_entropy(label_smoothing)",))
    assert bool(forbidden(adam(f"return {call}"), exercise=smooth)) is seen


def test_forbidden_names_are_names_of_something() -> None:
    for name in sorted({n for section in SECTIONS for task in tasks(section) for n in task.forbidden}):
        path = name.partition("(")[0]
        assert not _installed(path) or _is_a_file(path) or pydoc.locate(path) is not None, path


def _installed(path: str) -> bool:
    return path.startswith("builtins.") or find_spec(path.split(".")[0]) is not None


def _is_a_file(path: str) -> bool:
    """Whether it is a module: to be found without an import, which for some takes seconds."""
    package, *parts = path.split(".")
    spec = find_spec(package)
    home = Path(spec.origin).parent if spec and spec.origin and spec.submodule_search_locations else None
    place = home.joinpath(*parts) if home else Path("nowhere")
    return place.is_dir() or place.with_name(f"{place.name}.py").is_file()


def test_a_raw_cell_is_pointed_out() -> None:
    notebook = solved("descent", ROOT)
    notebook.cells.append(NotebookNode(cell_type="raw", metadata={}, source="exec('1')"))
    (found,) = remarks(read(notebook), exercises.of_section("descent"))
    assert (found.severity, found.cell) == ("medium", len(notebook.cells))
    assert "type raw" in found.why


def test_more_remarks_than_anybody_reads_are_cut() -> None:
    found = look("\n".join("exec('1')" for _ in range(500)), adam("return w, m, v"))
    assert len(found) == MOST + 1
    assert "440 more" in found[-1].what


# ------------------------------------------------------------------------------------------------------ reading


def test_what_students_got_is_not_held_against_them() -> None:
    notebook = solved("descent", ROOT)
    given = "import gc\ngc.collect()"
    notebook.cells[1].source, notebook.cells[1].cell_type = given + "  \n\n", "code"
    exercise = exercises.of_section("descent")
    assert any(r.what.startswith("gc") for r in remarks(read(notebook), exercise))
    assert remarks(read(notebook, {plain(given)}), exercise) == []


def test_the_same_code_gives_the_same_values_in_any_order() -> None:
    sources = ("b = a.optim", "a = torch", "import torch", 'c = "x" + d', 'd = "y"')
    for turn in range(len(sources)):
        order = sources[turn:] + sources[:turn]
        names = Names([cell(i, s) for i, s in enumerate(order)])
        assert names.look_up("b", names.module) == {Thing("torch.optim")}
        assert names.look_up("c", names.module) == {Text("xy")}


def growing() -> Iterator[tuple[str, str]]:
    yield "doubling strings", 'a = "ab"\n' + "\n".join("a = a + a" for _ in range(60))
    yield "a path without end", "x = torch\nwhile True:\n    x = x.x"
    yield "functions of one another", "f = lambda x: g(x.a)\ng = lambda x: f(x.b)\nf(torch)"
    yield "many calls in one another", "x = " + "f(" * 80 + "torch" + ")" * 80 + "\nf = lambda x: x"
    yield "a chain of calls", "x = torch" + ".a()" * 150
    yield "many values", "\n".join(f"x = torch.a{i}" for i in range(3000))
    yield "many things in one list", "x = []\n" + "\n".join(f"x.append(torch.a{i}.b{i})" for i in range(800))
    yield "a list in itself", "x = []\n" + "\n".join("x.append(x.y[0])\ny = [x, y]" for _ in range(500))
    yield "long words", "\n".join(f"# {'a' * 45_000}" for _ in range(2))
    yield "long blanks", "x" + " " * 40_000 + "\nx" + " " * 40_000 + "#"
    yield "many names", "\n".join(f"a{i} = a{i + 1}" for i in range(1500)) + "\na1500 = torch"


@pytest.mark.parametrize("source", [pytest.param(s, id=name) for name, s in growing()])
@pytest.mark.timeout(20)
def test_code_made_to_keep_the_reader_busy_does_not(source: str) -> None:
    look(source, adam("return w, m, v"))


def test_names_too_entangled_to_follow_are_a_remark() -> None:
    chain = [f"a{i} = a{i + 1}" for i in range(6000)]
    found = look("\n".join([*chain, "a6000 = torch"]), adam("return w, m, v"))
    assert [(r.severity, r.what) for r in found] == [("medium", "entangled names")]


def test_more_code_than_anybody_writes_is_not_read() -> None:
    notebook = solved("descent", ROOT)
    notebook.cells = [NotebookNode(cell_type="code", metadata={}, source="x = 1\n" * 15_000) for _ in range(6)]
    problems = [bool(c.problem) for c in read(notebook)]
    assert problems == [False] * 3 + [True] * 3


def test_nothing_is_run(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    source = f"open({str(trap)!r}, 'w').write('x')"
    look(f"{source}\n!touch {trap}", f"%time {source}", f"@{source}\ndef f(x: {source} = {source}): pass", adam("pass"))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ann", "ann"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("<script>&", "\\x3cscript\\x3e\\x26"),
        ("a\u202eb", "a\\u202eb"),
        ("Zoë 李", "Zoë 李"),
        ("\U000e0001", "\\U000e0001"),
        ("\ud800", "\\ud800"),
        ("x" * 400, "x" * 300 + "…"),
    ],
)
def test_texts_are_only_texts(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_cells_are_named_and_numbered_as_in_the_notebook() -> None:
    notebook = solved("descent", ROOT)
    for c in read(notebook):
        assert notebook.cells[c.number - 1].source == c.source
        assert (grade_id(notebook.cells[c.number - 1]) or "") == c.name
        assert isinstance(c.tree, ast.Module)
