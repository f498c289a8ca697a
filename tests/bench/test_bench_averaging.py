import importlib.util
import json

import pytest
import torch
from torch import nn

from course.bench import averaging


@pytest.fixture
def small(monkeypatch):
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **options: compile_(f, backend="eager", **options))
    monkeypatch.setattr(averaging, "resnet", lambda device: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    monkeypatch.setattr(averaging, "MANY", 3)


def test_the_networks_are_as_large_as_said():
    sizes = [
        sum(p.numel() for p in make(torch.device("cpu")).parameters()) for make in (averaging.resnet, averaging.cnn)
    ]
    assert sizes == [11_689_512, 17_235]


def test_rows_are_written_and_averages_agree(small, tmp_path, capsys):
    averaging.main(tmp_path / "rows.json", tmp_path / "plot.png", repeats=1)
    rows = json.loads((tmp_path / "rows.json").read_text())
    works = {r["work"].removeprefix("EMA, ") for r in rows}
    resnet = {f"ResNet-18, {w}" for w in ("buffers copied", "buffers averaged", "ten training steps")}
    assert works == resnet | {"small CNN, buffers copied", "small CNN, buffers averaged"}
    ours = [r for r in rows if r["contender"].startswith("regularization")]
    assert len(ours) == 7
    for row in ours:
        assert not row["peer"]
        assert row["contender"].endswith("every 10") or row["difference"] < 1e-6
    for row in rows:
        assert row["missing"] or row["seconds"] > 0
        assert row["peer"] == row["contender"].startswith(("torch", "timm"))
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert "regularization.EMA, compiled" in capsys.readouterr().out


def test_who_is_missing_is_named_with_how_to_get_it(small, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "timm" else find(name, *a))
    missing = [c for w in averaging.works(torch.device("cpu")) for c in w.contenders if c.run is None]
    assert [c.name for c in missing] == ["timm, ModelEmaV3"] * 2
    assert "cv-course[bench]" in missing[0].missing


@pytest.mark.slow
def test_the_speed_that_is_promised():
    """Less than what was measured: this is to notice a slip, not to measure."""
    from course.bench.harness import measure

    large, small = [w for w in averaging.works(torch.device("cpu")) if w.name.endswith("copied")]
    ratio = {r["contender"].rpartition(", ")[2]: r["ratio"] for r in measure([large], 7)}
    assert ratio["regularization.EMA"] > 0.85
    assert ratio["compiled"] > 1.0
    assert measure([small], 7)[1]["ratio"] > 1.2
