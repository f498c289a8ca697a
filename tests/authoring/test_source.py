"""A broken source is reported with file and line, and with what to do."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from course.authoring import SourceError, build
from course.authoring.source import read

FILE = "solutions/01_slopes/slopes.py"


def line_of(text: str, part: str, after: str = "") -> int:
    return text[: text.index(part, text.index(after) if after else 0)].count("\n") + 1


def build_with(checkout: Path, registry, text: str) -> str:
    """The message that building this text gives."""
    (checkout / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(SourceError) as error:
        build(checkout, exercises=registry)
    return str(error.value)


BROKEN = {
    # what is wrong: (text of the source, instead of it, where the problem is, what the message says)
    "unknown exercise": (
        'exercise="slopes.halve"',
        'exercise="slopes.halv"',
        'exercise="slopes.halv"',
        "did you mean slopes.halve",
    ),
    "unknown check": (
        'check="slopes.halve"',
        'check="slopes.hal"',
        'check="slopes.hal"',
        "no exercise 'slopes.hal'",
    ),
    "marker forgotten": (
        '# %% exercise="slopes.halve"',
        "# %%",
        "### BEGIN",
        "a solution outside of an exercise's",
    ),
    "points disagree": (
        'check="slopes.total" points=3',
        'check="slopes.total" points=2',
        "points=2",
        "points=2, but the exercise is worth 3",
    ),
    "no end": (
        '    ### END SOLUTION\n\n\n# %% check="slopes.halve"',
        '\n# %% check="slopes.halve"',
        "### BEGIN",
        "has no `### END SOLUTION`",
    ),
    "no begin": (
        "    ### BEGIN SOLUTION\n    the",
        "    the",
        "### END",
        "without `### BEGIN SOLUTION`",
    ),
    "misspelt region": (
        "### BEGIN SOLUTION\n    the",
        "# BEGIN SOLUTION\n    the",
        "# BEGIN SOLUTION",
        "looks like a marker",
    ),
    "syntax error": (
        "the_half_of_it = x / 2",
        "the_half_of_it = x /",
        "the_half_of_it = x /",
        "syntax error",
    ),
    "student part not commented": (
        "    # result = 1\n",
        "    result = 1\n",
        "    result = 1\n",
        "must be comments",
    ),
    "student part broken": (
        "    # result = 1\n",
        "    # result = (1\n",
        'exercise="slopes.total"',
        "the student version does not parse",
    ),
    "leak": (
        '"""Half of x."""',
        '"""Half of x. the_half_of_it = x / 2"""',
        "    the_half_of_it = x / 2\n",
        "also in the student version",
    ),
    "wrong function": (
        "def halve(x)",
        "def half(x)",
        'exercise="slopes.halve"',
        "does not define halve",
    ),
    "a semicolon hides the points": (
        'check("slopes.halve", halve)',
        'check("slopes.halve", halve);',
        'check="slopes.halve"',
        "the last line of this cell must be",
    ),
    "another exercise checked": (
        'check("slopes.halve", halve)',
        'check("slopes.total", halve)',
        'check="slopes.halve"',
        "the last line of this cell must be",
    ),
    "code after check": (
        'check("slopes.halve", halve)',
        'check("slopes.halve", halve)\nprint()',
        'check="slopes.halve"',
        "the last line of this cell must be",
    ),
    "card of unknown exercise": (
        "{{card slopes.halve}}",
        "{{card slopes.half}}",
        "{{card slopes.half}}",
        "no exercise",
    ),
    "overview of unknown section": (
        "{{overview slopes}}",
        "{{overview slope}}",
        "{{overview slope}}",
        "no section",
    ),
    "unknown token": (
        "{{overview slopes}}",
        "{{overviews slopes}}",
        "{{overviews slopes}}",
        "did you mean {{overview",
    ),
    "missing picture": (
        "figures/slope.svg",
        "figures/slop.svg",
        "figures/slop.svg",
        "no picture figures/slop.svg",
    ),
    "not a picture": (
        "figures/slope.svg",
        "figures/draw.py",
        "figures/draw.py",
        "no picture figures/draw.py",
    ),
    "question without points": (
        "points=4 minutes=5",
        "minutes=5",
        "question=",
        "needs `points=`",
    ),
    "points are no number": (
        "points=4 minutes=5",
        "points=true",
        "question=",
        "needs `points=`",
    ),
    "question's name": (
        'question="why_smaller"',
        'question="why smaller"',
        "question=",
        "small letters",
    ),
    "question in code": (
        '[markdown] question="why',
        'question="why',
        "question=",
        "belongs on a text cell",
    ),
    "exercise in text": (
        '# %% exercise="slopes.halve"',
        '# %% [markdown] exercise="slopes.halve"',
        "exercise=",
        "belongs on a code cell",
    ),
    "no quotes": (
        'exercise="slopes.halve"',
        "exercise=slopes.halve",
        "exercise=slopes",
        "needs quotes",
    ),
    "misspelt option": (
        'exercise="slopes.halve"',
        'exercize="slopes.halve"',
        "exercize",
        "did you mean `exercise`",
    ),
    "foreign option": (
        'exercise="slopes.halve"',
        'exercise="slopes.halve" points=2',
        "points=2",
        "unknown option `points`",
    ),
    "two roles": (
        'exercise="slopes.halve"',
        'exercise="slopes.halve" check="slopes.halve"',
        "check=",
        "one role",
    ),
    "blanks": (
        'exercise="slopes.halve"',
        'exercise = "slopes.halve"',
        "exercise =",
        "malformed marker",
    ),
    "locked false": (
        "locked=true",
        "locked=false",
        "locked=false",
        "leave it out",
    ),
    "marker without blank": (
        "# %% locked",
        "#%% locked",
        "#%% locked",
        "malformed marker",
    ),
    "code above": (
        "# ruff: noqa: F821",
        "import this",
        "import this",
        "code above the first",
    ),
    "empty cell": (
        "print(halve)\n",
        "print(halve)\n\n# %%\n# %% locked=true\nx = 1",
        "# %%\n# %% lo",
        "an empty cell",
    ),
    "two student parts": (
        "    ### STUDENT\n",
        "    ### STUDENT\n    ### STUDENT\n",
        None,
        "a second `### STUDENT`",
    ),
}


@pytest.mark.parametrize(("part", "instead", "where", "says"), BROKEN.values(), ids=BROKEN)
def test_file_line_and_reason(checkout, registry, source, part, instead, where, says):
    assert part in source
    text = source.replace(part, instead, 1)
    message = build_with(checkout, registry, text)
    found = {int(n): said for n, said in re.findall(rf"^{FILE}:(\d+): (.*)$", message, re.MULTILINE)}
    assert says in message
    if where is not None:
        number = line_of(text, where)
        assert says in found.get(number, ""), (number, message)


def test_an_exercise_without_a_cell(checkout, registry, source):
    start, end = source.index('# %% exercise="slopes.total"'), source.index("# %% [markdown]\n# Why")
    message = build_with(checkout, registry, source[:start] + source[end:])
    assert 'no cell `# %% exercise="slopes.total"`' in message


def test_an_exercise_twice_names_both_places(checkout, registry, source):
    start, end = source.index('# %% exercise="slopes.halve"'), source.index('# %% check="slopes.halve"')
    text = source + "\n\n" + source[start:end]
    message = build_with(checkout, registry, text)
    first = line_of(text, '# %% exercise="slopes.halve"')
    assert f"a second exercise cell for 'slopes.halve'; the first is in line {first}" in message


@pytest.mark.parametrize("role", ["exercise", "check"])
def test_exercise_and_check_belong_together(checkout, registry, source, role):
    start = source.index(f'# %% {role}="slopes.halve"')
    message = build_with(checkout, registry, source[:start] + source[source.index("# %%", start + 4) :])
    assert f"slopes.halve has no {role} cell" in message


def test_a_check_above_its_exercise(checkout, registry, source):
    cell = '# %% check="slopes.halve"\ncheck("slopes.halve", halve)\n'
    assert cell in source
    start = source.index('# %% exercise="slopes.halve"')
    message = build_with(checkout, registry, source[:start] + cell + "\n\n" + source[start:].replace(cell, ""))
    assert f"{FILE}:{line_of(source, '# %% exercise=')}: the check of slopes.halve stands above" in message


def test_a_region_outside_of_functions_would_stop_run_all(checkout, registry, source):
    text = source.replace("    the_half_of_it = x / 2\n    return", "    pass\n    return").replace(
        "def halve(x):", "### BEGIN SOLUTION\nthe_constant_used_below = 1\n### END SOLUTION\ndef halve(x):"
    )
    assert "a stub here stops Run All" in build_with(checkout, registry, text)


def test_one_misspelling_is_one_problem(checkout, registry, source):
    message = build_with(checkout, registry, source.replace('exercise="slopes.halve"', 'exercise="slopes.halv"'))
    assert len(message.splitlines()) == 1


def test_all_problems_are_reported_at_once_in_order(checkout, registry, source):
    text = source.replace("{{card slopes.halve}}", "{{cart slopes.halve}}").replace("points=3", "points=5")
    lines = build_with(checkout, registry, text).splitlines()
    assert len(lines) == 2
    assert "{{cart" in lines[0]
    assert "points=5" in lines[1]


def test_a_bug_hunt_hands_out_the_code_that_the_gate_judges(checkout, registry, source):
    def as_handed_out(numbers):
        """Another docstring does not matter."""
        result = 1
        for number in numbers:
            # nor does a comment
            result *= number

        return result

    def another(numbers):
        return 0

    total = registry.get("slopes.total")
    object.__setattr__(total, "given", SimpleNamespace(implementation=as_handed_out))
    try:
        assert build(checkout, exercises=registry)[0].ok
        object.__setattr__(total, "given", SimpleNamespace(implementation=another))
        message = build_with(checkout, registry, source)
    finally:
        object.__delattr__(total, "given")
    line = line_of(source, 'exercise="slopes.total')
    assert f"{FILE}:{line}: students must get the code that the gate" in message


def test_all_broken_files_are_reported_at_once(checkout, registry, source):
    second = checkout / "solutions" / "02_curves"
    second.mkdir()
    (second / "curves.py").write_text("# %%\nx = (\n")
    (checkout / FILE).write_text(source.replace("points=3", "points=5"))
    with pytest.raises(Exception, match=r"(?s)slopes.py:\d+: .*curves.py:2: syntax error"):
        build(checkout, exercises=registry)


def test_a_file_that_is_not_text(checkout, registry):
    (checkout / FILE).write_bytes("# %%\nx = 1\n# Größe".encode("latin-1"))
    with pytest.raises(SourceError, match=f"{FILE}:3: not UTF-8"):
        build(checkout, exercises=registry)


def test_another_sections_exercise(checkout, registry, source):
    folder = checkout / "solutions/02_curves"
    folder.mkdir()
    start, end = source.index('# %% exercise="slopes.halve"'), source.index('# %% exercise="slopes.total"')
    (folder / "curves.py").write_text(source[start:end])
    with pytest.raises(SourceError, match=r"slopes\.halve belongs to another section than curves"):
        build(checkout, exercises=registry)


def test_lines_are_right_in_quoted_text_cells():
    first, second = read('# licence\n\n# %% [markdown]\n"""\ntext\nmore\n"""\n\n# %%\n\n\nx = 1\n')
    assert (first.line, first.first, first.text) == (3, 5, "text\nmore")
    assert (second.line, second.first, second.text) == (9, 12, "x = 1")


def test_magics_and_awaits_are_code():
    cells = read("# %%\n# %matplotlib inline\nx = await f()\n\n# %%\n# %%time\n# y = 1\n")
    assert cells[0].text == "%matplotlib inline\nx = await f()"
    assert cells[1].text.startswith("%%time")
