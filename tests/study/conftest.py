"""A learner's own folder for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from course.study import book


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where progress is kept in this test."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(book, "_unsaved", {})
    return tmp_path / "home"
