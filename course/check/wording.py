"""Words for beginners: what an exception usually means, and remarks on what is fine but worth knowing."""

from __future__ import annotations

import re

from course.check.evidence import Evidence
from course.check.observe import Observation
from course.exercises.exercise import Exercise

_HINTS = (
    (r"takes \d+ positional argument|missing \d+ required positional", "it is called as {signature}"),
    (
        r"is not defined",
        "a name is used before it has a value: a typing error, or a cell above that has not run",
    ),
    (
        r"leaf Variable that requires grad",
        "update parameters inside `with torch.no_grad():`, and do not change arguments in place",
    ),
    (
        r"does not require grad",
        "nothing it was computed from requires a gradient: is w.requires_grad_() missing, is this under no_grad, or "
        "did .item(), .detach() or argmax cut the chain?",
    ),
    (r"second time", "a graph can be used once: compute the loss anew before each backward()"),
    (r"same number of dimensions", "gather wants an index with as many dimensions as the tensor, e.g. y[:, None]"),
    (
        r"must match the (existing )?size|shapes cannot be multiplied|size mismatch",
        "print the shapes of what you combine",
    ),
    (r"Can't call numpy\(\) on Tensor that requires grad", "stay in torch: NumPy arrays carry no gradient"),
    (
        r"'NoneType'",
        "something is None here: does a function you call forget its return, or is .grad empty because w is no leaf "
        "(w.detach().requires_grad_() in each step)?",
    ),
    (r"Expected all tensors to be on the same device", "create new tensors on the device of the inputs"),
    (
        r"^BdbQuit$|EOF when reading a line|does not support input requests",
        "input(), pdb or a breakpoint waits for somebody to type, and nobody is there while it is checked: take it out",
    ),
    (r"maximum recursion depth", "the function calls itself without end"),
    (
        r"too many indices",
        "the tensor has fewer dimensions than you index (perhaps an earlier index or a sum took one away): print its "
        "shape",
    ),
    (
        r"(division|modulo) by zero",
        "there is an input for which the divisor is 0 (no warmup, t = 0, a length of 0): treat it on its own",
    ),
    (
        r"not enough values to unpack|too many values to unpack",
        "there are not as many names on the left as things on the right: print the shape or length of what you take "
        "apart",
    ),
    (
        r"is invalid for input of size",
        "view and reshape must keep the number of entries: print the shape before, and multiply its sizes",
    ),
    (
        r"Calculated padded input size|can't be greater than actual input size|array of sliding blocks",
        "the kernel is larger than the picture: put zeros around the picture first (padding)",
    ),
    (r"indices|index.* out of|out of bounds", "an index points outside: Python counts from 0"),
    (
        r"expected scalar type Long|must be .*long|dtype .*int64",
        "class ids and indices must be whole numbers (int64)",
    ),
)


def explain_error(exercise: Exercise, seen: Observation) -> str:
    """An exception in words: what, where, and what it usually means."""
    name = exercise.function
    if seen.error == "Unusable":
        return seen.message
    if not seen.inside and re.search(_HINTS[0][0], seen.message):
        return f"{name} is called as {exercise.signature}, but yours does not take these arguments: {seen.message}."
    if not seen.inside:
        text = f"What {name} returned cannot be used: {seen.error}: {seen.message.rstrip('.')}."
        return _with_hint(text, exercise, seen) or f"{text} Compare what you return with the description above."
    where = f" in {seen.line}" if seen.line else ""
    text = f"{name} stopped with {seen.error}{where}: {seen.message}".rstrip(": ")
    return _with_hint(text, exercise, seen) or text


def _with_hint(text: str, exercise: Exercise, seen: Observation) -> str | None:
    for pattern, hint in _HINTS:
        if re.search(pattern, seen.message or seen.error or ""):
            meaning = hint.format(signature=exercise.signature)
            return f"{text}\nThat usually means: {meaning}{'' if meaning.endswith('?') else '.'}"
    return None


def remarks(evidence: Evidence) -> tuple[str, ...]:
    """What does not cost points but should be known."""
    exercise, found = evidence.exercise, []
    if any(o.requires_grad for o in evidence.student) and not any(o.requires_grad for o in evidence.expected):
        found.append("The answer drags its gradient history along; .detach() it, or compute under torch.no_grad().")
    edited = sorted({n for o in evidence.student for n in o.edited if n in exercise.may_edit})
    if edited:
        found.append(f"It changes {' and '.join(edited)} in place, as torch's optimizers do: fine here.")
    found += dict.fromkeys(f"A warning came up: {w}" for o in evidence.student for w in o.warned)
    return tuple(found[:4])
