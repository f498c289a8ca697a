"""Hostile and broken submissions, and what three graders make of them: ours, stock nbgrader, otter-grader.

Each attack is handed in beside a neighbour's honest work, in a class of its own, and graded by the grader's own command
with its own settings. `graders` says how they are set up, `attacks` what is tried, `world` what is looked at. otter is
measured where its command is found (`COURSE_OTTER` names it; an environment of its own will do, with torch in it).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Row = dict[str, Any]
FINE = "✓"
WORKERS = 3


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure, and say what was left out.

    Args:
        json_file: where to write the rows; `-` prints them instead of the table.
        plot: where to write a plot, a PNG file.
        repeats: not used: what comes of a submission comes of it the first time.
        only: what the attacks that are tried have in their names; honest work is always graded first.

    Raises:
        BenchError: none has, or see `measure`.
    """
    from rich.console import Console

    from course.bench import chosen
    from course.bench.hostile.attacks import ATTACKS, LEFT_OUT
    from course.files import write_rows

    honest, *others = ATTACKS
    attacks = [honest, *chosen(others, only, lambda attack: attack.name)]
    alone = json_file is not None and str(json_file) == "-"
    console = Console(stderr=alone)

    def say(text: str) -> None:
        console.print(text, style="dim", soft_wrap=True, markup=False)

    def keep(rows: list[Row]) -> None:
        if json_file and not alone:
            write_rows(rows, json_file)

    with tempfile.TemporaryDirectory(prefix="cv-bench-") as home:
        rows = measure(Path(home), attacks, say, keep)
    if json_file:
        write_rows(rows, json_file)
    if plot:
        _plot(rows, plot)
    if not alone:
        console.print(_table(rows))
        console.print(sentence(rows), soft_wrap=True)
        console.print(f"Not tried: {', '.join(LEFT_OUT)}.", soft_wrap=True)


def measure(
    home: Path,
    attacks: Sequence[Any],
    say: Callable[[str], object] = lambda _: None,
    keep: Callable[[list[Row]], object] = lambda _: None,
) -> list[Row]:
    """A row for each attack and grader; `keep` gets those that are there, again and again.

    Raises:
        BenchError: a grader cannot be set up, does not grade honest work right, or cannot be shut in.
    """
    from course.bench import BenchError
    from course.bench.hostile import graders

    say("setting up the classes")
    known = [graders.ours(home / "ours"), graders.stock(home / "stock")]
    command = graders.find_otter()
    if command:
        known.append(graders.otter(home / "otter", command, known[1]))
    else:
        say(f"otter is not here: `pip install otter-grader torch` elsewhere, and let {graders.OTTER} be its path")
    rows = []
    # Several at a time: much of it is waiting for what never ends.
    with ThreadPoolExecutor(WORKERS) as pool:
        pairs = [(attack, grader) for attack in attacks for grader in known]
        seen = pool.map(lambda pair: graders.trial(pair[1], pair[0]), pairs)
        for (attack, grader), what in zip(pairs, seen, strict=True):
            row = judged(attack, grader.name, graders.grader_points(grader), what)
            say(f"{row['attack']}, {row['grader']}: {row['result']} ({row['seconds']:.0f} s)")
            if attack.name == "honest" and row["result"] != FINE:
                pool.shutdown(cancel_futures=True)
                raise BenchError(f"{grader.name} does not grade honest work: {row['result']}. {row['words']}")
            rows.append(row)
            keep(rows)
    return rows


def judged(attack: Any, grader: str, full: float, seen: Row) -> Row:
    """What was seen, and what was wrong with it, in words."""
    deserved = full if attack.honest else 0.0
    points = seen.get("points", {})
    earned, neighbour = points.get("attacker"), points.get("neighbour")
    wrong = []
    if not seen["ended"]:
        wrong.append("never ended")
    if earned is None:
        wrong.append("no score")
    elif earned != deserved:
        wrong.append(f"{earned:g} point{'' if earned == 1 else 's'} for {deserved:g}")
    if attack.neighbour and neighbour != full:
        wrong.append("neighbour: " + ("no score" if neighbour is None else f"{neighbour:g} of {full:g}"))
    if read := seen.get("read"):
        wrong.append(f"read {', '.join(read)}")
    if changed := [name.split("/")[0] for name in seen.get("changed", ())]:
        wrong.append("changed " + ", ".join({"home": "home", "class": "neighbour's work"}[n] for n in changed))
    wrong += [
        words
        for key, words in (("knocked", "connected"), ("left_running", "left a process"), ("dropped", "wrote outside"))
        if seen.get(key)
    ]
    if seen.get("page") == "runs scripts":
        wrong.append("its page runs scripts")
    words = seen.get("words") or _last_words(seen.get("said", ""))
    return {
        "attack": attack.name,
        "about": attack.about,
        "grader": grader,
        "result": "; ".join(wrong) or FINE,
        "earned": earned,
        "deserved": deserved,
        "neighbour": neighbour,
        "ended": seen["ended"],
        "page": seen.get("page", "none"),
        "flagged_by_review": seen.get("flagged"),
        "seconds": seen["seconds"],
        "words": words if earned != full else "",
    }


def _last_words(said: str) -> str:
    """The line of a log that says what went wrong, if one does."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", said)
    lines = [s.strip() for s in plain.splitlines() if re.match(r"\s*[\w.]*(Error|Exception|Died|died)\b", s)]
    return lines[-1][:300] if lines else ""


def sentence(rows: Sequence[Row]) -> str:
    """The result in words."""
    tried = [row for row in rows if row["attack"] != "honest"]
    parts = []
    for grader in dict.fromkeys(row["grader"] for row in rows):
        own = [row for row in tried if row["grader"] == grader]
        paid = sum((row["earned"] or 0) > row["deserved"] for row in own)
        fine = sum(row["result"] == FINE for row in own)
        seconds = sum(row["seconds"] for row in own)
        parts.append(
            f"{grader}: {fine} of {len(own)} as they should be, {paid} with points that nobody earned, {seconds:.0f} s"
        )
    return "; ".join(parts) + "."


def page(rows: Sequence[Row]) -> str:
    """The table for people who read Markdown."""
    names = list(dict.fromkeys(row["grader"] for row in rows))
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for attack, about in dict.fromkeys((row["attack"], row["about"]) for row in rows):
        cells = [row["result"] for name in names for row in rows if (row["attack"], row["grader"]) == (attack, name)]
        lines.append(f"| {about} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Row]) -> Any:
    from rich.table import Table

    table = Table(title="What comes of hostile and broken submissions", title_justify="left", header_style="bold")
    names = list(dict.fromkeys(row["grader"] for row in rows))
    for name in ("", *names):
        table.add_column(name, overflow="fold")
    for attack, about in dict.fromkeys((row["attack"], row["about"]) for row in rows):
        found = {row["grader"]: row for row in rows if row["attack"] == attack}
        table.add_row(about, *(f"{found[n]['result']} [dim]{found[n]['seconds']:.0f} s[/dim]" for n in names))
    return table


def _plot(rows: Sequence[Row], path: Path) -> None:
    from matplotlib.figure import Figure

    from course.files import write_picture

    tried = [row for row in rows if row["attack"] != "honest"]
    names = list(dict.fromkeys(row["grader"] for row in tried))
    kinds = (
        ("as it should be", "#0072B2", lambda row: row["result"] == FINE),
        ("points that nobody earned", "#D55E00", lambda row: (row["earned"] or 0) > row["deserved"]),
        ("anything else", "#BBBBBB", lambda row: True),
    )
    figure = Figure(figsize=(7, 0.6 * len(names) + 1.6), layout="constrained")
    axes = figure.subplots()
    for i, name in enumerate(names):
        left, own = 0, [row for row in tried if row["grader"] == name]
        for label, colour, belongs in kinds:
            part = [row for row in own if belongs(row)]
            own = [row for row in own if row not in part]
            bars = axes.barh(name, len(part), left=left, color=colour, label=label if i == 0 else None)
            axes.bar_label(
                bars,
                [str(len(part)) if part else ""],
                label_type="center",
                color="black" if colour == "#BBBBBB" else "white",
            )
            left += len(part)
    axes.set(title="What comes of hostile and broken submissions", xlabel="submissions")
    axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=3, frameon=False)
    write_picture(figure, path, axes.get_title(), sentence(rows))
