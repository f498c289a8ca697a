"""Answers that are alike but for names: fingerprints of syntax, compared within a class and with known answers.

An answer becomes a row of tokens: the kinds of its syntax nodes, and of its names only those that a writer cannot
choose (`.cumsum`, `dim=`, `range`). Own names, numbers, strings, comments, docstrings, annotations and layout are
gone. All runs of GRAM tokens are hashed, and winnowing keeps the smallest hash of each WINDOW of them (Schleimer,
Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003), so that any common run of
GRAM + WINDOW − 1 tokens shares a fingerprint. Likeness is the share of the shorter answer's fingerprints that the other
one has.

Short functions are alike by nature, so three kinds are left out: answers of fewer than SHORTEST tokens; exercises
marked `alike`, where only answers of VERBATIM tokens or more are looked at that agree in all of them, names and numbers
included; and, in a class, ways of writing that more than COMMON of the answers share with each other, or COMMON_KNOWN
with a known one (counted, not flagged).
The threshold was chosen by measuring all pairs of right answers that we have, written in different styles: of 150 pairs
of long enough answers to exercises not marked `alike`, none has more than .72 in common, and copies with other names,
numbers, comments and annotations have 1. tests/grading/test_copies.py measures again.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

import numpy as np

GRAM, WINDOW = 6, 3
SHORTEST, LONGEST, VERBATIM = 45, 4000, 100
ALIKE = 0.8
COMMON, COMMON_KNOWN, FEW = 0.02, 0.2, 5
"""What more than this share of a class (with a known answer: the second), and more than FEW, have in common may be how
one writes it."""

Prints = frozenset[int]


@dataclass(frozen=True)
class Answer:
    """Somebody's answer to one exercise: who, which tree, and its place."""

    who: str
    tree: ast.Module
    cell: int = 0
    line: int = 0


@dataclass(frozen=True)
class Likeness:
    """An answer, and those that it is like, the nearest first, each with the share of what they have in common."""

    answer: Answer
    others: tuple[tuple[Answer, float], ...]
    known: bool = False
    """Whether the others are known answers rather than other students'."""
    common: bool = False
    """Whether so many others are like it that it may be the way one writes this: not for a flag, but for a number."""


def near_copies(
    answers: Sequence[Answer], known: Sequence[Answer] = (), given: ast.Module | None = None, alike: float = ALIKE
) -> list[Likeness]:
    """Answers to one exercise that stand out by their likeness.

    Args:
        answers: the class's.
        known: the model solution and other right answers that can be read somewhere.
        given: the code that students start from; what is from there is nobody's.
        alike: from which share of common fingerprints on.
    """
    base = fingerprints(given) if given else frozenset()
    rows = [(a, fingerprints(a.tree) - base) for a in (*answers, *known)]
    kept = [(a, prints, i >= len(answers)) for i, (a, prints) in enumerate(rows) if len(prints) >= _fewest()]
    likeness = _matrix([prints for _, prints, _ in kept])
    is_known = np.array([k for _, _, k in kept], dtype=bool)
    return list(_standing_out([a for a, _, _ in kept], likeness, is_known, alike, len(answers)))


def word_for_word(answers: Sequence[Answer], known: Sequence[Answer] = ()) -> list[Likeness]:
    """Long answers that agree in names and numbers, too: for exercises that everybody answers alike but for those."""
    groups: dict[tuple[str, ...], list[Answer]] = {}
    for a in (*answers, *known):
        row = tuple(islice(tokens(a.tree, whole=True), LONGEST))
        if len(row) >= VERBATIM:
            groups.setdefault(row, []).append(a)
    read_elsewhere, found = set(map(id, known)), []
    for group in groups.values():
        books = [a for a in group if id(a) in read_elsewhere]
        class_ = [a for a in group if id(a) not in read_elsewhere]
        for a in class_:
            others = books or [b for b in class_ if b is not a]
            if others:
                share = COMMON_KNOWN if books else COMMON
                common = len(class_) - (not books) > max(FEW, share * len(answers))
                found.append(Likeness(a, tuple((b, 1.0) for b in others), bool(books), common))
    return found


def _fewest() -> int:
    """Fingerprints that an answer of SHORTEST tokens has at least: every window has one, WINDOW share one at most."""
    return (SHORTEST - GRAM + 1) // WINDOW


def _standing_out(
    answers: Sequence[Answer], likeness: np.ndarray, is_known: np.ndarray, alike: float, size: int
) -> Iterator[Likeness]:
    close = likeness >= alike
    np.fill_diagonal(close, False)
    copies_known = close[:, is_known].any(axis=1)
    followers = close[~is_known].sum(axis=0)
    for i in np.flatnonzero(~is_known).tolist():
        found = np.flatnonzero(close[i] & is_known).tolist()
        if not found:
            # two who both copied from the same book have not copied from one another
            found = np.flatnonzero(close[i] & ~is_known & ~copies_known).tolist()
        if found:
            nearest = sorted(found, key=lambda j: (-likeness[i, j], answers[j].who))
            others = tuple((answers[j], round(float(likeness[i, j]), 2)) for j in nearest)
            known = bool(is_known[found[0]])
            alike_ones = max(followers[found]) if known else len(found)
            share = COMMON_KNOWN if known else COMMON
            yield Likeness(answers[i], others, known, bool(alike_ones > max(FEW, share * size)))


def _matrix(prints: Sequence[Prints]) -> np.ndarray:
    """Likeness of each to each: a product of the (answers × fingerprints) table with itself."""
    unique = list(dict.fromkeys(prints))  # most answers of a big class are somebody else's, too
    count: dict[int, int] = {}
    for one in unique:
        for p in one:
            count[p] = count.get(p, 0) + 1
    column = {p: i for i, p in enumerate(p for p, n in count.items() if n > 1)}
    common = np.zeros((len(unique), len(unique)), dtype=np.float32)
    for start in range(0, len(column), 4096):  # in pieces: a class that writes at length must not fill the memory
        table = np.zeros((len(unique), min(4096, len(column) - start)), dtype=np.float32)
        for row, one in enumerate(unique):
            places = [column[p] - start for p in one if p in column]
            table[row, [c for c in places if 0 <= c < table.shape[1]]] = 1
        common += table @ table.T
    sizes = np.array([len(one) for one in unique], dtype=np.float32)
    shares = common / np.maximum(np.minimum(sizes[:, None], sizes), 1)
    np.fill_diagonal(shares, 1.0)
    place = {one: i for i, one in enumerate(unique)}
    index = [place[one] for one in prints]
    return shares[np.ix_(index, index)]


# ------------------------------------------------------------------------------------------------ fingerprints


def fingerprints(tree: ast.Module) -> Prints:
    """The winnowed hashes of an answer; empty if it is shorter than SHORTEST tokens."""
    row = list(islice(tokens(tree), LONGEST))
    if len(row) < SHORTEST:
        return frozenset()
    hashes = [_hash(row[i : i + GRAM]) for i in range(len(row) - GRAM + 1)]
    return frozenset(min(hashes[i : i + WINDOW]) for i in range(len(hashes) - WINDOW + 1))


def _hash(gram: Iterable[str]) -> int:
    """The same in every process, unlike Python's own."""
    return int.from_bytes(blake2b("\x1f".join(gram).encode(), digest_size=8).digest(), "big")


def tokens(tree: ast.Module, whole: bool = False) -> Iterator[str]:
    """An answer without what its writer may choose freely, unless it is wanted whole; imports do not count."""
    own = set[str]() if whole else _own_names(tree)
    todo: list[ast.AST | str] = list(reversed(tree.body))
    while todo:  # not recursive: nested as deeply as it may be
        node = todo.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, ast.Name):
            yield "name" if node.id in own else node.id
        elif isinstance(node, ast.Constant):
            yield repr(node.value)[:80] if whole else "constant"
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.expr_context | ast.Pass) and not _is_text(node):
            yield _kind(node)
            todo.extend(reversed(_parts(node, whole)))


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    if isinstance(node, ast.keyword):
        return f"{node.arg}="
    return "Assign" if isinstance(node, ast.AnnAssign) else type(node).__name__


def _parts(node: ast.AST, whole: bool) -> list[ast.AST | str]:
    """What is below a node, without annotations; a body's end is a token, too."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        head = node.args.args if not isinstance(node, ast.ClassDef) else node.bases
        named = ((a.arg if whole else "argument") if isinstance(a, ast.arg) else a for a in head)
        return [*named, *node.body, "end"]
    if isinstance(node, ast.arg):
        return []
    if isinstance(node, ast.AnnAssign):
        return [part for part in (node.target, node.value) if part is not None]
    return list(ast.iter_child_nodes(node))


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is only a string: a docstring, or a comment in another guise."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _own_names(tree: ast.Module) -> set[str]:
    """Names that the writer chose: all but builtins (a module's alias is chosen as well), and what they assigned to."""
    own = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name) and (isinstance(node.ctx, ast.Store) or not hasattr(builtins, node.id)):
            own.add(node.id)
    return own
