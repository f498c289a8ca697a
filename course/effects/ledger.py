"""The ledger: every claim, measured over several seeds, and whether it holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from course.effects.effect import Effect, Numbers
from course.neutral import one_thread


def measure(
    effects: Iterable[Effect], seeds: Iterable[int], progress: Callable[[str], Any] | None = None
) -> list[dict[str, Any]]:
    """Run each experiment with each seed, on one thread.

    Args:
        effects: what to measure.
        seeds: at least one.
        progress: told the effect's name after each run.

    Returns:
        One row per effect: section, effect, claim; numbers, name → (mean, spread), the spread being the standard
        deviation over the seeds; holds; verdict ("holds", "does not hold", or "failed: …" when a run raised, with
        what it said); seeds (how many), first_seed, seconds (median of a run).

    Raises:
        ValueError: there is no seed.
    """
    effects, seeds = list(effects), list(seeds)
    if not seeds:
        raise ValueError("need at least one seed")
    with one_thread():
        return [_row(effect, seeds, progress or (lambda name: None)) for effect in effects]


def _row(effect: Effect, seeds: list[int], progress: Callable[[str], Any]) -> dict[str, Any]:
    runs: list[Numbers] = []
    seconds: list[float] = []
    failure = ""
    for seed in seeds:
        start = time.perf_counter()
        try:
            runs.append(effect.run(seed))
        except Exception as problem:  # one broken experiment must not hide what the others say
            failure = failure or f"failed: seed {seed}: {type(problem).__name__}: {problem}"
        seconds.append(time.perf_counter() - start)
        progress(effect.name)
    holds = not failure and bool(effect.holds(runs))
    return {
        "section": effect.section,
        "effect": effect.name,
        "claim": effect.claim,
        "numbers": {name: _summary([run[name] for run in runs]) for name in (runs[0] if runs else ())},
        "holds": holds,
        "verdict": failure or ("holds" if holds else "does not hold"),
        "seeds": len(seeds),
        "first_seed": seeds[0],
        "seconds": round(float(np.median(seconds)), 3),
    }


def _summary(values: list[float]) -> tuple[float, float]:
    """Mean and standard deviation; that of a single value is given as 0."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
