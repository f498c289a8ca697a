"""Known mistakes as the text of cells."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course import exercises
from course.grading.planting import Unplantable, planted

MISTAKES = [
    pytest.param(e.function, m.implementation, id=f"{e.function}-{m.name}")
    for e in exercises.every()
    for m in (*((e.given,) if e.given else ()), *e.misconceptions)
]
MODULE = '''
import math
import os.path as p
from collections.abc import Mapping
from functools import cache, partial as part
from math import tau

LIMIT = 3

def helper(x: int) -> int:
    """Not for students."""
    return inner(x) + LIMIT

def inner(x):
    return x * 2

class Base:
    """The sentence of a base."""

    def __init__(self, start: int) -> None:
        """A sentence for readers."""
        self.start = start

class Wrong(Base):
    """The sentence."""

    def count(self, given: Mapping | None = None) -> int:
        return self.start + LIMIT

@cache
def wrong(x: Mapping, n: int = 2) -> float:
    """The sentence."""
    return helper(x) + math.floor(tau) + (wrong(x, n - 1) if n else 0) + len(p.join("a", "b")) + part(inner, 1)()

def only_docstring(x):
    """Nothing else."""

lost = lambda x: x
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "planting_example.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import planting_example

    yield planting_example
    del sys.modules["planting_example"]


@pytest.mark.parametrize(("name", "function"), MISTAKES)
def test_every_known_mistake_stands_alone(name: str, function: Callable[..., Any]) -> None:
    text = planted(function, name)
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    assert callable(namespace[name])
    (definition,) = [
        n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name
    ]
    assert ast.get_docstring(definition) is None
    assert not definition.decorator_list


def test_helpers_constants_and_imports_come_along(module: Any) -> None:
    text = planted(module.wrong, "total")
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    assert namespace["total"](5) == module.wrong(5)
    assert "Not for students" not in text
    assert "wrong" not in text
    assert "planting_example" not in text


def test_a_function_of_nothing_but_a_docstring_is_a_function(module: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(planted(module.only_docstring, "f"), namespace)
    assert namespace["f"](1) is None


def test_a_class_comes_with_its_base_and_without_what_only_readers_need(module: Any) -> None:
    text = planted(module.Wrong, "Counter")
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    counter = namespace["Counter"](2)
    assert counter.count() == 5
    assert "sentence" not in text
    assert "Mapping" not in text
    assert "Wrong" not in text


def test_what_has_no_definition_is_refused(module: Any) -> None:
    with pytest.raises(Unplantable, match="not written as a `def`"):
        planted(module.lost, "f")
