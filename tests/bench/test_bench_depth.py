import importlib.util
import json

import pytest
import torch

from course.bench import depth


@pytest.fixture
def small(monkeypatch):
    for name, value in {"BATCH": 6, "BLOCKS": (1, 1), "WIDTHS": (4, 8), "STEPS": 1}.items():
        monkeypatch.setattr(depth, name, value)


def test_rows_are_written_and_answers_agree(small, tmp_path, capsys):
    depth.main(tmp_path / "rows.json", tmp_path / "plot.png", repeats=1)
    rows = json.loads((tmp_path / "rows.json").read_text())
    ours = [r for r in rows if not r["peer"]]
    assert [r["contender"] for r in ours] == [
        "depth.ResNet, row, not skipped", "depth.ResNet, row", "depth.ResNet, batch"
    ]  # fmt: skip
    assert all(r["difference"] < 1e-5 for r in ours)
    assert all(r["missing"] or r["seconds"] > 0 for r in rows)
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert "depth.ResNet, row" in capsys.readouterr().out


def test_who_is_missing_is_named_with_how_to_get_it(small, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "timm" else find(name, *a))
    (work,) = depth.works(torch.device("cpu"))
    (missing,) = [c for c in work.contenders if c.run is None]
    assert "cv-course[bench]" in missing.missing


@pytest.mark.slow
def test_the_speed_that_is_promised():
    """Less than what was measured: this is to notice a slip, not to measure."""
    from course.bench.harness import measure

    ratio = {r["contender"]: r["ratio"] for r in measure(depth.works(torch.device("cpu")), 3)}
    assert ratio["depth.ResNet, row"] > 1.15
    assert ratio["depth.ResNet, batch"] > 1.15
