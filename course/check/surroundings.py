"""Keeps a student's function and its surroundings apart: settings, streams, warnings, logs."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator

import torch

PRINT_LIMIT = 4_000


@contextlib.contextmanager
def neutral(seed: int | None = None) -> Iterator[None]:
    """torch as after its import; whatever was set before, or is set inside, is put back afterwards.

    That is: default type and device, gradient mode, deterministic algorithms, anomaly detection, and the state of the
    global generator (seeded with `seed` if one is given).
    """
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    grad, anomaly = torch.is_grad_enabled(), torch.is_anomaly_enabled()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    _set(torch.float32, torch.device("cpu"), True, False, False, False)
    try:
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.default_generator.manual_seed(seed)
            yield
            _set(torch.float32, torch.device("cpu"), True, False, False, False)  # fork_rng needs it so to put back
    finally:
        _set(dtype, device, grad, anomaly, strict, warn_only)


def _set(dtype: torch.dtype, device: torch.device, grad: bool, anomaly: bool, strict: bool, warn_only: bool) -> None:
    if torch.get_default_device() != device:
        torch.set_default_device(None if device.type == "cpu" else device)
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
    torch.set_grad_enabled(grad)
    torch.autograd.set_detect_anomaly(anomaly)
    if (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()) != (
        strict,
        warn_only,
    ):
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)


@contextlib.contextmanager
def quiet(out: Listener) -> Iterator[list[warnings.WarningMessage]]:
    """What is printed, logged or warned inside goes to `out` or into the list; nothing reaches the real streams.

    nbgrader gives no points to a cell with anything on stderr, so not even a destructor may complain there.
    """
    hook, disabled, handlers = sys.unraisablehook, logging.root.manager.disable, logging.root.handlers[:]
    sys.unraisablehook = lambda _: None
    # Handlers made earlier hold the real stderr; only those made inside, on the captured one, may speak.
    logging.root.handlers = [logging.StreamHandler(out)]
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
        logging.disable(disabled)


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
