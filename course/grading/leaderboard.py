"""A leaderboard of a challenge: from what grading left behind, or from a file of results, to files one can publish."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.files import write

ADJECTIVES = ("amber", "brave", "calm", "crisp", "early", "gentle", "golden", "happy", "lucky", "mellow", "merry",
              "quick", "quiet", "ripe", "rosy", "silver", "sunny", "sweet", "wild")  # fmt: skip
FRUITS = ("apple", "apricot", "banana", "cherry", "fig", "grape", "guava", "kiwi", "lemon", "lime", "mango", "melon",
          "orange", "papaya", "peach", "pear", "plum", "quince")  # fmt: skip
MARKDOWN, CSV, JSON = "leaderboard.md", "leaderboard.csv", "leaderboard.json"


class LeaderboardError(Exception):
    """There is nothing to make a leaderboard of; the message says what to do."""


@dataclass(frozen=True)
class Result:
    """What one student reached in a challenge: share of right answers (None: not measured), and points."""

    student: str
    score: float | None
    points: float


@dataclass(frozen=True)
class Line:
    """One line of a leaderboard. Who has the same score, to a tenth of a percent, has the same rank."""

    rank: int
    name: str
    score: float
    points: float

    def row(self) -> dict[str, Any]:
        """Plain fields."""
        return {"rank": self.rank, "name": self.name, "score": self.score, "points": self.points}


# ------------------------------------------------------------------------------------------------ collect


def collect(source: Path | str, challenge: str = "recipe.best_recipe", assignment: str | None = None) -> list[Result]:
    """Everybody's best result in a challenge.

    Args:
        source: a class folder, in which grading left `outcomes/<assignment>/*.json`; or a JSON file, a list of results
            `{"student": "ada", "score": 0.91, "points": 8}`, "points" optional.
        challenge: its name; for a class folder.
        assignment: only this one of the class folder's; needed if several have the challenge.

    Raises:
        LeaderboardError: nothing there, or not what it should be; with file and place.
    """
    path = Path(source)
    if path.is_dir():
        found = _from_class(path, challenge, assignment)
    elif path.is_file():
        found = _from_file(path)
    else:
        raise LeaderboardError(f"{path} is neither a class folder nor a file of results")
    if not found:
        raise LeaderboardError(f"{path} has no results of {challenge}: grade the assignment first")
    best: dict[str, Result] = {}
    for result in found:
        known = best.get(result.student)
        if known is None or (result.score or 0) > (known.score or 0):
            best[result.student] = result
    return list(best.values())


def _from_class(folder: Path, challenge: str, assignment: str | None) -> list[Result]:
    home = folder / "outcomes"
    graded = sorted(p for p in home.glob("*") if p.is_dir())
    if not graded:
        raise LeaderboardError(f"{folder} holds no graded submissions: there is no {home.name}/<assignment> in it")
    if assignment is not None:
        graded = [p for p in graded if p.name == assignment]
        if not graded:
            there = ", ".join(p.name for p in sorted(home.iterdir()) if p.is_dir())
            raise LeaderboardError(f"no assignment {assignment!r} in {home}; there is {there}")
    found = {p.name: [r for f in sorted(p.glob("*.json")) for r in _from_outcome(f, challenge)] for p in graded}
    having = [name for name, results in found.items() if results]
    if len(having) > 1:
        raise LeaderboardError(f"{challenge} is in {' and '.join(having)}: say which one, with --assignment")
    return found[having[0]] if having else []


def _from_outcome(path: Path, challenge: str) -> list[Result]:
    fields = _read(path)
    if not isinstance(fields, dict) or not isinstance(fields.get("findings"), list):
        raise LeaderboardError(f"{path} is no outcome of grading: it has no findings")
    about = [f for f in fields["findings"] if isinstance(f, dict) and f.get("exercise") == challenge]
    return [_result({**f, "student": fields.get("student")}, str(path)) for f in about]


def _from_file(path: Path) -> list[Result]:
    rows = _read(path)
    if not isinstance(rows, list):
        raise LeaderboardError(f'{path} must hold a list of results, [{{"student": "ada", "score": 0.91}}, …]')
    return [_result(row, f"{path}, result {i}") for i, row in enumerate(rows, 1)]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LeaderboardError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LeaderboardError(f"{path} is not JSON: {error}") from error


def _result(row: Any, where: str) -> Result:
    if not isinstance(row, dict):
        raise LeaderboardError(f"{where}: a result has fields, student and score; this is a {type(row).__name__}")
    student, score, points = row.get("student"), row.get("score"), row.get("points", 0.0)
    if not isinstance(student, str) or not student.strip():
        raise LeaderboardError(f"{where}: the student's name is missing")
    if score is not None and not (type(score) in (int, float) and 0 <= score <= 1):
        raise LeaderboardError(f"{where}: the score of {student} must be a share between 0 and 1, not {score!r}")
    if not (type(points) in (int, float) and 0 <= points < float("inf")):
        raise LeaderboardError(f"{where}: the points of {student} must be a number ≥ 0, not {points!r}")
    return Result(student, None if score is None else float(score), float(points))


# ------------------------------------------------------------------------------------------------- rank


def rank(results: Iterable[Result], names: Mapping[str, str] | None = None) -> list[Line]:
    """Best first; who has no score is left out.

    Args:
        results: one per student.
        names: what each student is called; as they are unless given.
    """
    shown = [
        (round(r.score, 3), names[r.student] if names else r.student, r.points) for r in results if r.score is not None
    ]
    shown.sort(key=lambda line: (-line[0], line[1]))
    scores = [score for score, _, _ in shown]
    return [Line(scores.index(score) + 1, name, score, points) for score, name, points in shown]


def pseudonyms(students: Iterable[str], memory: Path) -> dict[str, str]:
    """A name such as `quiet-mango` for each student, drawn at random, the same ones next time.

    Args:
        students: everybody.
        memory: a private JSON file, student → pseudonym: read, completed, and written for you alone (mode 600). Tell
            each student theirs; never publish it.

    Raises:
        LeaderboardError: the file is there and is something else.
    """
    known = _read(memory) if memory.exists() else {}
    if not isinstance(known, dict) or not all(isinstance(v, str) for v in known.values()):
        raise LeaderboardError(f"{memory} is no list of pseudonyms: move it away")
    if len(set(known.values())) < len(known):
        raise LeaderboardError(f"{memory} gives two students the same pseudonym: mend or remove it")
    new = sorted(set(students) - set(known))
    if new:
        free = sorted({f"{a}-{f}" for a in ADJECTIVES for f in FRUITS} - set(known.values()))
        free += [f"{name}-{i}" for i in range(2, 2 + len(new) // len(ADJECTIVES)) for name in free]
        draw = secrets.SystemRandom()
        known |= dict(zip(new, draw.sample(free, len(new)), strict=True))
        # made with mode 600 before anything is in it
        memory.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(memory, os.O_CREAT | os.O_WRONLY, 0o600))
        memory.chmod(0o600)
        memory.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return known


# ------------------------------------------------------------------------------------------------ publish


def publish(lines: Sequence[Line], folder: Path, title: str = "Leaderboard") -> list[Path]:
    """Write the leaderboard as Markdown, CSV and JSON; the files' paths."""
    table = io.StringIO()
    writer = csv.DictWriter(table, ["rank", "name", "score", "points"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**line.row(), "name": _cell(line.name)} for line in lines)
    texts = {
        MARKDOWN: markdown(lines, title),
        CSV: table.getvalue(),
        JSON: json.dumps([line.row() for line in lines], indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        write(folder / name, text)
    return [folder / name for name in texts]


def markdown(lines: Sequence[Line], title: str = "Leaderboard") -> str:
    """The leaderboard as a Markdown table."""
    rows = [f"| {line.rank} | {_escaped(line.name)} | {100 * line.score:.1f} % | {line.points:g} |" for line in lines]
    head = [f"# {title}", "", "| Rank | Name | Right on new pictures | Points |", "|--:|:--|--:|--:|"]
    return "\n".join([*head, *rows, ""])


def _escaped(name: str) -> str:
    """Markdown's and HTML's own signs, and line ends, mean nothing in a name."""
    flat = " ".join(name.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{c}" if c in "\\`*_[]|#!" else c for c in flat)


def _cell(name: str) -> str:
    """Spreadsheets run what begins with one of these."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
