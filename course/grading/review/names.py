"""What names stand for, from the text alone.

Every name gets the set of all things it may ever stand for, wherever and whenever it was assigned: cells run in any
order, so order tells nothing. A container stands for its elements and a call of a library function for itself with
`()`. That names too much rather than too little, which is right for remarks that a person reads.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from course.grading.review.reading import Cell

ROUNDS, PATIENCE, MANY, LONGEST, DEEPEST = 60, 200_000, 64, 200, 12
"""Rounds of passing values on; steps in all of them (our notebooks take under 1 000); values per name; characters of a
folded string; parts of a dotted name."""


PASSED_ON = frozenset(("builtins", "sys", "os", "importlib", "inspect", "operator", "gc", "ctypes", "pydoc", "runpy"))
"""Modules with an interesting surface that other modules have imported and so hand on."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of a module, by its dotted name: `torch.optim.SGD`, `builtins.exec`, `torch.optim.SGD().step`."""

    path: str

    def attribute(self, name: str) -> Thing:
        """What `.name` of it is; `torch.sys` is `sys`."""
        if name in PASSED_ON:
            return Thing(name)
        return Thing(f"{self.path}.{name}") if self.path.count(".") < DEEPEST else self


@dataclass(frozen=True, slots=True)
class Text:
    """A string that is known."""

    value: str


@dataclass(eq=False)
class Scope:
    """A region with names of its own: the notebook, a function, a class, a comprehension. As a value: what it defines.

    `names` holds what each name may stand for, `results` what calling the function may give.
    """

    node: ast.AST | None = None
    parent: Scope | None = None
    is_class: bool = False
    names: dict[str, set[Value]] = field(default_factory=dict)
    results: set[Value] = field(default_factory=set)
    elsewhere: dict[str, Scope] = field(default_factory=dict)

    def place(self, name: str) -> Scope:
        """Where an assignment to the name goes."""
        return self.elsewhere.get(name, self)


Value = Thing | Text | Scope
Values = frozenset[Value]
NOTHING: Values = frozenset()
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_TELLING = (
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant),
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_READS_ATTRIBUTES = ("builtins.getattr", "inspect.getattr_static")
_IMPORTS = ("importlib.import_module", "builtins.__import__", "importlib.__import__", "pydoc.locate")
_NAMESPACES = ("builtins.globals", "builtins.locals")
_NOT_THEIR_ARGUMENT = (*_NAMESPACES, "builtins.type", "builtins.get_ipython")
_SAME = ("functools.partial", "copy.copy", "copy.deepcopy", "functools.wraps", "builtins.staticmethod")
# Methods that put their arguments into what they are called on.
_FILLS = frozenset(
    (
        *("append", "appendleft", "add", "insert", "extend", "extendleft", "update", "setdefault"),
        *("put", "put_nowait", "send", "push", "__setitem__"),
    )
)
_TAKES_APART = ("operator.attrgetter", "operator.methodcaller")
_SENT = "send()"
_TEXT_METHODS = ("replace", "lower", "upper", "strip", "removeprefix", "removesuffix", "swapcase")


class Names:
    """The names of one notebook.

    Args:
        cells: its code cells; they share one scope.

    Attributes:
        module: the notebook's scope.
        scopes: the scope that a function, a class or a comprehension opens.
        entangled: whether passing values on was given up.
        uses: the nodes that use or define something in cells that the student wrote, with their scope and cell.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.module = Scope()
        self.entangled = False
        self.scopes: dict[ast.AST, Scope] = {}
        self.uses: dict[ast.AST, tuple[Scope, Cell]] = {}
        self._flows: list[tuple[Scope, str, ast.expr, Scope]] = []
        self._calls: list[tuple[ast.Call, Scope]] = []
        self._stored: list[tuple[str, ast.expr, Scope]] = []
        self._attributes: dict[str, set[Value]] = {}
        self._stars: list[str] = []
        self._known: dict[ast.expr, Values] = {}
        for cell in cells:
            for statement in cell.tree.body if cell.tree else ():
                self._visit(statement, self.module, cell)
        self._pass_on()

    # ----------------------------------------------------------------------------------------------- collecting

    def _visit(self, node: ast.AST, scope: Scope, cell: Cell) -> None:
        """Note who uses and who binds what, in the node and below."""
        if not cell.given and isinstance(node, _TELLING):
            self.uses[node] = (scope, cell)
        if isinstance(node, Function):
            self._function(node, scope, cell)
            return
        if isinstance(node, ast.ClassDef):
            inner = Scope(node, scope, is_class=True)
            self.scopes[node] = inner
            scope.place(node.name).names.setdefault(node.name, set()).add(inner)
            for child in (*node.decorator_list, *node.bases, *node.keywords):
                self._visit(child, scope, cell)
            for child in node.body:
                self._visit(child, inner, cell)
            return
        if isinstance(node, _COMPREHENSIONS):
            scope = Scope(node, scope)
            self.scopes[node] = scope
            for part in node.generators:
                self._bind_each(part.target, part.iter, scope)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, scope)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer = self.module if isinstance(node, ast.Global) else scope.parent or self.module
            scope.elsewhere |= dict.fromkeys(node.names, outer)
        else:
            self._statement(node, scope)
        for child in ast.iter_child_nodes(node):
            self._visit(child, scope, cell)

    def _statement(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value, scope)
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            home = scope
            while isinstance(node, ast.NamedExpr) and isinstance(home.node, _COMPREHENSIONS) and home.parent:
                home = home.parent
            self._bind(node.target, node.value, scope, home)
        elif isinstance(node, ast.For | ast.AsyncFor):
            self._bind_each(node.target, node.iter, scope)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._bind(node.optional_vars, node.context_expr, scope)
        elif isinstance(node, ast.Match):
            for part in ast.walk(node):
                if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                    self._flow(scope, part.name, node.subject, scope)
        elif isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None:
            home = scope
            while not isinstance(home.node, Function) and home.parent:
                home = home.parent
            self._flows.append((home, "", node.value, scope))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            scope.place(node.name).names.setdefault(node.name, set())
        elif isinstance(node, ast.Call):
            self._calls.append((node, scope))
            if isinstance(node.func, ast.Attribute) and node.func.attr in _FILLS:
                self._fill(node.func, node, scope)

    def _function(self, node: Function, scope: Scope, cell: Cell) -> None:
        inner = Scope(node, scope)
        self.scopes[node] = inner
        a = node.args
        plain = [*a.posonlyargs, *a.args]
        for argument in (*plain, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))):
            inner.names.setdefault(argument.arg, set())
        defaults = [*zip(reversed(plain), reversed(a.defaults), strict=False)]
        defaults += [(k, d) for k, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None]
        for argument, default in defaults:
            self._flow(inner, argument.arg, default, scope)
            self._visit(default, scope, cell)
        notes = [argument.annotation for argument in ast.walk(a) if isinstance(argument, ast.arg)]
        for note in (*notes, getattr(node, "returns", None)):
            if note is not None:  # Python evaluates it
                self._visit(note, scope, cell)
        if isinstance(node, ast.Lambda):
            self._flows.append((inner, "", node.body, inner))
            self._visit(node.body, inner, cell)
            return
        scope.place(node.name).names.setdefault(node.name, set()).add(inner)
        for decorator in node.decorator_list:
            self._visit(decorator, scope, cell)
        for child in node.body:
            self._visit(child, inner, cell)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                name, path = alias.asname or alias.name.split(".")[0], alias.name
                path = path if alias.asname else name
            else:
                name, path = alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"
            if name == "*":
                self._stars.append(path.removesuffix(".*"))
            else:
                scope.place(name).names.setdefault(name, set()).add(Thing(path))

    def _bind_each(self, target: ast.expr, values: ast.expr, scope: Scope) -> None:
        """What a loop makes of its target."""
        for value in values.elts if isinstance(values, ast.Tuple | ast.List) else [values]:
            self._bind(target, value, scope)

    def _bind(self, target: ast.expr, value: ast.expr, scope: Scope, home: Scope | None = None) -> None:
        """What an assignment makes of its target; element by element where both sides are written out."""
        if isinstance(target, ast.Tuple | ast.List):
            written = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
            starred = any(isinstance(e, ast.Starred) for e in target.elts)
            parts = value.elts if written and not starred else [value] * len(target.elts)  # type: ignore[attr-defined]
            for one, part in zip(target.elts, parts, strict=True):
                self._bind(one, part, scope, home)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, value, scope, home)
        elif isinstance(target, ast.Name):
            self._flow(home or scope, target.id, value, scope)
        elif isinstance(target, ast.Attribute):
            self._stored.append((target.attr, value, scope))
        elif isinstance(target, ast.Subscript):
            base: ast.expr = target
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):  # a container stands for its elements
                self._bind(base, value, scope, self._home(base.id, scope))

    def _fill(self, method: ast.Attribute, node: ast.Call, scope: Scope) -> None:
        """`tools.append(x)`: from now on `tools` stands for x, too."""
        for value in (*node.args[:4], *(k.value for k in node.keywords[:20])):
            if method.attr == "send":
                self._stored.append((_SENT, value, scope))
            self._bind(ast.Subscript(method.value, value, ast.Store()), value, scope)

    def _home(self, name: str, scope: Scope) -> Scope:
        here: Scope | None = scope
        while here is not None and name not in here.names:
            here = here.parent
        return here or self.module

    def _flow(self, scope: Scope, name: str, value: ast.expr, where: Scope) -> None:
        home = scope.place(name)
        home.names.setdefault(name, set())
        self._flows.append((home, name, value, where))

    # ------------------------------------------------------------------------------------------------ resolving

    def _pass_on(self) -> None:
        """Let values flow along assignments and calls until nothing new arrives."""
        size = len(self._flows) + len(self._stored) + len(self._calls)
        for done in range(ROUNDS):
            new = False
            self._known.clear()
            self.entangled = done * size > PATIENCE
            if self.entangled:
                break
            for home, name, value, where in self._flows:
                new |= _add(home.names[name] if name else home.results, self.of(value, where))
            for attribute, value, where in self._stored:
                new |= _add(self._attributes.setdefault(attribute, set()), self.of(value, where))
            for call, where in self._calls:
                for function in self.of(call.func, where):
                    if isinstance(function, Scope):
                        new |= self._pass_arguments(call, where, function)
            if not new:
                break
        self._known.clear()

    def _pass_arguments(self, call: ast.Call, where: Scope, function: Scope) -> bool:
        node = function.node
        if isinstance(node, ast.ClassDef):
            made = function.names.get("__init__", set())
            passed = [self._pass_arguments(call, where, f) for f in made if isinstance(f, Scope)]
            return any(passed)
        if not isinstance(node, Function):
            return False
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        if function.parent is not None and function.parent.is_class:
            names = names[1:]
        rest = [a.arg for a in (node.args.vararg, node.args.kwarg) if a]
        new = False
        for i, argument in enumerate(call.args):
            for name in names if isinstance(argument, ast.Starred) else names[i : i + 1] or rest:
                new |= _add(function.names[name], self.of(argument, where))
        for keyword in call.keywords:
            known = keyword.arg in function.names
            for name in [str(keyword.arg)] if known else [*names, *rest] if keyword.arg is None else rest:
                new |= _add(function.names[name], self.of(keyword.value, where))
        return new

    def look_up(self, name: str, scope: Scope) -> Values:
        """All that a name may stand for; a builtin's `builtins.name` if nothing else."""
        here: Scope | None = scope.elsewhere.get(name, scope)
        while here is not None:
            if name in here.names and (here is scope or not here.is_class):
                return frozenset(here.names[name])
            here = here.parent
        return _builtin(name) or frozenset(Thing(f"{module}.{name}") for module in self._stars)

    def of(self, node: ast.expr, scope: Scope) -> Values:
        """All that an expression may stand for."""
        if node not in self._known:
            found = self._of(node, scope)
            self._known[node] = found if len(found) <= MANY else frozenset(_important(found))
        return self._known[node]

    def _of(self, node: ast.expr, scope: Scope) -> Values:
        match node:
            case ast.Name():
                return self.look_up(node.id, scope)
            case ast.Constant():
                return _text(node.value)
            case ast.Attribute():
                return self._attribute(node, scope)
            case ast.Call():
                return self._call(node, scope)
            case ast.Subscript():
                return self._subscript(node, scope)
            case ast.BinOp(op=ast.Add()):
                return self._joined([self.of(node.left, scope), self.of(node.right, scope)])
            case ast.JoinedStr():
                return self._joined([self.of(part, scope) for part in node.values])
            case ast.Yield():
                return frozenset(self._attributes.get(_SENT, NOTHING))
            case ast.FormattedValue() | ast.Starred() | ast.Await() | ast.NamedExpr():
                return self.of(node.value, scope)
            case ast.IfExp():
                return self.of(node.body, scope) | self.of(node.orelse, scope)
            case ast.Lambda():
                return frozenset({self.scopes[node]})
            case ast.DictComp():
                return self.of(node.value, self.scopes[node])
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self.of(node.elt, self.scopes[node])
            case ast.Tuple() | ast.List() | ast.Set():
                return self._union(node.elts, scope)
            case ast.BoolOp() | ast.Dict():
                return self._union([v for v in node.values if v is not None], scope)
        return NOTHING

    def _union(self, nodes: Iterable[ast.expr], scope: Scope) -> Values:
        return NOTHING.union(*(self.of(n, scope) for n in islice(nodes, 200)))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Values:
        found: set[Value] = set()
        for base in self.of(node.value, scope):
            if isinstance(base, Thing):
                found.add(base.attribute(node.attr))
            elif isinstance(base, Scope):
                found |= base.names.get(node.attr, set())
        return frozenset(found | self._attributes.get(node.attr, set()))

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Values:
        bases = self.of(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            step = node.slice.step
            backwards = isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub)
            return frozenset(Text(b.value[::-1]) if isinstance(b, Text) and backwards else b for b in bases)
        keys = [k.value for k in self.of(node.slice, scope) if isinstance(k, Text)]
        return frozenset(one for base in bases for one in self._entry(base, keys, scope))

    def _entry(self, base: Value, keys: Iterable[str], scope: Scope) -> Iterator[Value]:
        """What `base[key]` is: an entry of a module's dictionary, or an element of a container."""
        if isinstance(base, Thing) and base.path == "sys.modules":
            yield from map(Thing, keys)
        elif isinstance(base, Thing) and base.path == "builtins":
            yield from (base.attribute(key) for key in keys)
        elif isinstance(base, Thing) and base.path.endswith("()") and base.path[:-2] in _NAMESPACES:
            for key in keys:
                yield from self.look_up(key, scope)
        elif isinstance(base, Thing) and base.path.endswith(".__dict__"):
            yield from (Thing(base.path.removesuffix("__dict__") + key) for key in keys)
        elif not isinstance(base, Text):
            yield base

    def _call(self, node: ast.Call, scope: Scope) -> Values:
        found: set[Value] = set()
        for function in self.of(node.func, scope):
            if isinstance(function, Scope):
                found |= function.results if isinstance(function.node, Function) else {function}
            elif isinstance(function, Thing):
                found |= self._result(function.path, node, scope)
        if isinstance(node.func, ast.Attribute):
            found |= self._text_method(node.func, node, scope)
        return frozenset(found)

    def _result(self, path: str, node: ast.Call, scope: Scope) -> Values:
        """What a call of something with a known name gives."""
        values = [self.of(a, scope) for a in node.args[:4]]
        first = values[0] if values else NOTHING
        texts = [[t.value for t in v if isinstance(t, Text)] for v in values]
        if path in _READS_ATTRIBUTES and len(values) > 1:
            read = {b.attribute(n) for b in first if isinstance(b, Thing) for n in texts[1]}
            own = {v for b in first if isinstance(b, Scope) for n in texts[1] for v in b.names.get(n, ())}
            return frozenset(read | own) | (values[2] if len(values) > 2 else NOTHING)
        if path.endswith(".__getattribute__") and values:
            bases = first if len(values) > 1 else {Thing(path.rpartition(".")[0])}
            return frozenset(b.attribute(n) for b in bases if isinstance(b, Thing) for n in texts[-1])
        if path in _IMPORTS and values:
            package = texts[1][0] if len(texts) > 1 and texts[1] else ""
            full = [package + name if name.startswith(".") else name for name in texts[0]]
            return frozenset(Thing(p) for name in full for p in (name, name.split(".")[0]) if name)
        if path == "builtins.vars" and values:
            return frozenset(b.attribute("__dict__") for b in first if isinstance(b, Thing))
        if path.endswith((".get", ".pop", ".setdefault", ".__getitem__")) and texts:
            base = Thing(path.rpartition(".")[0])
            entries = frozenset(self._entry(base, texts[0], scope))
            if entries != {base}:
                return entries
        if path == "builtins.chr" and isinstance(node.args[0] if node.args else None, ast.Constant):
            code = node.args[0].value  # type: ignore[attr-defined]
            return _text(chr(code)) if isinstance(code, int) and 0 <= code < 0x110000 else NOTHING
        if path in _TAKES_APART and values:
            return frozenset(Thing(f"{path}().{name}") for name in texts[0] or ("?",))
        for taker in _TAKES_APART:
            if path.startswith(f"{taker}()."):
                made, name = "()" * (taker != _TAKES_APART[0]), path.removeprefix(f"{taker}().")
                return frozenset(Thing(f"{b.path}.{name}{made}") if isinstance(b, Thing) else b for b in first)
        if path in _SAME or (path.startswith("builtins.") and path != "builtins.type" and path not in _NAMESPACES):
            return first | (_all(values) if path in ("builtins.map", "builtins.zip", "builtins.dict") else NOTHING)
        result = frozenset({Thing(path if path.endswith("()") else path + "()")})
        # a queue, a namespace, nn.Sequential: it may give back, or be, what it was given
        if path.split(".")[0] in sys.stdlib_module_names or path.rpartition(".")[2][:1].isupper():
            return result | _all(values) | _all(self.of(k.value, scope) for k in node.keywords[:20])
        return result

    def _text_method(self, method: ast.Attribute, node: ast.Call, scope: Scope) -> Values:
        """Strings put together from known strings."""
        bases = [t.value for t in self.of(method.value, scope) if isinstance(t, Text)]
        if not bases:
            return NOTHING
        if method.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple):
            parts = [self.of(e, scope) for e in node.args[0].elts[:50]]
            between = [v for p in parts for v in (frozenset({Text(bases[0])}), p)][1:]
            return self._joined(between) if parts else NOTHING
        given = [[t.value for t in self.of(a, scope) if isinstance(t, Text)][:1] for a in node.args]
        if method.attr in _TEXT_METHODS and all(given):
            try:
                return NOTHING.union(*(_text(getattr(b, method.attr)(*(g[0] for g in given))) for b in bases))
            except (ValueError, IndexError, KeyError, TypeError, AttributeError):
                return NOTHING
        return frozenset(Text(b) for b in bases) if method.attr in ("decode", "encode") else NOTHING

    def _joined(self, parts: Sequence[Values]) -> Values:
        texts = [[t.value for t in part if isinstance(t, Text)] for part in parts]
        return NOTHING.union(*(_text("".join(words)) for words in islice(product(*texts), MANY)))


def _add(known: set[Value], new: Iterable[Value]) -> bool:
    before = len(known)
    for value in _important(new):
        if len(known) < MANY:
            known.add(value)
    return len(known) > before


def _important(values: Iterable[Value]) -> list[Value]:
    """As many as are kept, strings last, the order always the same."""
    return sorted(values, key=lambda v: (isinstance(v, Text), str(getattr(v, "path", ""))))[:MANY]


def _all(values: Iterable[Values]) -> Values:
    return NOTHING.union(*values)


def _text(value: object) -> Values:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return frozenset({Text(value)}) if isinstance(value, str) and len(value) <= LONGEST else NOTHING


def _builtin(name: str) -> Values:
    if name == "__builtins__":
        return frozenset({Thing("builtins")})
    return frozenset({Thing(f"builtins.{name}")}) if hasattr(builtins, name) or name == "get_ipython" else NOTHING
