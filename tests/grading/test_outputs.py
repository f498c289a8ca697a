"""Outputs are what nbformat's own function makes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_output

from course.grading.outputs import display, raised, result, stream

BUNDLES = st.dictionaries(st.sampled_from(["text/plain", "text/html", "application/json"]), st.text(), max_size=2)


@given(st.text(), st.sampled_from(["stdout", "stderr"]))
def test_streams(text: str, name: str) -> None:
    assert stream(text, name) == new_output("stream", text=text, name=name)


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_exceptions(name: str, value: str, lines: list[str]) -> None:
    assert raised(name, value, lines) == new_output("error", ename=name, evalue=value, traceback=lines)


@given(BUNDLES, st.none() | st.integers(0, 99))
def test_what_is_shown(data: dict[str, Any], count: int | None) -> None:
    assert display(data) == new_output("display_data", data=data)
    assert result(data, count) == new_output("execute_result", data=data, execution_count=count)
    nested = display({"application/json": {"a": {"b": 1}}})
    assert nested.data["application/json"].a.b == 1  # as attributes, all the way down
