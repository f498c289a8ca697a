import json

import pytest
import torch

from course import bench
from course.bench import renderer


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(renderer, "SIZES", ((6, 16), (3, 24)))
    monkeypatch.setattr(renderer, "GPU_SIZES", ((6, 16), (3, 24)))


def test_it_is_registered():
    assert bench.section("renderer") is renderer


def test_rows_and_plot_are_written(small, tmp_path, capsys):
    renderer.main(tmp_path / "rows.json", tmp_path / "plot.png", repeats=1)
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {r["work"] for r in rows} == {"fruit, 6 × 16×16", "fruit, 3 × 24×24"}
    assert all(r["images_per_second"] > 0 and not r["peer"] for r in rows)
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert "orchard.render, PLAIN" in capsys.readouterr().out


def test_rows_can_be_printed(small, capsys):
    from pathlib import Path

    renderer.main(Path("-"), repeats=1)
    assert "images_per_second" in capsys.readouterr().out


@pytest.mark.slow
def test_the_speed_that_is_promised():
    """About half of what was measured: this is to notice a slip, not to measure."""
    from course.bench.harness import measure

    rows = measure(renderer.works(torch.device("cpu")), 5)
    speed = {(r["work"].split("× ")[-1].split(" ")[-1], r["contender"]): r["images_per_second"] for r in rows}
    assert speed["32×32", "orchard.render"] > 1500
    assert speed["96×96", "orchard.render"] > 150
