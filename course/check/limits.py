"""A time limit that holds against code which loops for ever, and even against code that swallows the alarm."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

IMPORT_SECONDS = 60.0
PATIENCE = 10
RAPID = 2e-5


class TimeLimit(BaseException):
    """Raised inside code whose time is up; no `except Exception` catches it."""


def call_within(seconds: float, action: Callable[[], Any]) -> tuple[bool, Any]:
    """`(True, action())`, or `(False, None)` if it took longer; exceptions of the action pass through.

    On the main thread an alarm signal interrupts it. Elsewhere it runs in a thread of its own, which is asked to
    stop and, if it will not, left behind. An import in progress is waited for: half a module is worse than a late
    alarm, and torch loads parts of itself on first use; the time that took is given back, once.
    """
    main = threading.current_thread() is threading.main_thread()
    return (_by_signal if main and hasattr(signal, "setitimer") else _by_thread)(seconds, action)


def _by_signal(seconds: float, action: Callable[[], Any]) -> tuple[bool, Any]:
    started, fired = time.monotonic(), 0
    imports = 0  # 1: one is waited for; 2: its time was given back

    def stop(_: int, frame: FrameType | None) -> None:
        nonlocal fired, imports
        early = time.monotonic() - started < IMPORT_SECONDS
        if frame is None or frame.f_code.co_filename == __file__:
            return
        if early and _importing(frame):
            imports = imports or 1
            return
        if imports == 1:
            imports = 2
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
            return
        fired += 1
        if fired == PATIENCE:
            # A bare `except:` inside a loop swallows alarms; so many will also strike outside of it.
            signal.setitimer(signal.ITIMER_REAL, RAPID, RAPID)
        raise TimeLimit

    handler, (left, interval) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
    value = None
    try:
        value = action()
    except BaseException:
        if not fired:
            raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 1e-3), interval)
    return (False, None) if fired else (True, value)


def _by_thread(seconds: float, action: Callable[[], Any]) -> tuple[bool, Any]:
    result: dict[str, Any] = {}

    def work() -> None:
        try:
            result["value"] = action()
        except BaseException as error:
            result["error"] = error

    worker, started = threading.Thread(target=work, daemon=True), time.monotonic()
    worker.start()
    worker.join(seconds)
    if worker.is_alive() and _importing(sys._current_frames().get(worker.ident or 0)):
        while worker.is_alive() and _importing(sys._current_frames().get(worker.ident or 0)):
            worker.join(0.05)
            if time.monotonic() - started > IMPORT_SECONDS:
                break
        worker.join(seconds)
    if not worker.is_alive():
        if "error" in result:
            raise result["error"]
        return True, result["value"]
    for _ in range(PATIENCE):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident or 0), ctypes.py_object(TimeLimit))
        worker.join(0.05)
        if not worker.is_alive():
            break
    return False, None


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
