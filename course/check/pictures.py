"""Where the data are pictures, a report shows them: what went in, what was expected, what came, and where it is off.

Each picture becomes one PNG in an `<img>` with alternative text; nothing else survives every notebook viewer. Pixels
stay visible as squares. Colours: grey for 0 … 1; where numbers go beyond, blue below zero, black zero, orange above.
"""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course.check.judge import Verdict

Tile = tuple[str, Any, float | None]  # its name, what it shows, and what counts as white (None: of its own)
_SIDE = 150  # pixels of a picture's longer side on the page
_LARGEST = 512  # pixels along a side; larger pictures are not shown
_BELOW, _ABOVE, _OFF = (np.array(c) / 255 for c in ((86, 180, 233), (230, 159, 0), (213, 94, 0)))


def pictures(v: Verdict) -> str:
    """HTML: a row of pictures for the failing case, empty if the exercise has none to show."""
    if v.problem is None or v.case is None or not v.exercise.pictures:
        return ""
    named = zip(v.exercise.arguments, v.case.inputs, strict=True)
    tiles = [tile for name, value in named if name in v.exercise.pictures for tile in _inputs(name, value)]
    if "answer" in v.exercise.pictures:
        tiles += _answers(v.problem.expected, v.problem.got, v.exercise.atol + v.exercise.rtol)
    drawn = "".join(_tile(name, value, scale) for name, value, scale in tiles if _is_picture(value))
    return f'<div style="display:flex;flex-wrap:wrap;gap:.4em 1em;margin:.4em 0">{drawn}</div>' if drawn else ""


def _inputs(name: str, value: Any) -> list[Tile]:
    """One picture, or the first few of a stack (N, H, W)."""
    if isinstance(value, Tensor) and value.ndim == 3 and 3 not in (value.shape[0], value.shape[2]):
        return [(f"{name}[{i}]", value[i], None) for i in range(min(6, len(value)))]
    return [(name, value, None)]


def _answers(expected: Any, got: Any, tolerance: float) -> list[Tile]:
    """Expected and got on one scale of colours, and where they part, if their shapes allow to say so."""
    if not _is_picture(expected) or (expected.numel() <= 12 and not _is_picture(got)):  # its numbers say it all
        return []
    scale = _scale(expected)
    tiles: list[Tile] = [("expected", expected, scale), ("yours", got, scale)]
    if isinstance(got, Tensor) and got.shape == expected.shape:
        off = (got.double() - expected.double()).abs() > tolerance * max(1.0, scale)
        off |= got.isnan() != expected.isnan()
        tiles.append(("off", off, None))
    return tiles


def _is_picture(value: Any) -> bool:
    return isinstance(value, Tensor) and 0 < value.numel() <= 3 * _LARGEST**2 and _layout(value) is not None


def _layout(value: Tensor) -> Tensor | None:
    """As (H, W) or (H, W, 3); None for what cannot be shown."""
    if value.ndim == 3 and value.shape[0] in (1, 3) and value.shape[2] not in (1, 3):
        value = value.movedim(0, 2)
    if value.ndim == 3 and value.shape[2] == 1:
        value = value[..., 0]
    fits = value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 3)
    return value if fits and max(value.shape[:2]) <= _LARGEST and min(value.shape[:2]) >= 2 else None


def _scale(value: Tensor) -> float:
    """What is shown as white: 255 for bytes, 1 for pictures in [0, 1], the largest magnitude otherwise."""
    if value.dtype == torch.uint8:
        return 255.0
    finite = value.double().nan_to_num(0, 0, 0).abs()
    return max(1.0, finite.max().item()) if value.numel() else 1.0


def _tile(name: str, value: Tensor, scale: float | None) -> str:
    pixels = _paint(value, _scale(value) if scale is None else scale)
    zoom = max(1, _SIDE // max(pixels.shape[:2]))
    image = np.kron(pixels, np.ones((zoom, zoom, 1), np.uint8))
    words = _describe(name, value)
    data = base64.b64encode(_png(image)).decode()
    style = "image-rendering:pixelated;border:1px solid #8888;max-width:100%"
    return (
        f'<figure style="margin:0"><figcaption style="font-size:90%;opacity:.8">{html.escape(name)}</figcaption>'
        f'<img alt="{html.escape(words)}" style="{style}" src="data:image/png;base64,{data}"></figure>'
    )


def _describe(name: str, value: Tensor) -> str:
    shape = " by ".join(map(str, value.shape))
    if value.dtype == torch.bool:
        return f"where yours is off: {int(value.sum())} of {value.numel()} numbers, marked orange"
    low, high = value.double().min().item(), value.double().max().item()
    return f"picture of {name}, {shape}, from {low:.3g} to {high:.3g}"


def _paint(value: Tensor, scale: float) -> np.ndarray:
    """Numbers as bytes (H, W, 3)."""
    laid = _layout(value)
    assert laid is not None  # `_is_picture` was asked before
    if laid.dtype == torch.bool:
        mask = laid.numpy() if laid.ndim == 2 else laid.any(2).numpy()
        colours = np.where(mask[..., None], _OFF, 0.9)
    else:
        share = np.nan_to_num(laid.double().numpy() / scale, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1, 1)
        if share.ndim == 3:
            colours = share.clip(0, 1)
        elif scale == 255 or (share.min() >= 0 and scale == 1):
            colours = np.repeat(share[..., None], 3, 2)
        else:
            colours = np.where(share[..., None] < 0, -share[..., None] * _BELOW, share[..., None] * _ABOVE)
    return (colours * 255 + 0.5).astype(np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
