"""torch's global settings, set aside for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: small tensors are slower on several, and sums keep their order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def neutral(seed: int | None = None) -> Iterator[None]:
    """torch as after its import, on one thread; whatever was set before, or is set inside, is put back afterwards.

    That is: default type and device, gradient mode, inference mode, autocast, deterministic algorithms, anomaly
    detection, and the state of the global generator (seeded with `seed` if one is given).
    """
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    grad, anomaly = torch.is_grad_enabled(), torch.is_anomaly_enabled()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with one_thread(), contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if torch.is_autocast_enabled("cpu"):
            stack.enter_context(torch.autocast("cpu", enabled=False))
        state = torch.default_generator.get_state()
        stack.callback(torch.default_generator.set_state, state)
        stack.callback(_set, dtype, device, grad, anomaly, strict, warn_only)
        _set(torch.float32, torch.device("cpu"), True, False, False, False)
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        yield


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
