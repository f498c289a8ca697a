"""The experiments of section 10: their claims hold with seeds that nobody chose, and could fail."""

from __future__ import annotations

import math

import pytest

from course.effects import Effect, measure, of_section

EFFECTS = of_section("recipe")


@pytest.mark.slow
@pytest.mark.parametrize("effect", EFFECTS, ids=[e.name for e in EFFECTS])
def test_the_claim_holds_and_could_fail(effect: Effect):
    (row,) = measure([effect], [0, 1, 1000])
    assert row["verdict"] == "holds", row["numbers"]
    assert not effect.holds([dict.fromkeys(row["numbers"], math.nan)])
