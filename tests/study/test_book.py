"""The file that progress is kept in: it survives two kernels, damage, and folders that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from course.study import book

GOOD = {"status": "passed", "points": 2, "attempts": 3, "digest": "abc", "asked": 1, "solution": True}


def kept(home: Path) -> dict:
    return json.loads((home / "progress.json").read_text(encoding="utf-8"))["exercises"]


def test_what_is_passed_stays_passed_and_attempts_are_different_versions(home):
    for status, points, digest in (
        ("unwritten", 0, "0"),
        ("failed", 0, "a"),
        ("failed", 0, "a"),  # the same cell once more is no attempt
        ("partial", 1, "b"),
        ("failed", 0, "c"),
        ("passed", 2, "d"),
        ("failed", 0, "e"),
    ):
        entry = book.checked("x.y", status, points, digest)
    assert entry == book.Entry("passed", 2, 4, "d")
    assert book.read() == {"x.y": entry}
    assert set(kept(home)["x.y"]) == set(GOOD)
    assert "return" not in (home / "progress.json").read_text(), "no code is kept"


def test_a_stub_leaves_no_trace(home):
    book.checked("x.y", "unwritten", 0, "a")
    assert not (home / "progress.json").exists()


def test_without_a_source_every_check_is_an_attempt():
    for _ in range(3):
        entry = book.checked("x.y", "failed", 0, "")
    assert entry.attempts == 3


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\x00\xff\xfe",
        b"[1, 2]",
        b'{"version": 1}',
        b'{"version": "one", "exercises": {}}',
        b"[" * 100_000,
        json.dumps({"version": 1, "exercises": {"good": GOOD, "bad": {**GOOD, "attempts": "three"}}}).encode(),
        json.dumps({"version": 1, "exercises": {"good": GOOD, "bad": {"status": "cheated"}}}).encode(),
    ],
)
def test_a_damaged_file_is_set_aside_and_what_is_good_in_it_is_kept(home, damage):
    home.mkdir()
    (home / "progress.json").write_bytes(damage)
    good = {"good"} if b"good" in damage else set()
    assert set(book.read()) == good
    assert (home / "progress-damaged-1.json").read_bytes() == damage
    book.checked("x.y", "passed", 1, "a")
    assert set(kept(home)) == good | {"x.y"}


def test_the_file_of_a_newer_version_is_left_alone(home):
    home.mkdir()
    newer = json.dumps({"version": 2, "exercises": {"x": {"stars": 5}}})
    (home / "progress.json").write_text(newer)
    assert book.checked("x.y", "passed", 1, "a").status == "passed"
    assert book.read()["x.y"].status == "passed", "from memory"
    assert (home / "progress.json").read_text() == newer
    assert "newer version" in book.trouble()


def test_where_nothing_can_be_written_the_session_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))
    for digest in "ab":
        entry = book.checked("x.y", "failed", 0, digest)
    assert entry.attempts == 2
    assert book.read()["x.y"].attempts == 2
    assert "COURSE_HOME" in book.trouble()
    assert book.forget() == 0
    assert book.read() == {}


def test_a_stubborn_lock_costs_seconds_and_no_error(home, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(book, "_PATIENCE", 0.05)
    home.mkdir()
    with FileLock(home / "progress.lock"):
        assert book.checked("x.y", "failed", 0, "a").attempts == 1
    assert book.checked("x.y", "failed", 0, "b").attempts == 2, "what was in memory is written later"
    assert kept(home)["x.y"]["attempts"] == 2


def test_an_interrupted_write_leaves_the_old_file(home, monkeypatch):
    book.checked("x.y", "failed", 0, "a")
    before = (home / "progress.json").read_text()

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            book.checked("x.y", "passed", 1, "b")
    assert (home / "progress.json").read_text() == before
    assert book.checked("x.y", "passed", 1, "b").status == "passed", "and the lock is free again"


MANY = """
import sys
from course.study import book
for n in range(60):
    book.change(sys.argv[1] + str(n % 3), lambda e: book.Entry("tried", 0.0, e.attempts + 1))
    book.change("shared", lambda e: book.Entry("tried", 0.0, e.attempts + 1))
"""


def test_two_kernels_at_once_lose_nothing(home):
    kernels = [subprocess.Popen([sys.executable, "-c", MANY, name]) for name in ("a", "b")]
    assert [kernel.wait(60) for kernel in kernels] == [0, 0]
    assert {name: row["attempts"] for name, row in kept(home).items()} == {
        **{f"{name}{n}": 20 for name in "ab" for n in range(3)},
        "shared": 120,
    }
    assert sorted(p.name for p in home.iterdir()) == ["progress.json", "progress.lock"]


def test_forgetting_some_and_all(home):
    for name in ("a.x", "a.y", "b.z"):
        book.checked(name, "passed", 1, "d")
    assert book.forget({"a.x", "a.y", "a.unknown"}) == 2
    assert set(book.read()) == {"b.z"}
    assert book.forget() == 1
    assert book.read() == {}


def test_the_usual_place_is_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert book.folder().name == "cv-course"
    assert sys.platform != "linux" or book.folder() == tmp_path / "cv-course"


def test_an_unchanged_entry_is_not_written(home):
    book.checked("x.y", "passed", 1, "a")
    stamp = (home / "progress.json").stat().st_mtime_ns
    book.checked("x.y", "failed", 0, "b")
    book.change("x.y", lambda e: replace(e))
    assert (home / "progress.json").stat().st_mtime_ns == stamp
