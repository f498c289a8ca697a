"""Near-copies stand out, independent answers do not: measured on all right answers that we have."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from course import exercises
from course.grading.planting import planted
from course.grading.review.copies import ALIKE, Answer, fingerprints, near_copies, tokens, word_for_word
from tests.grading.answers import right_answers

ONE_LINE_CHANGED = {"augmentation.randaugment"}  # these mistakes are the model solution but for that
LOOSER = 0.05  # independent answers stay at least this far below the threshold


@cache
def independent(name: str) -> dict[str, ast.Module]:
    """Right answers to an exercise in different styles: of students, of its alternatives, and the model solution."""
    return {n: ast.parse(t) for n, t in right_answers(name).items()}


def likeness(a: ast.Module, b: ast.Module) -> float:
    first, second = fingerprints(a), fingerprints(b)
    return len(first & second) / min(len(first), len(second)) if first and second else 0.0


def nearest(name: str) -> float:
    return max(likeness(a, b) for a, b in combinations(independent(name).values(), 2))


LONG = [e.name for e in exercises.every() if any(fingerprints(t) for t in independent(e.name).values())]
TELLING = [n for n in LONG if not exercises.get(n).alike]


@pytest.mark.parametrize("name", TELLING)
def test_independent_answers_stay_below_the_threshold(name: str) -> None:
    assert nearest(name) <= ALIKE - LOOSER


@pytest.mark.parametrize("name", [e.name for e in exercises.every() if e.alike])
def test_exercises_marked_alike_are(name: str) -> None:
    assert nearest(name) > ALIKE - 2 * LOOSER


def test_there_is_something_to_tell() -> None:
    assert len(TELLING) >= 8


# ------------------------------------------------------------------------------------------------- disguises


class Renamed(ast.NodeTransformer):
    """Other names for all that one may name, other numbers."""

    def __init__(self, tree: ast.AST) -> None:
        own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.names = {
            n: f"my_{i}" for i, n in enumerate(own | {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)})
        }

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.names[node.arg])

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(node.value + 1 if isinstance(node.value, float) else node.value)


def renamed(tree: ast.Module) -> ast.Module:
    copy = ast.parse(ast.unparse(tree))
    return ast.parse(ast.unparse(ast.fix_missing_locations(Renamed(copy).visit(copy))))


def main(tree: ast.Module) -> ast.FunctionDef:
    return next(n for n in reversed(tree.body) if isinstance(n, ast.FunctionDef))


def documented(tree: ast.Module) -> ast.Module:
    copy = renamed(tree)
    main(copy).body.insert(0, ast.Expr(ast.Constant("All my own work.")))
    main(copy).returns = ast.Name("Tensor", ast.Load())
    return ast.parse("import torch\n\n\n" + ast.unparse(ast.fix_missing_locations(copy)) + "\n# all mine\n")


def padded(tree: ast.Module) -> ast.Module:
    copy = renamed(tree)
    main(copy).body.insert(1, ast.parse("print('start')").body[0])
    main(copy).body.insert(0, ast.parse("counter = 0").body[0])
    return ast.parse(ast.unparse(ast.fix_missing_locations(copy)))


def with_more_after(tree: ast.Module) -> ast.Module:
    test = "def try_it():\n    for i in range(10):\n        print(i, [k * k for k in range(i)])\n\n\ntry_it()\n"
    return ast.parse(ast.unparse(renamed(tree)) + "\n\n\n" + test)


@pytest.mark.parametrize("name", TELLING)
@pytest.mark.parametrize("disguise", [renamed, documented, padded, with_more_after])
def test_a_disguised_copy_is_found(name: str, disguise: Callable[[ast.Module], ast.Module]) -> None:
    for tree in independent(name).values():
        if len(list(tokens(tree))) >= 60:
            ann, bob = Answer("ann", tree, 3, 1), Answer("bob", disguise(tree), 5, 1)
            found = near_copies([ann, bob])
            assert {one.answer.who for one in found} == {"ann", "bob"}
            assert [other.who for other, _ in found[0].others] == ["bob"]


def test_most_disguises_change_nothing_at_all() -> None:
    for name in TELLING:
        for tree in independent(name).values():
            assert fingerprints(renamed(tree)) == fingerprints(documented(tree)) == fingerprints(tree)


# ------------------------------------------------------------------------------------------------------ a class


def varied(n: int) -> Iterator[ast.Module]:
    """Long answers that have nothing in common."""
    generator = np.random.default_rng(0)
    for _ in range(n):
        calls = [f"    x = x.f{k}(g{k}[x], a{j}=x)" for j, k in enumerate(generator.integers(10_000, size=12))]
        yield ast.parse("\n".join(["def f(x):", *calls, "    return x"]))


def names(found: list) -> set[str]:
    return {one.answer.who for one in found if not one.common}


def test_only_the_pair_stands_out_in_a_class() -> None:
    trees = list(varied(40))
    answers = [Answer(f"s{i}", t) for i, t in enumerate([*trees, renamed(trees[7])])]
    assert names(near_copies(answers)) == {"s7", "s40"}


def test_who_is_like_a_known_answer_is_told_so_and_not_accused_of_copying_from_another() -> None:
    trees = list(varied(10))
    answers = [
        Answer("ann", trees[0]),
        Answer("bob", renamed(trees[0])),
        *(Answer(f"s{i}", t) for i, t in enumerate(trees[2:])),
    ]
    found = near_copies(answers, [Answer("the model solution", trees[0])])
    assert names(found) == {"ann", "bob"}
    assert all(one.known and [a.who for a, _ in one.others] == ["the model solution"] for one in found)


def test_what_a_whole_class_writes_is_the_way_one_writes_it() -> None:
    trees = list(varied(100))

    def share(copies: int, size: int) -> list[Answer]:
        own = [Answer(f"s{i}", t) for i, t in enumerate(trees[1 : size - copies + 1])]
        return [*(Answer(f"copy{i}", trees[0]) for i in range(copies)), *own]

    assert names(near_copies(share(6, 100))) == {f"copy{i}" for i in range(6)}
    assert [(one.common, len(one.others)) for one in near_copies(share(30, 100))] == [(True, 29)] * 30


def test_what_a_fifth_of_a_class_shares_with_a_known_answer_is_the_way_one_writes_it() -> None:
    trees = list(varied(100))
    book = Answer("the model solution", trees[0])
    for copies, told in ((20, True), (21, False)):
        own = [Answer(f"s{i}", t) for i, t in enumerate(trees[1 : 101 - copies])]
        class_ = [*(Answer(f"copy{i}", renamed(trees[0])) for i in range(copies)), *own]
        assert names(near_copies(class_, [book])) == ({f"copy{i}" for i in range(copies)} if told else set())
        assert sum(one.known for one in near_copies(class_, [book])) == copies


def test_reordered_statements_and_another_layout_are_still_a_copy() -> None:
    text = OWN_ORDER
    other = "\n".join(text.splitlines()[i] for i in (0, 2, 1, 3, 5, 4, *range(6, 13)))
    other = other.replace("image", "img").replace("    ", "  ") + "  # by myself\n"
    assert other != text
    found = near_copies([Answer("ann", ast.parse(text)), Answer("bob", ast.parse(other))])
    assert names(found) == {"ann", "bob"}


OWN_ORDER = """def f(image, size):
    rows = image.shape[0] // size
    columns = image.shape[1] // size
    votes = torch.zeros(rows, columns, 9)
    angle = torch.atan2(image[0], image[1]).rad2deg() % 180
    length = torch.hypot(image[0], image[1])
    for r in range(rows):
        for c in range(columns):
            cut = slice(r * size, r * size + size), slice(c * size, c * size + size)
            for a, n in zip(angle[cut].flatten(), length[cut].flatten()):
                low = int(a // 20) % 9
                votes[r, c, low] += n * (1 - a % 20 / 20)
    return votes / votes.sum(dim=2, keepdim=True).clamp(min=1e-6)
"""


def test_where_all_answers_are_alike_only_the_same_words_tell() -> None:
    text = right_answers("augmentation.cutmix")["cutmix__loop"]
    ann, bob = Answer("ann", ast.parse(text)), Answer("bob", ast.parse(f"# mine\n{text}\n\n"))
    cat = Answer("cat", ast.parse(text.replace("pictures", "images")))
    assert names(word_for_word([ann, bob, cat])) == {"ann", "bob"}
    assert [one.known for one in word_for_word([bob], [ann])] == [True]
    short = ast.parse(right_answers("augmentation.mixup")["model"])
    assert word_for_word([Answer("ann", short), Answer("bob", short)]) == []


def test_short_answers_tell_nothing() -> None:
    tree = ast.parse("def gd_step(w, grad, lr):\n    return w - lr * grad")
    assert near_copies([Answer("ann", tree), Answer("bob", tree)]) == []


def test_what_was_handed_out_is_nobodys() -> None:
    (given,) = varied(1)
    a = ast.parse(ast.unparse(given) + "\nprint(1)")
    assert names(near_copies([Answer("ann", a), Answer("bob", a)])) == {"ann", "bob"}
    assert near_copies([Answer("ann", a), Answer("bob", a)], given=given) == []


def test_nobody_is_a_class_without_copies() -> None:
    assert near_copies([]) == []
    (tree,) = varied(1)
    assert near_copies([Answer("ann", tree)]) == []


def test_deep_and_long_answers_are_no_trouble() -> None:
    (one,) = varied(1)
    deep = ast.parse(ast.unparse(one) + "\nx = " + "not " * 900 + "y")
    long = ast.parse("\n".join(f"x{i} = f{i}(g{i}(x))" for i in range(20_000)))
    assert names(near_copies([Answer("a", deep), Answer("b", deep), Answer("c", long)])) == {"a", "b"}


def test_known_mistakes_are_no_copies_of_the_model_solution() -> None:
    """The demonstration's class: each student hands in one of them."""
    measured = []
    for name in sorted({*TELLING} - ONE_LINE_CHANGED):
        exercise = exercises.get(name)
        trees = [ast.parse(planted(m.implementation, exercise.function)) for m in exercise.misconceptions]
        measured += [likeness(independent(name)["model"], t) for t in trees if fingerprints(t)]
    assert len(measured) > 80
    assert max(measured) < ALIKE
