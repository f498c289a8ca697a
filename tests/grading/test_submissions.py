"""Reading what students hand in."""

from __future__ import annotations

import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.grading import handed_in
from course.grading.handed_in import (
    OutOfReach,
    Unreadable,
    collect,
    digest_of,
    handed_in_at,
    read_regular,
    read_submission,
)


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
        (b"\x1f\x8b\x08\x00", "a compressed file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        ('{"cells": ["é"]}'.encode("cp1252"), "another encoding than UTF-8"),
        (b'{\n<<<<<<< HEAD\n "cells": []\n}', "merge conflict"),
        (b"[1, 2]", "has no cells"),
        (b'{"a": 1}', "has no cells"),
        (b'{"cells": 7, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "damaged"),
        (b'{"worksheets": [], "metadata": {}, "nbformat": "x"}', "damaged"),
        (b"[" * 100_000, "not a Jupyter notebook"),
        (json.dumps({"cells": [new_markdown_cell()] * 6_000}).encode(), "6,000 cells; at most 5,000"),
        (b'{"worksheets": 7, "metadata": {}, "nbformat": 3}', "damaged"),
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
    for odd in (5, None, {}):
        cell["input"] = odd
        assert read_submission(file(tmp_path, {**old, "nbformat_minor": 0})).cells == []


def test_what_no_file_can_take_is_replaced(tmp_path: Path) -> None:
    pasted = {"\ud800": {"image/png": "AAAA"}}
    cells = [new_code_cell("# \ud800"), {**new_markdown_cell("\udfff ä"), "attachments": pasted}]
    notebook = read_submission(file(tmp_path, {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    assert [c.source for c in notebook.cells] == ["# ?", "? ä"]
    nbformat.writes(notebook).encode()


def test_names_are_told_without_what_a_terminal_obeys(tmp_path: Path) -> None:
    for name in (b"\x1b]0;x\x07\n.ipynb", b"\xff", "\u202egnp.x".encode()):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    with pytest.raises(Unreadable, match="the submission holds") as caught:
        read_submission(tmp_path / "descent.ipynb")
    assert str(caught.value).isprintable()


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A submission with everything in it that is no file, or is in the way of one."""
    home = tmp_path / "home"
    (home / "descent.ipynb").mkdir(parents=True)
    (home / "descent.ipynb" / "x.txt").write_text("x")
    (home / "data").write_text("a file where the assignment has a folder")
    (home / "table.csv").mkdir()
    (home / "table.csv" / "y").write_text("y")
    os.mkfifo(home / "pipe")
    os.mkfifo(home / "timestamp.txt")
    (home / "loop").symlink_to("loop")
    (home / "root").symlink_to("/")
    (home / os.fsdecode(b"\xff")).write_text("kept")
    return home


def test_pipes_links_and_what_is_in_the_way_are_not_there(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert collect(odd, 100, ["descent.ipynb", "data/a.csv", "table.csv"]) == ({"\udcff": b"kept"}, "")
    assert handed_in_at(odd) is None
    with pytest.raises(Unreadable, match=r"no file descent\.ipynb"):
        read_submission(odd / "descent.ipynb")
    before = digest_of(odd)

    def closed(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(handed_in, "read_regular", closed)
    with pytest.raises(OutOfReach, match=r"home/data cannot be read \(Permission denied\)\. Nothing was entered"):
        collect(odd, 100)
    assert digest_of(odd) != before, "when it can be read again, it is graded again"
    (odd.parent / "a.ipynb").touch()
    with pytest.raises(OutOfReach, match=r"a\.ipynb cannot be read \(Permission denied\)"):
        read_submission(odd.parent / "a.ipynb")


def test_a_time_that_is_none_is_no_time(tmp_path: Path) -> None:
    for text in (
        "soon",
        "",
        "9" * 30,
        "999999999-01-01 00:00:00 UTC",
        f"2020-01-01 00:00:00 {9**30}",
        "\ud800",
        " " * 999,
    ):
        (tmp_path / "timestamp.txt").write_bytes(text.encode("utf-8", "surrogatepass"))
        assert handed_in_at(tmp_path) is None, text
    (tmp_path / "timestamp.txt").write_text("2026-01-02 03:04:05.6 UTC")
    assert str(handed_in_at(tmp_path)) == "2026-01-02 03:04:05.600000"


def test_metadata_that_nobody_needs_are_not_read(tmp_path: Path) -> None:
    fat = [[]] * 200_000  # validating these takes minutes
    cell = {**new_code_cell("a = 1"), "metadata": {"x": fat, "nbgrader": {"grade_id": "a", "x": fat, "points": 1}}}
    named = {"kernelspec": {"name": "python3", "x": fat}, "y": fat}
    started = time.process_time()
    notebook = read_submission(file(tmp_path, {"cells": [cell], "metadata": named, "nbformat": 4, "nbformat_minor": 5}))
    assert notebook.cells[0].metadata == {"nbgrader": {"grade_id": "a", "points": 1}}
    assert notebook.metadata == {"kernelspec": {"name": "python3"}}
    assert time.process_time() - started < 10


def test_what_changes_while_it_is_read_leads_nowhere_else(tmp_path: Path) -> None:
    """Between the look at a folder and the reading of it, a file may have become something else."""
    (tmp_path / "secret").write_text("of the instructor")
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    (home / "sub/fine").write_text("fine")
    assert read_regular(home, "sub/fine", 4) == b"fine"
    (home / "file").symlink_to(tmp_path / "secret")
    (home / "folder").symlink_to(tmp_path)
    os.mkfifo(home / "pipe")
    for name in ("file", "folder/secret", "sub/../../secret/x", "pipe", "sub", "gone", "sub/fine/x"):
        with pytest.raises(OSError, match=r"regular|link|directory|Not a|No such|Is a"):
            read_regular(home, name, 100)
    with pytest.raises(OSError, match="more than 3 bytes"):
        read_regular(home, "sub/fine", 3)
