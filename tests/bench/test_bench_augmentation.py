import json

import pytest
import torch

from course.bench import augmentation


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(augmentation, "SIZES", ((14, 32, 32),))
    monkeypatch.setattr(augmentation, "BATCHES", 1)


def test_rows_are_written_and_operations_agree(small, tmp_path):
    augmentation.main(tmp_path / "rows.json", tmp_path / "plot.png", repeats=1)
    rows = [r for r in json.loads((tmp_path / "rows.json").read_text()) if r["ratio"] is not None]
    assert {r["work"] for r in rows} == {f"{name}, 14 × 32×32" for name in ("RandAugment", "mixup", "CutMix")}
    assert all(r["peer"] != r["contender"].startswith("augmentation.") for r in rows)
    ours = next(r for r in rows if r["contender"] == "augmentation.randaugment")
    assert ours["difference"] <= 1
    assert (tmp_path / "plot.png").stat().st_size > 1000


@pytest.mark.slow
def test_the_speed_that_is_promised(monkeypatch):
    """Half of what was measured: this is to notice a slip, not to measure."""
    from course.bench.harness import measure

    monkeypatch.setattr(augmentation, "SIZES", ((512, 32, 32),))
    monkeypatch.setattr(augmentation, "BATCHES", 1)
    works = augmentation.works(torch.device("cpu"))
    rows = measure([w for w in works if not w.name.startswith("CutMix")], 3)
    ratio = {(r["work"].split(",")[0], r["contender"]): r["ratio"] for r in rows if r["ratio"] is not None}
    each = [r for (w, name), r in ratio.items() if w == "RandAugment" and "PIL" in name]
    assert ratio["RandAugment", "augmentation.randaugment"] > 4 * max(each)
    assert ratio["mixup", "augmentation.mixup"] > 0.8
