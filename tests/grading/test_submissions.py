"""Reading what students hand in."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.grading.autograde import Unreadable, read_submission


def file(folder: Path, content: bytes | str | dict[str, Any]) -> Path:
    path = folder / "descent.ipynb"
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"dear teacher", "not a Jupyter notebook."),
        (b"PK\x03\x04\x00", "zip archive"),
        (b"%PDF-1.7", "PDF"),
        (b"\n <!DOCTYPE html>", "web page"),
        (b"\x89PNG\r\n", "picture"),
        (b"\xff\xfe\x00", "not a Jupyter notebook"),
        (b'{"cells": [', "breaks off"),
        (b"[1, 2]", "has no cells"),
        (b'{"a": 1}', "has no cells"),
        (b'{"cells": 7, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "damaged"),
        (b'{"worksheets": [], "metadata": {}, "nbformat": "x"}', "damaged"),
        (b"[" * 100_000, "not a Jupyter notebook"),
    ],
)
def test_what_is_no_notebook_is_refused_in_words(content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"descent\.ipynb") as caught:
        read_submission(file(tmp_path, content))
    assert words in str(caught.value)


def test_a_missing_file_names_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="the submission is empty"):
        read_submission(tmp_path / "descent.ipynb")
    (tmp_path / "timestamp.txt").touch()
    (tmp_path / "descent (1).ipynb").touch()
    with pytest.raises(Unreadable, match=r"the submission holds descent \(1\).ipynb\. Hand in"):
        read_submission(tmp_path / "descent.ipynb")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other = file(tmp_path, new_notebook()).rename(tmp_path / "other.ipynb")
    (tmp_path / "descent.ipynb").symlink_to(other)
    with pytest.raises(Unreadable, match="no file"):
        read_submission(tmp_path / "descent.ipynb")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = file(tmp_path, "not even a notebook" * 100)
    with pytest.raises(Unreadable, match=r"at most 0\.001 MB"):
        read_submission(path, max_bytes=1000)


def test_small_damage_is_mended(tmp_path: Path) -> None:
    first, second, third = new_code_cell("a = 1"), new_code_cell("b = 2"), new_markdown_cell("text")
    second["id"] = first["id"]
    del third["id"]
    first["metadata"], second["outputs"] = "none", "none"
    cells = [first, second, third, "no cell", {"cell_type": "code"}, {**third, "cell_type": "heading"}]
    path = file(tmp_path, {"cells": cells, "metadata": [], "nbformat": 4, "nbformat_minor": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            notebook = read_submission(path)
        except Unreadable as reason:
            pytest.fail(str(reason))
    assert [c.source for c in notebook.cells] == ["a = 1", "b = 2", "text"]
    assert len({c["id"] for c in notebook.cells}) == 3
    assert all(c.metadata == {} for c in notebook.cells)
    assert isinstance(notebook.metadata, NotebookNode)


def test_an_old_notebook_is_read(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "input": "a = 1", "outputs": [], "language": "python", "collapsed": False}
    old = {"worksheets": [{"cells": [cell], "metadata": {}}], "metadata": {"name": ""}, "nbformat": 3}
    assert read_submission(file(tmp_path, {**old, "nbformat_minor": 0})).cells[0].source == "a = 1"
