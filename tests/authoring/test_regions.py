"""Cutting cells: what students get, what the solution is, and that nothing leaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.authoring.regions import BEGIN, END, STUDENT, RegionError, regions, solution_text, student_text

line = st.text(alphabet="abcxyz =+().,", max_size=40).map(str.rstrip)
code = st.lists(line, max_size=5)
body = st.lists(line.filter(lambda s: s.strip() != ""), min_size=1, max_size=5)
indent = st.sampled_from(["", "    ", "        "])


def lines(parts: list[str], margin: str = "") -> str:
    return "".join(f"{margin}{part}\n" if part else "\n" for part in parts)


@given(before=code, solution=body, after=code, margin=indent)
def test_solved_cells_are_the_text_without_markers(before, solution, after, margin):
    text = lines(before) + lines([BEGIN, *solution, END], margin) + lines(after)
    assert solution_text(text) == lines(before) + lines(solution, margin) + lines(after)


@given(before=code, given_out=st.lists(line, max_size=5), after=code, margin=indent)
def test_student_parts_are_uncommented_exactly(before, given_out, after, margin):
    commented = [f"# {part}".rstrip() for part in given_out]
    text = lines(before) + lines([BEGIN, "secret()", STUDENT, *commented, END], margin) + lines(after)
    expected = [(margin + part).rstrip() for part in given_out]
    assert student_text(text) == lines(before) + lines(expected) + lines(after)


@given(solution=body, margin=indent)
def test_no_telling_line_of_a_solution_survives(solution, margin):
    text = lines(["def f(x):", *[margin + s for s in (BEGIN, *solution, END)]])
    student = student_text(text)
    assert not [s for s in solution if len(s.strip()) > 20 and s.strip() in student]


def test_several_regions_in_one_cell():
    text = f"def f():\n    {BEGIN}\n    return 1\n    {END}\n\n\ndef g():\n    {BEGIN}\n    return 2\n    {END}"
    assert len(regions(text)) == 2
    assert student_text(text, code_stub="pass") == "def f():\n    pass\n\n\ndef g():\n    pass"
    assert solution_text(text) == "def f():\n    return 1\n\n\ndef g():\n    return 2"


def test_stubs_differ_for_code_and_text():
    text = f"{BEGIN}\nanswer\n{END}"
    assert "NotImplementedError" in student_text(text)
    assert student_text(text, "markdown") == "*Your answer goes here.*"


def test_text_cells_hand_out_their_student_part_as_it_is():
    text = f"{BEGIN}\nBecause.\n{STUDENT}\n# It is so because …\n{END}"
    assert student_text(text, "markdown") == "# It is so because …"


def test_the_student_part_may_repeat_lines_of_the_solution():
    same = "optimizer = make_the_optimizer(model)"
    text = f"def f():\n    {BEGIN}\n    {same}\n    optimizer.clear()\n    {STUDENT}\n    # {same}\n    {END}"
    assert student_text(text) == f"def f():\n    {same}"


@pytest.mark.parametrize(
    ("text", "number", "says"),
    [
        (f"{BEGIN}\nx = 1", 0, "has no"),
        (f"x\n{END}", 1, "without"),
        (f"{STUDENT}\n{END}", 0, "without"),
        (f"{BEGIN}\nx\n{BEGIN}\n{END}", 2, "again before"),
        (f"{BEGIN}\nx\n{STUDENT}\n{STUDENT}\n{END}", 3, "a second"),
        (f"{BEGIN}\nx\n{STUDENT}\ny = 1\n{END}", 3, "must be comments"),
        (f"{BEGIN}\n\n{END}", 0, "empty"),
        ("x\n#### BEGIN SOLUTION", 1, "looks like a marker"),
        (f"{BEGIN}\nx\n### END_SOLUTION", 2, "looks like a marker"),
        (f"{BEGIN}\nx\n# student\n{END}", 2, "looks like a marker"),
        (f"# total = add(numbers, 1)\n{BEGIN}\ntotal = add(numbers, 1)\n{END}", 2, "also in the student version"),
    ],
)
def test_malformed_regions_name_their_line(text, number, says):
    with pytest.raises(RegionError, match=says) as error:
        student_text(text)
    assert error.value.line == number
    assert str(error.value).startswith(f"line {number + 1} of the cell")
