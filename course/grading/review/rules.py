"""What is pointed out in one submission: forbidden calls, and ways around being seen."""

from __future__ import annotations

import ast
import inspect
import pydoc
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

from course.exercises.challenge import Challenge
from course.exercises.exercise import Exercise
from course.grading.review.flags import SEVERITIES, Severity
from course.grading.review.names import Names, Scope, Text, Thing, Value
from course.grading.review.reading import DEEPEST, LONGEST_CELL, Cell
from course.registry import SECTIONS

Task = Exercise | Challenge
MOST = 60
"""Remarks on one submission; who reads those will not miss the rest."""


@dataclass(frozen=True)
class Remark:
    """A flag whose student is not known here."""

    severity: Severity
    exercise: str
    cell: int
    line: int
    what: str
    why: str


def _suspects(*groups: tuple[Severity, str, str]) -> dict[str, tuple[Severity, str]]:
    return {name: (severity, why) for severity, why, names in groups for name in names.split()}


# What reaches round the code that is seen, by dotted name, with all below it; and why a person should look.
SUSPECTS = _suspects(
    (
        "high",
        "runs or makes code that cannot be read here",
        "builtins.exec builtins.eval builtins.compile code codeop runpy types.CodeType types.FunctionType "
        "cProfile.run cProfile.runctx profile.run profile.runctx trace doctest torch.jit.CompilationUnit numexpr "
        "pandas.eval typing.get_type_hints typing.ForwardRef torch.fx.Graph torch.fx.GraphModule",
    ),
    (
        "high",
        "gets at modules without an import that can be read",
        "builtins.__import__ importlib pkgutil zipimport imp builtins.__loader__ builtins.__spec__ sys.modules "
        "sys.meta_path sys.path_hooks pydoc.locate logging.config",
    ),
    (
        "high",
        "looks into other code that is running",
        "gc inspect sys._getframe sys._current_frames sys.settrace sys.setprofile sys.monitoring "
        "traceback.walk_stack threading.settrace bdb pdb",
    ),
    (
        "high",
        "reaches below Python's usual surface",
        "builtins builtins.__builtins__ ctypes cffi mmap numpy.ctypeslib numpy.f2py torch.utils.cpp_extension torch._C",
    ),
    (
        "high",
        "changes modules while the notebook runs",
        "unittest.mock pytest.MonkeyPatch torch.library torch.overrides torch.utils._python_dispatch "
        "torch.nn.register_module_forward_hook torch.nn.register_module_forward_pre_hook "
        "torch.nn.register_module_full_backward_hook torch.nn.register_module_full_backward_pre_hook",
    ),
    (
        "medium",
        "calls what lies below PyTorch's usual names",
        "torch.ops torch._VF torch._refs torch._decomp torch._prims torch._inductor torch._dynamo",
    ),
    (
        "high",
        "the course's own exercises and checks: right answers are in there",
        "course.exercises course.grading course.authoring course.check",
    ),
    (
        "medium",
        "starts, stops or outlives processes",
        "subprocess os.system os.popen os.fork os.forkpty os.kill os.killpg os.abort os._exit os.execl os.execle "
        "os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe os.spawnl os.spawnle os.spawnlp os.spawnlpe "
        "os.spawnv os.spawnve os.spawnvp os.spawnvpe os.posix_spawn os.posix_spawnp posix pty multiprocessing signal "
        "atexit concurrent.futures threading.Thread threading.Timer _thread asyncio.create_subprocess_shell "
        "asyncio.create_subprocess_exec asyncio.subprocess torch.multiprocessing",
    ),
    ("medium", "uses the network", "socket urllib http requests httpx aiohttp ftplib torch.hub"),
    (
        "medium",
        "loads objects, and code in them, from bytes",
        "pickle marshal dill cloudpickle shelve joblib torch.load torch.serialization torch.package pandas.read_pickle",
    ),
    ("medium", "packs or unpacks what cannot be read here", "base64 codecs binascii zlib lzma bz2"),
    (
        "medium",
        "talks to the notebook's machinery",
        "IPython ipykernel builtins.get_ipython jupyter_client nbformat nbgrader",
    ),
    (
        "medium",
        "changes or reads names in a way that hides which",
        "builtins.globals builtins.locals builtins.vars builtins.setattr builtins.delattr sys.path",
    ),
    (
        "low",
        "reads or writes files",
        "builtins.open io.open os.open os.listdir os.walk os.scandir glob shutil pathlib linecache",
    ),
    ("low", "reads its surroundings", "os.environ os.getenv sys.argv"),
    ("low", "waits for somebody", "builtins.breakpoint builtins.input"),
    ("low", "ends the notebook's process", "builtins.exit builtins.quit sys.exit"),
)
_words = str.split
HIDDEN = frozenset(
    _words(
        "__globals__ __code__ __closure__ __subclasses__ __builtins__ __dict__ __bases__ __base__ __mro__ __loader__ "
        "__spec__ __wrapped__ __self__ __func__ __reduce__ __reduce_ex__ __import__ __defaults__ __kwdefaults__ "
        "__getattribute__ __getattr__ __setattr__ __delattr__ f_back f_globals f_locals f_builtins f_code tb_frame "
        "tb_next gi_frame gi_code cr_frame cr_code ag_frame ag_code co_code co_consts cell_contents"
    )
)
# Methods by which an object answers in the place of a comparison, of PyTorch or of pickle.
IMPERSONATING = frozenset(
    _words(
        "__eq__ __torch_function__ __torch_dispatch__ __array__ __array_function__ __array_ufunc__ __reduce__ "
        "__reduce_ex__ __instancecheck__ __subclasscheck__ __del__"
    )
)
# May be called, not handed on: as values they would hide what they are called with.
BY_CALL_ONLY = ("builtins.getattr", "builtins.setattr", "builtins.exec", "builtins.eval", "builtins.__import__")
OFTEN_SET = ("torch.backends", "matplotlib")
_NAMED = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler),
    *(ast.MatchAs, ast.MatchStar, ast.MatchMapping),
)
OURS = ("course", "torch", "torchvision", "numpy", "matplotlib", "sklearn", "skimage", "IPython", "ipykernel")
KNOWN_MODULES = frozenset((*sys.stdlib_module_names, *OURS))
NO_CHECK: tuple[Severity, str, str] = ("high", "check", "puts something in the place of the check")
MAGIC_CALLS = ("run_line_magic", "run_cell_magic", "system", "getoutput")
HARMLESS_MAGICS = _words("matplotlib capture precision who whos who_ls pinfo pinfo2 autoreload pprint")
HARMLESS_EXTENSIONS = ("autoreload", "tensorboard", "line_profiler", "memory_profiler")
RUNS_TEXT = ("timeit.timeit", "timeit.repeat", "timeit.Timer")
WITH_ARGUMENT = {"numpy.load": "allow_pickle"}
# What IPython remembers of earlier cells: `_`, `_3`, `Out[3]`, `In[3]`.
EARLIER = re.compile(r"_{1,3}|_\d+|_oh|_ih|_i{1,3}|_i\d+|Out|In")
# Invisible characters, and those that turn the reading direction: code then reads otherwise than it runs. The joiner
# (U+200D) within an emoji is none of them.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]|(?<![\u2190-\U0010ffff])\u200d"
)
FAR_AWAY = re.compile(r"\S[ \t\f]{100,}[^\s#]|^[ \t\f]{200,}[^\s#]")
LONGEST_LINE, MOST_CONSTANTS, MOST_TEXT = 1000, 1000, 4000
"""More is data, weights perhaps, that somebody brought along; our longest line has 120 characters."""
ALIASES = {"F": "torch.nn.functional", "nn": "torch.nn", "np": "numpy"}
ROOTS = _words(
    "torch torchvision numpy sklearn skimage scipy sys os importlib inspect subprocess pickle ctypes gc builtins "
    "operator pydoc runpy pkgutil marshal socket threading multiprocessing"
)


def remarks(cells: Sequence[Cell], exercises: Iterable[Task]) -> list[Remark]:
    """All that is to be pointed out in the cells that the student wrote, the gravest first."""
    with _room():
        return _remarks(cells, exercises)


@contextmanager
def _room() -> Iterator[None]:
    """Calls in one another for the deepest trees that are read, wherever this is called from."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 10 * DEEPEST + 1000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _remarks(cells: Sequence[Cell], exercises: Iterable[Task]) -> list[Remark]:
    names = Names(cells)
    found = [*_unreadable(cells), *_of_each_line(_evasions(names))]
    if names.entangled:
        why = "so many assignments of one another that what names stand for was not followed to the end"
        found.append(Remark("medium", "", 0, 0, "entangled names", why))
    for exercise in exercises:
        found += _of_each_cell(_forbidden(names, cells, exercise))
    found.sort(key=lambda r: (SEVERITIES.index(r.severity), r.cell, r.line, r.what))
    if len(found) > MOST:
        more = Remark("low", "", 0, 0, f"{len(found) - MOST} more remarks", "are left out here")
        return [*found[:MOST], more]
    return found


def _of_each_line(found: Iterable[Remark]) -> list[Remark]:
    """Of several parts of one expression (`importlib`, `importlib.import_module`) only the longest."""
    best: dict[tuple[object, ...], Remark] = {}
    for r in found:
        at = (r.severity, r.cell, r.line, r.why)
        best[at] = max(best.get(at, r), r, key=lambda one: len(one.what))
    return list(best.values())


def _of_each_cell(found: Iterable[Remark]) -> list[Remark]:
    """The first use of something forbidden in a cell; the lines of the others are named."""
    groups: dict[tuple[object, ...], list[Remark]] = {}
    named: dict[tuple[int, int], set[str]] = {}
    found = list(found)
    for r in found:
        named.setdefault((r.cell, r.line), set()).add(r.what)
    for r in found:
        if any(_below(other, r.what) and other != r.what for other in named[r.cell, r.line]):
            continue  # a part of the same expression
        groups.setdefault((r.cell, r.why), []).append(r)
    merged = []
    for group in groups.values():
        first, lines = min(r.line for r in group), sorted({r.line for r in group})
        what = max((r.what for r in group if r.line == first), key=len)
        more = f" (and in line {', '.join(map(str, lines[1:10]))})" if lines[1:] else ""
        merged.append(replace(group[0], line=first, what=what + more))
    return merged


def _unreadable(cells: Iterable[Cell]) -> Iterator[Remark]:
    """What Python or a person cannot read; of each kind the first in a cell."""
    for cell in cells:
        if cell.given:
            continue
        if cell.problem:
            yield Remark("medium", "", cell.number, 0, "cannot be read as Python", cell.problem)
        seen = set[str]()
        for line, severity, what, why in (*_hard_to_see(cell), *_not_code(cell)):
            if why not in seen:
                seen.add(why)
                yield Remark(severity, "", cell.number, line, what.strip()[:80], why)


def _hard_to_see(cell: Cell) -> Iterator[tuple[int, Severity, str, str]]:
    for line, text in enumerate(cell.source.split("\n")[:5000], start=1):
        if INVISIBLE.search(text):
            yield line, "high", text, "invisible characters: the code may read otherwise than it runs"
        if far := FAR_AWAY.search(text[:LONGEST_CELL]):
            yield line, "medium", text[far.end() - 1 :], "code so far to the right that nobody sees it"
        if len(text) > LONGEST_LINE:
            why = f"a line of more than {LONGEST_LINE} characters: code or data within it?"
            yield line, "medium", f"{text.strip()[:40]}…", why


def _not_code(cell: Cell) -> Iterator[tuple[int, Severity, str, str]]:
    nodes = list(ast.walk(cell.tree)) if cell.tree else []
    for node in nodes:
        for name in (getattr(node, field, None) or "" for field in ("id", "attr", "name", "arg")):
            if _of_two_alphabets(name):
                yield _line(node), "medium", name, "letters of two alphabets in one name: it may read as another"
    constants = [n.value for n in nodes if isinstance(n, ast.Constant)]
    texts = sum(len(c) for c in constants if isinstance(c, str | bytes))
    for amount, most, of in ((len(constants), MOST_CONSTANTS, "constants"), (texts, MOST_TEXT, "characters of text")):
        if amount > most:
            yield 0, "medium", f"{amount} {of}", "data within the code: where from?"


def _of_two_alphabets(name: object) -> bool:
    """Whether Latin and Cyrillic letters stand side by side (Greek ones are the formulas')."""
    if not isinstance(name, str) or name.isascii():
        return False
    return bool(re.search("[A-Za-z]", name)) and bool(re.search("[\u0400-\u04ff]", name))


# ---------------------------------------------------------------------------------------------- forbidden calls


def _forbidden(names: Names, cells: Sequence[Cell], exercise: Task) -> Iterator[Remark]:
    """Uses of what the exercise forbids, in its function and in all that this function uses."""
    for node, scope, cell in _reachable(names, cells, exercise):
        if isinstance(node, ast.ImportFrom | ast.Import):
            paths = _imported_as(node, exercise.function)
        else:
            paths = {_canonical(v.path) for v in _values(names, node, scope) if isinstance(v, Thing)}
        for path in sorted(paths):
            why = _why_forbidden(path, node, exercise)
            if why:
                shown = path.replace("()", "").removeprefix("builtins.")
                yield Remark("high", exercise.name, cell.number, _line(node), shown, why)


def _imported_as(node: ast.ImportFrom | ast.Import, name: str) -> set[str]:
    """What an import gives that name; other imports do nothing by themselves."""
    module = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module else ""
    return {
        module + (name if alias.name == "*" else alias.name)
        for alias in node.names
        if alias.name == "*" or (alias.asname or alias.name) == name
    }


def _why_forbidden(path: str, node: ast.AST, exercise: Task) -> str:
    bare = _in_the_library(path.replace("()", ""))
    if _is_reference(bare, exercise):
        return f"the library's own {exercise.function}"
    for name in exercise.forbidden:
        call, _, argument = name.rstrip(")").partition("(")
        if argument:
            if bare == call and isinstance(node, ast.Call) and _passes(node, call, argument):
                return f"{exercise.function} is to be written without {argument}="
        elif _below(bare, call):
            return f"{exercise.function} is to be written without {call}"
    return ""


def _in_the_library(path: str) -> str:
    """`course.effects.depth.common.regularization.EMA` is `course.regularization.EMA`."""
    parts = path.split(".")
    if parts[0] == "course":
        for i in range(len(parts) - 2, 1, -1):
            if parts[i] in SECTIONS and parts[i - 1] not in ("exercises", "effects", "widgets", "bench"):
                return ".".join(["course", *parts[i:]])
    return path


def _is_reference(path: str, exercise: Task) -> bool:
    """Whether it is the library's function, wherever in the library it was got at."""
    parts = path.split(".")
    return parts[0] == "course" and exercise.function in parts[2:] and parts[1] != "check"


def _passes(call: ast.Call, path: str, argument: str) -> bool:
    """Whether a call gives the argument, by name, by position, or perhaps in `*` or `**`."""
    if any(k.arg in (None, argument) for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
        return True
    place = _position(path, argument)
    return place is not None and len(call.args) > place


@cache
def _position(path: str, argument: str) -> int | None:
    function = pydoc.locate(path)  # a name of an exercise's, never a student's
    try:
        return list(inspect.signature(function).parameters).index(argument)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None


def _reachable(names: Names, cells: Sequence[Cell], exercise: Task) -> Iterator[tuple[ast.AST, Scope, Cell]]:
    """All nodes of the exercise's cell, of what else defines its function, and of functions that these use."""
    todo: list[ast.AST] = [
        statement
        for cell in cells
        if not cell.given and cell.tree
        for statement in cell.tree.body
        if cell.name == exercise.function or _binds(statement, exercise.function)
    ]
    seen: set[ast.AST] = set(todo)
    while todo:
        for node in ast.walk(todo.pop()):
            if node not in names.uses:
                continue
            scope, cell = names.uses[node]
            yield node, scope, cell
            for value in _values(names, node, scope):
                if isinstance(value, Scope) and value.node is not None and value.node not in seen:
                    seen.add(value.node)
                    todo.append(value.node)


def _binds(statement: ast.stmt, name: str) -> bool:
    """Whether a statement of the notebook may define the name, or change what bears it."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return statement.name == name
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return True
        if isinstance(node, ast.alias) and (node.asname or node.name) in (name, "*"):
            return True
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if isinstance(node.value, ast.Name) and node.value.id == name:
                return True
            key = node.slice if isinstance(node, ast.Subscript) else None
            if isinstance(key, ast.Constant) and key.value == name:  # globals()["adam_step"] = …
                return True
    return False


def _values(names: Names, node: ast.AST, scope: Scope) -> Iterable[Value]:
    """What a node that is read stands for."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        return names.of(node, scope) if isinstance(node.ctx, ast.Load) else ()
    if isinstance(node, ast.Call):
        # the function's own name, for its arguments; and what the call finds (`getattr(torch, "optim")`)
        called = (v for v in names.of(node.func, scope) if isinstance(v, Thing))
        return (*called, *(v for v in names.of(node, scope) if not isinstance(v, Text)))
    return ()


def _canonical(path: str) -> str:
    """`course.descent.torch.optim` is `torch.optim`, however one gets there."""
    parts = path.split(".")
    for i in range(len(parts) - 1, 0, -1):
        if parts[i] in ROOTS:
            return _canonical(".".join(parts[i:]))
        if parts[i] in ALIASES and parts[: i + 1] != ["torch", "nn"]:
            return _canonical(".".join([ALIASES[parts[i]], *parts[i + 1 :]]))
    if parts[:3] == ["torch", "nn", "modules"] and len(parts) > 3:  # where classes are defined
        return ".".join(["torch", "nn", *parts[min(4, len(parts) - 1) :]])
    return path


def _below(path: str, name: str) -> bool:
    return path == name or path.startswith(name + ".")


# ---------------------------------------------------------------------------------------------------- evasion


def _evasions(names: Names) -> Iterator[Remark]:
    """Ways around being seen, anywhere in what the student wrote."""
    calls = [node for node in names.uses if isinstance(node, ast.Call)]
    called = {node.func for node in calls}
    magic = {part for node in calls if _is_magic(node) for part in ast.walk(node.func)}  # told as what they were
    for node, (scope, cell) in names.uses.items():
        if node not in magic:
            for severity, what, why in _suspicious(names, node, scope, called):
                yield Remark(severity, "", cell.number, _line(node), what, why)


def _suspicious(
    names: Names, node: ast.AST, scope: Scope, called: set[ast.expr]
) -> Iterator[tuple[Severity, str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _suspect(alias.name)
            if alias.asname == "check":
                yield NO_CHECK
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            path = f"{node.module or ''}.{alias.name}".removesuffix(".*")
            yield from _suspect(path)
            if alias.name == "*" and path.split(".")[0] not in KNOWN_MODULES:
                yield "medium", f"from {path} import *", "names that cannot be known here, the check's perhaps"
            if (alias.asname or alias.name) == "check" and path != "course.check.check":
                yield NO_CHECK
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and node.value in HIDDEN:
            yield "high", repr(node.value), "the name of an inner part, as a string"
    elif isinstance(node, ast.Attribute | ast.Name):
        if isinstance(node, ast.Attribute) and node.attr in HIDDEN:
            yield "high", f".{node.attr}", "an inner part of functions, frames or modules"
        if isinstance(node, ast.Name) and node.id in HIDDEN:
            yield "high", node.id, "an inner part of functions, frames or modules"
        if isinstance(node, ast.Name) and EARLIER.fullmatch(node.id) and not _defined(names, node.id, scope):
            yield "medium", node.id, "what an earlier cell gave or was: which one cannot be known here"
        if not isinstance(node.ctx, ast.Load):
            yield from _changes(names, node, scope)
            return
        for path in sorted(v.path for v in names.of(node, scope) if isinstance(v, Thing)):
            yield from _suspect(path)
            if path in BY_CALL_ONLY and node not in called:
                yield "high", path.removeprefix("builtins."), "handed on, so that it cannot be seen what it is used on"
    elif isinstance(node, ast.Subscript):
        if not isinstance(node.ctx, ast.Load):
            yield from _changes(names, node, scope)
            return
        for value in names.of(node, scope):
            if isinstance(value, Thing):
                yield from _suspect(value.path)
    elif isinstance(node, _NAMED):
        if _name_of(node) == "check" and scope.place("check") is names.module:
            yield NO_CHECK
        if isinstance(node, ast.FunctionDef) and node.name in IMPERSONATING:
            yield "medium", f"def {node.name}", "an object that answers in another's place: compared, copied or deleted"
    elif isinstance(node, ast.Call):
        yield from _call(names, node, scope)


def _call(names: Names, node: ast.Call, scope: Scope) -> Iterator[tuple[Severity, str, str]]:
    if _is_magic(node):
        yield from _magic(node)
        return
    for value in names.of(node, scope):
        if isinstance(value, Thing) and not value.path.endswith("()"):
            yield from _suspect(value.path)
    called = {v.path for v in names.of(node.func, scope) if isinstance(v, Thing)}
    if "builtins.getattr" in called and len(node.args) > 1:
        yield from _getattr(names, node, scope)
    for path in sorted(called):
        bare = _canonical(path)
        if bare in WITH_ARGUMENT and _passes(node, bare, WITH_ARGUMENT[bare]):
            yield "medium", f"{bare}(…, {WITH_ARGUMENT[bare]}=…)", "loads objects, and code in them, from bytes"
        if bare in RUNS_TEXT and not all(isinstance(v, Scope) for v in _first(names, node, scope)):
            yield "medium", bare, "runs code that may be in a string"
        if path.startswith(("operator.attrgetter().?", "operator.methodcaller().?")):
            yield "medium", path.split("(")[0], "reads a part by a name that cannot be known here"


def _first(names: Names, node: ast.Call, scope: Scope) -> Iterable[Value]:
    """What a call's first arguments may be; a string if that is not known."""
    given = [*node.args[:2], *(k.value for k in node.keywords if k.arg in (None, "stmt", "setup"))]
    return [v for part in given for v in names.of(part, scope) or (Text("?"),)]


def _getattr(names: Names, node: ast.Call, scope: Scope) -> Iterator[tuple[Severity, str, str]]:
    keys = sorted(t.value for t in names.of(node.args[1], scope) if isinstance(t, Text))
    bases = sorted(b.path for b in names.of(node.args[0], scope) if isinstance(b, Thing) and "(" not in b.path)
    for key in keys:
        if key in HIDDEN:
            yield "high", f"getattr(…, {key!r})", "an inner part of functions, frames or modules"
    if bases:
        shown = " or ".join(map(repr, keys[:3])) or "…"
        severity: Severity = "medium" if keys else "high"
        unknown = "" if keys else ", by a name that cannot be known here"
        yield severity, f"getattr({bases[0]}, {shown})", f"reads a module's part without its name{unknown}"
    elif not keys:
        yield "low", "getattr(…, …)", "by a name that cannot be known here"


def _is_magic(node: ast.Call) -> bool:
    """Whether a call is what IPython makes of a line such as `!ls` or `%cd`."""
    made = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr in MAGIC_CALLS else None
    return isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id == "get_ipython"


def _magic(node: ast.Call) -> Iterator[tuple[Severity, str, str]]:
    """What that line was."""
    assert isinstance(node.func, ast.Attribute)
    first = node.args[0] if node.args else None
    said = str(first.value) if isinstance(first, ast.Constant) else "…"
    if node.func.attr in ("system", "getoutput"):
        yield "medium", f"!{said}"[:80], "a command of the system's shell"
    elif said not in HARMLESS_MAGICS and not (said == "load_ext" and _second(node) in HARMLESS_EXTENSIONS):
        yield "medium", f"%{said} {_second(node)}".strip()[:80], "a command of IPython's"


def _second(node: ast.Call) -> str:
    value = node.args[1] if len(node.args) > 1 else None
    return str(value.value).strip() if isinstance(value, ast.Constant) else "…" if value else ""


def _changes(names: Names, node: ast.expr, scope: Scope) -> Iterator[tuple[Severity, str, str]]:
    """Assignments to what is not the student's."""
    if isinstance(node, ast.Name):
        if node.id == "check" and scope.place("check") is names.module:
            yield NO_CHECK
        return
    assert isinstance(node, ast.Attribute | ast.Subscript)
    for path in sorted(v.path for v in names.of(node.value, scope) if isinstance(v, Thing)):
        dictionary = path.endswith(".__dict__") or path == "sys.modules"
        if "(" in path or path.startswith(OFTEN_SET) or (isinstance(node, ast.Subscript) and not dictionary):
            continue  # an object's part, or an element of a list of such things
        part = f".{node.attr}" if isinstance(node, ast.Attribute) else "[…]"
        yield "high", f"{path}{part} = …", "changes a module for everybody, the check included"


def _suspect(path: str) -> Iterator[tuple[Severity, str, str]]:
    bare = _canonical(path.replace("()", ""))
    if bare in ("course.check", "course.check.check") or (path.startswith("builtins.") and bare.count(".") > 1):
        return
    parts = bare.split(".")
    if parts[0].startswith("_") and parts[0] != "__future__":
        yield "high", bare, "an inner module of Python"
        return
    for n in range(len(parts), 0, -1):
        known = SUSPECTS.get(".".join(parts[:n]))
        if known and not (n == 1 and parts[0] == "builtins" and len(parts) > 1):
            yield known[0], bare.removeprefix("builtins."), known[1]
            return


def _defined(names: Names, name: str, scope: Scope) -> bool:
    here: Scope | None = scope
    while here is not None:
        if name in here.names:
            return True
        here = here.parent
    return False


def _name_of(node: ast.AST) -> str | None:
    return getattr(node, "rest", None) if isinstance(node, ast.MatchMapping) else getattr(node, "name", None)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)
