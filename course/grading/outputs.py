"""What cells put out, as the notebook format has it.

nbformat's `new_output` does the same and holds each of them against a schema, which takes longer than most cells. These
are valid as they are made of texts, and a notebook is held against its schema as a whole when it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbformat import NotebookNode, from_dict


def stream(text: str, name: str = "stdout") -> NotebookNode:
    """What was printed."""
    return NotebookNode(output_type="stream", name=name, text=text)


def raised(name: str, value: str, traceback: Sequence[str]) -> NotebookNode:
    """An exception."""
    return NotebookNode(output_type="error", ename=name, evalue=value, traceback=list(traceback))


def display(data: Mapping[str, Any]) -> NotebookNode:
    """Something shown, by mime type."""
    return from_dict({"output_type": "display_data", "metadata": {}, "data": dict(data)})


def result(data: Mapping[str, Any], count: int | None = None) -> NotebookNode:
    """The value of a cell's last line, by mime type; `count` is the cell's number."""
    return from_dict({"output_type": "execute_result", "metadata": {}, "data": dict(data), "execution_count": count})
