"""The ledger: every claim, measured over several seeds, and whether it holds; as rows, and as a page to read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course.effects.effect import Effect, Numbers
from course.files import write, write_rows
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


# ------------------------------------------------------------------------------------------------ the page


def record(folder: Path, rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Enter rows into `folder`/ledger.json and make the page `folder`/ledger.md of it.

    Rows of other experiments stay as they are, so that a section can be measured by itself; those of experiments
    that are no more go.

    Args:
        folder: where the ledger is kept; made if it is not there.
        rows: from `measure`.
        names: of all experiments, in the order of the page.

    Returns:
        All rows of the ledger.

    Raises:
        ValueError: ledger.json is there, but is no ledger.
    """
    path = folder / "ledger.json"
    try:
        kept = {row["effect"]: row for row in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is no ledger ({type(error).__name__}): mend it, or remove it") from error
    kept |= {row["effect"]: dict(row) for row in rows}
    whole = [kept[name] for name in names if name in kept]
    write_rows(whole, path)
    write(folder / "ledger.md", page(whole))
    return whole


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The ledger in Markdown: each claim, what was measured, and whether it holds."""
    held = sum(bool(row["holds"]) for row in rows)
    lines = [
        "# The ledger",
        "",
        "Every claim that a notebook makes about a technique, measured over seeds. This page was written by",
        f"`course effects --ledger docs`; {held} of {len(rows)} claims hold. ± is the standard deviation over seeds;",
        "seconds are those of one run on one thread of the machine that measured, and differ between machines.",
    ]
    section = ""
    for row in rows:
        if row["section"] != section:
            section = row["section"]
            lines += ["", f"## {section}"]
        seeds = f"seeds {row['first_seed']} … {row['first_seed'] + row['seeds'] - 1}"
        lines += ["", f"### `{row['effect']}`: {row['verdict']}", "", row["claim"], ""]
        lines += [f"| {seeds}, {row['seconds']:.1f} s each | mean | ± |", "|:--|--:|--:|"]
        lines += [f"| {_cell(name)} | {mean:.4g} | {spread:.2g} |" for name, (mean, spread) in row["numbers"].items()]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
