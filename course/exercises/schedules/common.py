"""How schedules are driven: asked for the rate at several times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def rates(schedule: Callable[[float], Any], times: list[float]) -> dict[str, Any]:
    """The rate at each of the times, as it came, under the words that a report uses for it.

    The latest time is asked for first: a schedule is a function of t, and whoever counts calls instead is found out.
    """
    found = {t: schedule(t) for t in reversed(times)}
    return {f"the rate at t = {t:g}": found[t] for t in times}


RTOL, ATOL = 1e-5, 1e-8
"""Rates are small numbers: they must agree to float32's digits, not to 10⁻⁵."""
