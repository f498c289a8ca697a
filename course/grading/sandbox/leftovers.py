"""What a cell may leave behind that would strike whatever runs the cells after it."""

from __future__ import annotations

import signal
import sys
from typing import Any

ENOUGH = 500
"""Calls within calls: IPython and a test need about a hundred."""


def put_right(out: Any, error: Any) -> None:
    """Stop timers, lead standard output and error somewhere (to `out`, `error`) again, let functions call functions."""
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    sys.setrecursionlimit(max(ENOUGH, sys.getrecursionlimit()))
    sys.stdout = out if sys.stdout is None else sys.stdout
    sys.stderr = error if sys.stderr is None else sys.stderr
