"""The ledger tells true claims from false ones, and survives broken experiments."""

from __future__ import annotations

import json
import math

import pytest
import torch

from course import effects
from course.effects import Effect, Picture, measure, record


def effect(run, holds, name: str = "section.made_up") -> Effect:
    return Effect(name, "Made up.", run, holds, lambda seed: Picture(None, "nothing"), seconds=0.0)


def coin(seed: int) -> dict[str, float]:
    return {"head": float(torch.randint(2, (), generator=torch.Generator().manual_seed(seed)))}


def test_a_true_claim_holds_with_mean_and_spread():
    (row,) = measure([effect(lambda seed: {"twice": 2.0 * seed}, lambda rows: rows[-1]["twice"] == 8)], [0, 2, 4])
    assert row["verdict"] == "holds"
    assert row["holds"] is True
    assert row["numbers"] == {"twice": (4.0, 4.0)}
    assert (row["section"], row["effect"], row["claim"]) == ("section", "section.made_up", "Made up.")
    assert (row["seeds"], row["first_seed"]) == (3, 0)
    assert row["seconds"] >= 0


def test_a_false_claim_does_not_hold():
    always_head = effect(coin, lambda rows: all(row["head"] == 1 for row in rows))
    (row,) = measure([always_head], range(20))
    assert row["verdict"] == "does not hold"
    assert row["holds"] is False
    assert 0 < row["numbers"]["head"][0] < 1


def test_a_broken_experiment_fails_and_the_others_still_run():
    def broken(seed: int) -> dict[str, float]:
        if seed == 1:
            raise ZeroDivisionError("by zero")
        return {"x": 1.0}

    told = []
    rows = measure([effect(broken, lambda rows: True), effect(coin, lambda rows: True)], [0, 1, 2], told.append)
    assert [row["holds"] for row in rows] == [False, True]
    assert rows[0]["verdict"] == "failed: seed 1: ZeroDivisionError: by zero"
    assert len(told) == 6


def test_numbers_that_are_not_finite_are_kept():
    (row,) = measure([effect(lambda seed: {"steps": math.inf}, lambda rows: False)], [0])
    assert row["numbers"]["steps"] == (math.inf, 0.0)
    assert row["verdict"] == "does not hold"


def test_it_measures_on_one_thread_and_puts_the_number_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (row,) = measure([effect(lambda seed: {"threads": torch.get_num_threads()}, lambda rows: True)], [0])
        assert row["numbers"]["threads"][0] == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_no_seeds_are_refused():
    with pytest.raises(ValueError, match="seed"):
        measure([], [])


def test_the_ledger_keeps_other_rows_and_forgets_what_is_no_more(tmp_path):
    names = ["section.b", "section.a"]
    rows = [*measure([effect(coin, lambda rows: True, n) for n in ("section.a", "section.gone")], [0, 1])]
    record(tmp_path, rows, ["section.a", "section.gone"])
    record(tmp_path, measure([effect(coin, lambda rows: False, "section.b")], [5, 6, 7]), names)
    kept = json.loads((tmp_path / "ledger.json").read_text(encoding="utf-8"))
    assert [row["effect"] for row in kept] == names
    page = (tmp_path / "ledger.md").read_text(encoding="utf-8")
    assert "1 of 2 claims hold" in page
    assert "### `section.b`: does not hold" in page
    assert "seeds 5 … 7" in page
    assert page.index("section.b") < page.index("section.a")
    assert page.count("## section\n") == 1


def test_a_file_that_is_no_ledger_is_not_overwritten(tmp_path):
    (tmp_path / "ledger.json").write_text("my notes", encoding="utf-8")
    with pytest.raises(ValueError, match="is no ledger"):
        record(tmp_path, [], [])
    assert (tmp_path / "ledger.json").read_text(encoding="utf-8") == "my notes"


def test_an_experiment_whose_extra_is_not_installed_keeps_its_place():
    names = effects.names()
    assert "tour.names" in names
    assert [n for n in names if n != "tour.names"] == [e.name for e in effects.every() if e.name != "tour.names"]
