"""Drawing in SVG, as text: figures made of panels, a frame with axes, lines, pictures.

Colours are the names in `INKS`, used as `var(--ink)`: the style sheet gives them a value for light and for
dark pages, and a still gets the ones for paper. Nothing here uses an SVG id: ids collide between the widgets of a page.
"""

from __future__ import annotations

import base64
import html
import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# On paper; `shell.css` says what they are on a dark page. cool and accent are Okabe–Ito's blue and vermillion,
# leaf and rose a darker green and pink of theirs.
INKS = {"ink": "#222222", "quiet": "#666666", "paper": "#ffffff", "cool": "#0072b2", "accent": "#d55e00"}
INKS |= {"leaf": "#007a5a", "rose": "#b0578d"}
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
FAR = 4000.0  # pixels: where a line may leave to, since browsers draw nothing at all for 1e300


def tag(name: str, *children: str, **attributes: object) -> str:
    """One SVG element; `stroke_width=2` becomes `stroke-width="2"`, values are escaped, children are not."""
    words = "".join(f' {k.replace("_", "-")}="{html.escape(str(v))}"' for k, v in attributes.items() if v is not None)
    return f"<{name}{words}>{''.join(children)}</{name}>" if children else f"<{name}{words}/>"


def text(x: float, y: float, words: str, anchor: str = "start", fill: str = "var(--ink)", **more: Any) -> str:
    """Words at (x, y), the baseline's start, middle or end."""
    return tag("text", html.escape(words), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, fill=fill, **more)


def halo(x: float, y: float, words: str, anchor: str = "start", **more: Any) -> str:
    """Words that stay legible on top of lines: the same as `text`, with an edge of paper."""
    edge: dict[str, Any] = {"stroke": "var(--paper)", "stroke_width": 3.5, "stroke_opacity": 0.8}
    return text(x, y, words, anchor, paint_order="stroke", stroke_linejoin="round", **edge, **more)


def paragraph(
    x: float, y: float, words: str, width: float, size: float = 12.5, leading: float = 1.4, **more: Any
) -> tuple[str, float]:
    """Words broken into lines that fit a width, and the y at which the next line would stand.

    SVG does not break lines. How wide a letter is depends on the reader's font: this reckons with a wide one.
    """
    lines = textwrap.wrap(words, max(1, int(width / (0.56 * size))), break_long_words=False)
    step = leading * size
    drawn = "".join(text(x, y + i * step, line, font_size=f"{size:g}", **more) for i, line in enumerate(lines))
    return drawn, y + len(lines) * step


def arrow(x: float, y: float, length: float, **more: Any) -> str:
    """A small arrow to the right, from (x, y)."""
    style = {"fill": "none", "stroke": "var(--quiet)", "stroke_width": 1.3, "stroke_linejoin": "round", **more}
    return tag("path", d=f"M{x:.1f} {y:.1f}h{length:.1f}m-4 -3.5l4 3.5l-4 3.5", **style)


def crosshair(x: float, y: float, half: float, arm: float = 9.0) -> str:
    """A square around (x, y) with an arm to each side: a light line on a dark one, so that it shows on any picture."""
    box = f"M{x - half:.1f} {y - half:.1f}h{2 * half:.1f}v{2 * half:.1f}h{-2 * half:.1f}z"
    arms = "".join(
        f"M{x + dx * half:.1f} {y + dy * half:.1f}l{dx * arm:.1f} {dy * arm:.1f}"
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
    lines = (("#000000", 4.0), ("#ffffff", 2.0))
    return "".join(tag("path", d=box + arms, fill="none", stroke=c, stroke_width=w) for c, w in lines)


def number(value: float, digits: int = 3) -> str:
    """A number for readers: three digits, a real minus sign, powers of ten written 2·10⁻⁵."""
    mantissa, _, power = f"{value:.{digits}g}".partition("e")
    if not power:
        return mantissa.replace("-", "−")
    ten = "10" + str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return ten if mantissa == "1" else f"{mantissa}·{ten}".replace("-", "−")


def counted(n: int, what: str) -> str:
    """1 step, 2 steps."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def power_of_ten(exponent: int) -> str:
    """10², 10⁻⁴; 1 for the exponent 0."""
    return "1" if exponent == 0 else "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def polyline(points: ArrayLike) -> str:
    """The `d` of a path through points of shape (N, 2), in pixels."""
    # Steps between rounded points: shorter than the points, and rounding does not add up. One format for all, since
    # curves have hundreds of points, and each picture is drawn while somebody waits.
    tenths = np.rint(10 * np.asarray(points, dtype=float)).astype(int).reshape(-1, 2)
    steps = np.diff(tenths, axis=0, prepend=0) / 10
    return ("M%g %g" + ("l" + " %g %g" * (len(steps) - 1) if len(steps) > 1 else "")) % tuple(steps.ravel().tolist())


def dots(points: ArrayLike) -> str:
    """The `d` of a path that makes a dot at each of the points (N, 2), in pixels, if its line has round ends."""
    tenths = np.rint(10 * np.asarray(points, dtype=float)).astype(int).reshape(-1, 2)
    return "m%g %gh0" * len(tenths) % tuple((np.diff(tenths, axis=0, prepend=0) / 10).ravel().tolist())


def thinned(ring: np.ndarray, degrees: float = 6.0, length: float = 40.0) -> np.ndarray:
    """A line through points (N, 2), in pixels, with fewer of them: one after each turn by so much, and each length.

    An arc is then drawn less than a third of a pixel off: by R · (1 − cos(degrees / 2)), or by length² / 8R.
    """
    along = np.diff(ring, axis=0)
    turn = np.floor(np.unwrap(np.arctan2(along[:, 1], along[:, 0])) / np.radians(degrees))
    far = np.floor(np.hypot(*along.T).cumsum() / length)
    return ring[[0, *np.flatnonzero((np.diff(turn) != 0) | (np.diff(far) > 0)) + 1, -1]]


def pixels(image: ArrayLike, x: float, y: float, width: float, height: float) -> str:
    """A small picture as an embedded PNG, its pixels visible as squares.

    Args:
        image: values in [0, 1], shape (2, H, W): grey, and how opaque it is.
        x: left edge, in pixels of the panel.
        y: upper edge.
        width: size in the panel.
        height: size in the panel.
    """
    from PIL import Image

    values = (np.asarray(image, dtype=np.float32).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values.transpose(1, 2, 0)), "LA").save(buffer, "PNG")
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    box = {"x": x, "y": y, "width": width, "height": height, "preserveAspectRatio": "none"}
    return tag("image", **box, href=data, style="image-rendering:pixelated")


def photo(image: ArrayLike, x: float, y: float, width: float, height: float, quality: int = 85) -> str:
    """A picture as an embedded JPEG.

    Args:
        image: values in [0, 1], shape (C, H, W) with C = 1 or 3, the course's convention.
        x: left edge, in pixels of the panel.
        y: upper edge.
        width: size in the panel; the picture itself keeps its H×W pixels.
        height: size in the panel.
        quality: of the JPEG, 1 … 95.

    Raises:
        ValueError: the shape is another one.
    """
    from PIL import Image

    array = np.asarray(image, dtype=np.float32)
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise ValueError(f"need an image of shape (1 or 3, H, W), got {array.shape}")
    pixels = (np.nan_to_num(array).clip(0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(buffer, "JPEG", quality=quality)
    data = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return tag("image", x=x, y=y, width=width, height=height, href=data)


@dataclass(frozen=True)
class Frame:
    """A plotting area: a rectangle of pixels over a range of data; `log` makes the vertical axis logarithmic."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    log: bool = False

    def at(self, points: ArrayLike) -> np.ndarray:
        """Data (N, 2) → pixels (N, 2); what is infinite, or not a number, ends far outside."""
        x, y = np.asarray(points, dtype=float).reshape(-1, 2).T
        lo, hi = self.y
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging path is no reason to warn
            if self.log:
                y, lo, hi = np.log10(np.maximum(y, 1e-300)), np.log10(lo), np.log10(hi)
            u = (x - self.x[0]) / (self.x[1] - self.x[0])
            v = (hi - y) / (hi - lo)
            pixels = np.stack([self.left + u * self.width, self.top + v * self.height], axis=1)
        return np.nan_to_num(pixels, nan=FAR, posinf=FAR, neginf=-FAR).clip(-FAR, FAR)

    def line(self, points: ArrayLike, **style: object) -> str:
        """A line through data points (N, 2)."""
        return tag("path", d=polyline(self.at(points)), **{"fill": "none", "stroke_linejoin": "round", **style})

    def clip(self, *children: str, margin: float = 0.0) -> str:
        """The children, cut off at the frame's edge (a nested svg, since clip-path needs an id)."""
        x, y, w, h = self.left, self.top - margin, self.width + margin, self.height + 2 * margin
        box = {"viewBox": f"{x:g} {y:g} {w:g} {h:g}", "preserveAspectRatio": "none", "overflow": "hidden"}
        return tag("svg", *children, x=f"{x:g}", y=f"{y:g}", width=f"{w:g}", height=f"{h:g}", **box)

    def edge(self) -> str:
        """A thin line around the frame."""
        box = {"x": self.left, "y": self.top, "width": self.width, "height": self.height}
        return tag("rect", fill="none", stroke="var(--ink)", stroke_opacity=0.3, **box)

    def x_ticks(self, ticks: Iterable[tuple[float, str]], label: str = "") -> str:
        """Numbers below the frame, and what they count in the middle between them."""
        bottom = self.top + self.height
        marks = ""
        for value, words in ticks:
            x = self.at([[value, self.y[0]]])[0, 0]
            marks += tag("path", d=f"M{x:.1f} {bottom:g}v4", stroke="var(--ink)", stroke_opacity=0.3)
            marks += text(x, bottom + 17, words, "middle", "var(--quiet)")
        return marks + text(self.left + self.width / 2, bottom + 32, label, "middle")

    def y_ticks(self, ticks: Iterable[tuple[float, str]], label: str = "", grid: bool = False, **more: Any) -> str:
        """Numbers on the left of the frame, in the style `more`; `grid` draws a faint line through each."""
        marks = ""
        for value, words in ticks:
            y = self.at([[self.x[0], value]])[0, 1]
            d = f"M{self.left:g} {y:.1f}" + (f"h{self.width:g}" if grid else "h-4")
            marks += tag("path", d=d, stroke="var(--ink)", stroke_opacity=0.12 if grid else 0.3)
            marks += text(self.left - 8, y + 4, words, "end", "var(--quiet)", **more)
        return marks + text(self.left - 30, self.top + self.height / 2 + 4, label, "middle")


@dataclass(frozen=True)
class Panel:
    """One drawing of a figure: `back` changes rarely and is sent rarely, `front` is what moves."""

    width: int
    height: int
    back: str
    front: str


@dataclass(frozen=True)
class Figure:
    """What a widget shows: panels side by side, and the same in words."""

    panels: tuple[Panel, ...]
    caption: str

    def svg(self) -> str:
        """One self-contained SVG file on paper: no style sheet, no script, no link."""
        gap, x, drawings = 12, 0, []
        for panel in self.panels:
            size = {"width": panel.width, "height": panel.height, "overflow": "hidden"}
            drawings.append(tag("svg", panel.back, panel.front or " ", x=x, y=0, **size))
            x += panel.width + gap
        width, height = x - gap, max(panel.height for panel in self.panels)
        content = _on_paper(drawings, width, height)
        return re.sub(r"var\(--(\w+)\)", lambda name: INKS[name[1]], content)

    def still(self) -> str:
        """The figure as an `<img>` with the caption as its alternative text: shown wherever no widget can run."""
        if not self.panels:
            return f"<p>{html.escape(self.caption)}</p>"
        data = base64.b64encode(self.svg().encode()).decode()
        style = "max-width:100%;height:auto;border-radius:4px"
        return f'<img alt="{html.escape(self.caption)}" style="{style}" src="data:image/svg+xml;base64,{data}">'


def _on_paper(drawings: Sequence[str], width: float, height: float) -> str:
    paper = tag("rect", width=width, height=height, fill=INKS["paper"])
    size = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    space = {"xmlns": "http://www.w3.org/2000/svg", "font_family": FONT, "font_size": 12}
    return tag("svg", paper, *drawings, **space, **size)
