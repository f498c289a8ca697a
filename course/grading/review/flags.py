"""One remark about a submission, for a person to judge."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
LONGEST = 300


@dataclass(frozen=True)
class Flag:
    """What was seen where; it changes no score.

    Attributes:
        student: whose submission.
        severity: high (hardly by accident), medium (look at it), low (often innocent).
        exercise: `section.function` that it is about; empty if it is about the notebook as a whole.
        cell: the cell's place in the notebook, from 1; 0 for a file, or for the submission as a whole.
        line: the line within the cell, from 1; 0 where there is none.
        what: what was seen, a name or a piece of code.
        why: why that is worth a look.
    """

    student: str
    severity: Severity
    exercise: str
    cell: int
    line: int
    what: str
    why: str

    def row(self) -> dict[str, Any]:
        """Plain fields; in all texts only characters that do nothing where they are shown."""
        return {k: safe(v) if isinstance(v, str) else v for k, v in asdict(self).items()}

    @property
    def order(self) -> tuple[Any, ...]:
        """By student, the gravest first, then from top to bottom."""
        return (self.student, SEVERITIES.index(self.severity), self.cell, self.line, self.what)


def safe(text: str, longest: int = LONGEST) -> str:
    r"""A text that is only text: control characters, those that turn the reading direction, and `<>&` are escaped.

    So neither a terminal nor a page obeys a student's name or code: ESC becomes `\x1b`, `<` becomes `\x3c`.
    """
    shown = "".join(c if c.isprintable() and c not in "<>&" else _escape(c) for c in text[: longest + 1])
    return shown if len(text) <= longest else shown[:longest] + "…"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
