"""Known mistakes as students would hand them in: a function of ours becomes the text of a solution cell."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

Definition = ast.FunctionDef | ast.ClassDef


class Unplantable(ValueError):
    """A function without a source of its own (a lambda, say)."""


def planted(function: Callable[..., Any], name: str) -> str:
    """The text of a cell that defines `function` under the name `name`, with all that it needs.

    Docstring, decorators and annotations go; imports and helper functions of its module come along, so the
    cell stands alone whatever the notebook imports.

    Raises:
        Unplantable: the function is not written as a `def` or a `class` at the top of a module.
    """
    module = sys.modules[function.__module__]
    definition = _definition(function)
    helpers, imports = _needs(definition, module, {function.__name__})
    for node in ast.walk(definition):
        if isinstance(node, ast.Name) and node.id == definition.name:
            node.id = name  # a function that calls itself
    definition.name = name
    parts = [*imports, *(["", ""] if imports else [])]
    for helper in (*helpers, definition):
        parts += [ast.unparse(ast.fix_missing_locations(_bare(helper))), "", ""]
    return "\n".join(parts).strip() + "\n"


def _definition(function: Callable[..., Any]) -> Definition:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError) as error:
        raise Unplantable(f"no source for {function!r}: {error}") from error
    node = tree.body[0]
    if not isinstance(node, Definition):
        raise Unplantable(f"{function!r} is not written as a `def` or a `class`")
    return node


def _bare(definition: Definition) -> Definition:
    """Without what only the module's readers need."""
    definition.decorator_list = []
    if ast.get_docstring(definition) is not None:
        definition.body = definition.body[1:] or [ast.Pass()]
    if isinstance(definition, ast.ClassDef):
        for method in definition.body:
            if isinstance(method, ast.FunctionDef):
                _bare(method)
        return definition
    definition.returns = None
    everything = definition.args
    for argument in (*everything.posonlyargs, *everything.args, *everything.kwonlyargs):
        argument.annotation = None
    return definition


def _needs(definition: Definition, module: ModuleType, known: set[str]) -> tuple[list[Definition], list[str]]:
    """What the names in a function stand for: helpers, those used by others first; lines of import and constants."""
    helpers: list[Definition] = []
    imports: list[str] = []
    constants: list[str] = []
    for name in _free_names(_bare(definition)):
        if name in known or not hasattr(module, name):
            continue
        known.add(name)
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            imports.append(_import(value, name))
        elif isinstance(value, int | float | str):
            constants.append(f"{name} = {value!r}")
        elif getattr(value, "__module__", None) != module.__name__ and hasattr(value, "__name__"):
            imports.append(_import_from(value, name))
        else:
            helper = _definition(value)
            more, further = _needs(helper, module, known)
            helpers += [*more, helper]
            imports += further
    return helpers, [*sorted(set(imports)), *constants]


def _free_names(definition: Definition) -> Iterator[str]:
    names = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name)}
    yield from sorted(n for n in names if not hasattr(builtins, n))


def _import(value: ModuleType, name: str) -> str:
    package, _, last = value.__name__.rpartition(".")
    if value.__name__ == name:
        return f"import {name}"
    return f"from {package} import {last}" if last == name and package else f"import {value.__name__} as {name}"


def _import_from(value: Any, name: str) -> str:
    home = value.__module__
    original: str = value.__name__
    if getattr(importlib.import_module(home), original, None) is not value:
        raise Unplantable(f"cannot tell where {name} comes from")
    return f"from {home} import {original}" + (f" as {name}" if original != name else "")
