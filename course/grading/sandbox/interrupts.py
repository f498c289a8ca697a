"""Interrupts that do not take a bare `except:` for an answer.

SIGINT is what people know: a cell may catch it, ignore it, or have a handler of its own that never ends. Where a cell
has not ended by it, the grader sends `INSIST`, again and again. In a process that listens to it, each is a
KeyboardInterrupt wherever the cell is, and soon they come so fast that they strike outside of its `try` too.
"""

from __future__ import annotations

import signal
from types import CodeType, FrameType

INSIST, EVERY_SECONDS = signal.SIGUSR2, 0.3
PATIENCE, RAPID_SECONDS = 4, 1e-4


class Insistence:
    """The handler of a process; nothing happens unless one of these functions is at work.

    Args:
        within: the code of functions that may be interrupted, with all that they call.
    """

    def __init__(self, *within: CodeType) -> None:
        self._within = frozenset(within)
        self._heard, self._busy = 0, False

    def listen(self) -> None:
        """Be the handler, from now on and whoever was it before."""
        self.rest()
        signal.signal(INSIST, self._hear)

    def rest(self) -> None:
        """The cell has ended."""
        if self._heard >= PATIENCE:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._heard, self._busy = 0, False

    def _hear(self, _: int, frame: FrameType | None) -> None:
        if self._busy:  # with the one before
            return
        self._busy = True
        if not self._concerns(frame):
            self.rest()
            return
        self._heard += 1
        if self._heard == PATIENCE:
            signal.signal(signal.SIGALRM, self._hear)
            signal.setitimer(signal.ITIMER_REAL, RAPID_SECONDS, RAPID_SECONDS)
        self._busy = False
        raise KeyboardInterrupt

    def _concerns(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code in self._within:
                return True
            frame = frame.f_back
        return False
