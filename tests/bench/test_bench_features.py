import importlib.util
import json

import pytest
import torch

from course import bench
from course.bench import features


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(features, "SIZES", ((3, 32, 40), (2, 48, 48)))


def test_each_section_has_a_main():
    for name in bench.SECTIONS:
        assert callable(bench.section(name).main)
    with pytest.raises(KeyError, match=r"there is .*features"):
        bench.section("descent")


def test_rows_are_written_and_answers_agree(small, tmp_path, capsys):
    features.main(tmp_path / "rows.json", tmp_path / "plot.png", repeats=1)
    rows = [r for r in json.loads((tmp_path / "rows.json").read_text()) if r["ratio"] is not None]
    assert {r["work"] for r in rows} == {
        "HOG, 3 × 32×40", "HOG, 2 × 48×48", "LBP 3×3, 3 × 32×40", "LBP 3×3, 2 × 48×48"
    }  # fmt: skip
    for row in rows:
        assert row["peer"] == row["contender"].startswith(("scikit-image", "OpenCV"))
        if row["contender"] == "features.hog":
            assert row["difference"] < 1e-5
        if row["contender"] == "features.lbp":
            assert row["difference"] == 0
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert "features.hog" in capsys.readouterr().out


def test_who_is_missing_is_named_with_how_to_get_it(small, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "cv2" else find(name, *a))
    features.main(repeats=1)
    out = " ".join(capsys.readouterr().out.split())
    assert "OpenCV 4 is missing: pip install 'cv-course[bench]'" in out


def test_opencv_5_is_not_enough(small, monkeypatch):
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless, in the bench extra")
    monkeypatch.delattr(cv2, "HOGDescriptor")
    hog = features.works(torch.device("cpu"))[0].contenders
    assert hog[1].run is None
    assert "has no HOG" in hog[1].missing


@pytest.mark.slow
def test_the_speed_that_is_promised():
    """Half of what was measured: this is to notice a slip, not to measure."""
    from course.bench.harness import measure

    works = [w for w in features.works(torch.device("cpu")) if "256 × 64×64" in w.name]
    rows = {(r["work"].split(",")[0], r["contender"]): r["ratio"] for r in measure(works, 5)}
    assert rows["HOG", "features.hog"] > 10
    assert rows["LBP 3×3", "features.lbp"] > 15
    assert rows["LBP 3×3", "tour.local_binary_pattern"] > 25
