"""Keeps a student's function away from the real streams, warnings and logs."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator

PRINT_LIMIT = 4_000


@contextlib.contextmanager
def quiet(out: Listener) -> Iterator[list[warnings.WarningMessage]]:
    """What is printed, logged or warned inside goes to `out` or into the list; nothing reaches the real streams.

    nbgrader gives no points to a cell with anything on stderr, so not even a destructor may complain there.
    """
    hook, disabled, handlers = sys.unraisablehook, logging.root.manager.disable, logging.root.handlers[:]
    sys.unraisablehook = lambda _: None
    logging.root.handlers = [logging.StreamHandler(out)]
    held = [(h, h.stream) for h in _stream_handlers()]  # made earlier, they hold the real streams
    for handler, _ in held:
        handler.stream = out
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("default")
            yield caught
    finally:
        sys.unraisablehook = hook
        logging.root.handlers = handlers
        for handler, stream in held:
            handler.stream = stream
        if logging.root.manager.disable != disabled:  # to set it means to walk through all loggers
            logging.disable(disabled)


def _stream_handlers() -> list[logging.StreamHandler]:
    # There are hundreds of loggers, few with handlers, and this is asked twice for each call of a function.
    loggers = list(logging.root.manager.loggerDict.values())
    found = [handlers for one in loggers if (handlers := one.__dict__.get("handlers"))]
    return [h for handlers in found for h in handlers if type(h) is logging.StreamHandler]


class Listener(io.TextIOBase):
    """A stream that keeps the first characters written to it and cannot be closed."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = PRINT_LIMIT

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        if self._room > 0:
            self._parts.append(str(text)[: self._room])
            self._room -= len(self._parts[-1])
        return len(text)

    def text(self) -> str:
        """What was kept."""
        return "".join(self._parts)

    def writable(self) -> bool:
        """Always."""
        return True

    def seek(self, *_: int) -> int:
        """Do nothing, so that what was kept stays bounded."""
        return 0

    def close(self) -> None:
        """Stay open: it is the harness that ends it."""
