"""The training loop of all notebooks: `history = fit(model, (x, y), SGD(model.parameters(), 0.1), epochs=5)`.

One step is forward, loss, backward, update (`train_step`); the rest is bookkeeping: which batch comes next, at
which learning rate, when to stop, and what there is to plot afterwards (`History`).
"""

from __future__ import annotations

import base64
import html
import io
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course.descent import cross_entropy, iterate_batches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Batches = Iterable[tuple[Tensor, Tensor]]
LossFunction = Callable[[Tensor, Tensor], Tensor]
Callback = Callable[["History"], Any]
USED_UP = "the batches are used up after one epoch: give a list or a DataLoader, not an iterator"

# ------------------------------------------------------------------------------------------------ the loop


def train_step(
    model: nn.Module, x: Tensor, y: Tensor, optimizer: torch.optim.Optimizer, loss: LossFunction = cross_entropy
) -> float:
    """One step on one batch; returns the loss before it. If that is not finite, the model is left as it was."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    number = value.item()
    if math.isfinite(number):
        value.backward()
        optimizer.step()
    return number


def fit(
    model: nn.Module,
    data: tuple[Tensor, Tensor] | Batches,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int = 32,
    schedule: Callable[[int], float] | None = None,
    loss: LossFunction = cross_entropy,
    validation: tuple[Tensor, Tensor] | None = None,
    after_step: Sequence[Callback] = (),
    after_epoch: Sequence[Callback] = (),
    generator: torch.Generator | None = None,
    progress: bool = True,
    divergence: Literal["raise", "record"] = "raise",
) -> History:
    """Train a model, in place, and return what happened.

    Args:
        model: maps a batch x to the first argument of `loss`. Batches are moved to where its parameters live.
        data: tensors (x, y), shuffled into mini-batches anew each epoch; or an iterable of batches (x, y), such as
            a list or a DataLoader, gone through once per epoch.
        optimizer: holds the model's parameters and their learning rates.
        epochs: passes over the data.
        steps: updates; with both given, whichever ends first.
        batch_size: B, for tensors.
        schedule: η(t) relative to the optimizer's own rates, as in `LambdaLR`: at step t = 0, 1, … each group's
            rate is multiplied by schedule(t). Give the optimizer lr=1 if the schedule returns rates. Afterwards
            the rates are put back, so that the next call starts afresh.
        loss: (model(x), y) → mean loss of the batch, shape ().
        validation: (x, y) to measure loss and accuracy on after each epoch.
        after_step: functions of the history so far; training stops when one returns something true.
        after_epoch: likewise, called once the epoch's validation is in the history.
        generator: source of the shuffling.
        progress: show a bar on standard output.
        divergence: on a loss that is not finite, "raise" or "record" it in the history and stop.

    Returns:
        The history. `history.ended` is "finished", "stopped" (by a callback), "diverged", or "interrupted" (by
        the keyboard or the notebook's stop button); the model keeps what it had learned by then.

    Raises:
        ValueError: nothing to train on, lengths that differ, or no end given.
        Diverged: the loss is not finite, unless divergence="record"; its `history` says how it came to that.
    """
    total = _plan(data, epochs, steps, batch_size, validation, divergence)
    rates = [group["lr"] for group in optimizer.param_groups]
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    history, start = History(), time.perf_counter()
    # exported notebooks show each state of the bar on a line of its own: one a second is enough
    bar = tqdm(total=total, unit="step", ncols=88, mininterval=1.0, file=sys.stdout, disable=not progress)
    try:
        while not history.ended:
            model.train()
            for x, y in _epoch(data, batch_size, generator, first=not history.loss):
                rate = _set_rates(optimizer, rates, schedule, len(history.loss))
                history.loss.append(train_step(model, x.to(device), y.to(device), optimizer, loss))
                history.lr.append(rate)
                history.ended = _verdict(history, steps, after_step)
                bar.set_postfix_str(f"loss {history.loss[-1]:.3g}", refresh=False)
                bar.update()
                if history.ended:
                    break
            if history.ended != "diverged":
                _close_epoch(history, model, validation, loss, epochs, after_epoch)
    except KeyboardInterrupt:
        history.ended = "interrupted"
    finally:
        bar.close()
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        history.seconds = time.perf_counter() - start
    if history.ended == "diverged" and divergence == "raise":
        raise Diverged(history)
    return history


class Diverged(ArithmeticError):
    """The loss is no longer a finite number; `history` holds the steps up to there."""

    def __init__(self, history: History) -> None:
        self.history = history
        super().__init__(
            f"the loss is {history.loss[-1]} at step {len(history.loss) - 1} (learning rate {history.lr[-1]:g}): "
            "the steps are probably too long. Try a smaller learning rate, or look for a log(0) or a division by "
            'zero in the loss; divergence="record" keeps the curve instead of raising.'
        )


def _plan(
    data: Any, epochs: int | None, steps: int | None, batch_size: int, validation: Any, divergence: str
) -> int | None:
    """Check what can be checked before the first step; how many steps there will be, None if unknown."""
    if epochs is None and steps is None:
        raise ValueError("say how long to train: epochs=… or steps=…")
    if any(n is not None and n < 1 for n in (epochs, steps)) or batch_size < 1:
        raise ValueError(f"epochs, steps and batch_size must be ≥ 1; got {epochs}, {steps}, {batch_size}")
    if divergence not in ("raise", "record"):
        raise ValueError(f'divergence must be "raise" or "record", got {divergence!r}')
    if isinstance(data, Iterator) and epochs not in (None, 1):
        raise ValueError(USED_UP)
    for name, pair in (("data", data), ("validation", validation)):
        if pair is not None and (name == "validation" or _is_tensors(pair)):
            x, y = pair
            if len(x) != len(y) or not len(x):
                raise ValueError(f"{name}: need as many inputs as labels, and some; got {len(x)} and {len(y)}")
    each = math.ceil(len(data[0]) / batch_size) if _is_tensors(data) else getattr(data, "__len__", lambda: None)()
    ends = [n for n in (steps, epochs * each if epochs and each else None) if n]
    return min(ends) if ends else None


def _is_tensors(data: Any) -> bool:
    return isinstance(data, tuple | list) and len(data) == 2 and all(isinstance(d, Tensor) for d in data)


def _epoch(data: Any, size: int, generator: torch.Generator | None, first: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of one epoch, at least one."""
    empty = True
    for batch in iterate_batches(data[0], data[1], size, generator) if _is_tensors(data) else data:
        empty = False
        yield batch
    if empty:
        raise ValueError("no batches to train on" if first else USED_UP)


def _set_rates(
    optimizer: torch.optim.Optimizer, rates: list[float], schedule: Callable[[int], float] | None, t: int
) -> float:
    """Set each group's learning rate for step t; returns the first group's."""
    factor = 1.0 if schedule is None else float(schedule(t))
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor
    return float(optimizer.param_groups[0]["lr"])


def _verdict(history: History, steps: int | None, callbacks: Sequence[Callback]) -> str:
    if not math.isfinite(history.loss[-1]):
        return "diverged"
    if _ask(callbacks, history):
        return "stopped"
    return "finished" if len(history.loss) == steps else ""


def _ask(callbacks: Sequence[Callback], history: History) -> bool:
    """Whether one of them wants to stop; each is called, whatever the one before it said."""
    answers = [callback(history) for callback in callbacks]
    return any(answers)


def _close_epoch(
    history: History,
    model: nn.Module,
    validation: tuple[Tensor, Tensor] | None,
    loss: LossFunction,
    epochs: int | None,
    callbacks: Sequence[Callback],
) -> None:
    """Validate, tell the callbacks, and see whether this was the last epoch (or the part of one that was left)."""
    if validation is not None:
        value, share = evaluate(model, *validation, loss=loss)
        history.validation_loss.append(value)
        history.validation_accuracy.append(share)
    history.epoch_ends.append(len(history.loss))
    if _ask(callbacks, history):
        history.ended = history.ended or "stopped"
    elif len(history.epoch_ends) == epochs:
        history.ended = history.ended or "finished"


# ----------------------------------------------------------------------------------------------- measuring


@torch.no_grad()
def evaluate(
    model: nn.Module, x: Tensor, y: Tensor, loss: LossFunction = cross_entropy, chunk: int = 1024
) -> tuple[float, float]:
    """Mean loss and accuracy over (x, y), in evaluation mode, `chunk` samples at a time.

    The accuracy is the share of samples whose largest score is at the right class, in [0, 1]; nan where `y` holds
    no class ids. The model's mode is as before afterwards.

    Raises:
        ValueError: x and y differ in length, or are empty.
    """
    if len(x) != len(y) or not len(x):
        raise ValueError(f"need as many inputs as labels, and some; got {len(x)} and {len(y)}")
    device = next((p.device for p in model.parameters()), x.device)
    was_training, total, right = model.training, 0.0, 0.0
    model.eval()
    try:
        for inputs, labels in zip(x.split(chunk), y.to(device).split(chunk), strict=True):
            scores = model(inputs.to(device))
            total += loss(scores, labels).item() * len(labels)
            ids = labels.ndim == 1 and not labels.is_floating_point()
            right += (scores.argmax(1) == labels).sum().item() if ids else math.nan
    finally:
        model.train(was_training)
    return total / len(x), right / len(x)


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of samples whose largest score is at the right class, in [0, 1]; see `evaluate`."""
    return evaluate(model, x, y, loss=lambda scores, labels: scores.new_zeros(()))[1]


# ------------------------------------------------------------------------------------------------- history

PIXELS_PER_INCH = 96
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#007A5A"  # Okabe & Ito (2008), the green darkened


@dataclass
class History:
    """What happened in training, one entry per step or per epoch.

    Attributes:
        loss: loss of the batch, before the step.
        lr: learning rate of the step (of the first parameter group).
        epoch_ends: number of steps done when each epoch ended.
        validation_loss, validation_accuracy: after each epoch, if there were validation data.
        seconds: wall-clock time.
        ended: "finished", "stopped", "diverged" or "interrupted"; empty while training.
    """

    loss: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    epoch_ends: list[int] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0
    ended: str = ""

    def __repr__(self) -> str:
        return f"History: {self.alt}"

    def _repr_html_(self) -> str:
        """What a notebook shows for a history: its plot, with alternative text."""
        return figure_html(self.plot(), self.alt, self.alt)

    @property
    def alt(self) -> str:
        """The history in a sentence: alternative text for its plot."""
        if not self.loss:
            return f"no step was made ({self.ended or 'training'})"
        text = f"{len(self.loss)} steps in {self.seconds:.1f} s, {self.ended or 'still training'}: "
        text += f"the loss goes from {self.loss[0]:.3g} to {self._recent():.3g}"
        if any(map(math.isfinite, self.validation_accuracy)):
            text += f", the validation accuracy from {100 * self.validation_accuracy[0]:.1f} %"
            text += f" to {100 * self.validation_accuracy[-1]:.1f} %"
        return text

    def _recent(self) -> float:
        """Mean loss of the last tenth of the steps, or the last one where training broke down."""
        last = self.loss[-max(1, len(self.loss) // 10) :]
        return sum(last) / len(last)

    def to_rows(self) -> list[dict[str, Any]]:
        """One row per step: step, epoch (from 1), loss, lr; the epoch's last row also has its validation."""
        rows, epoch = [], 1
        for step, (loss, lr) in enumerate(zip(self.loss, self.lr, strict=False)):
            row: dict[str, Any] = {"step": step, "epoch": epoch, "loss": loss, "lr": lr}
            row |= {"validation_loss": None, "validation_accuracy": None}
            if step + 1 in self.epoch_ends:
                if self.validation_loss:
                    row["validation_loss"] = self.validation_loss[epoch - 1]
                    row["validation_accuracy"] = self.validation_accuracy[epoch - 1]
                epoch += 1
            rows.append(row)
        return rows

    def plot(self, title: str = "Training") -> Figure:
        """Loss per step; beside it the validation accuracy and the learning rate, where there is something to see.

        Returns:
            A figure that `matplotlib.pyplot` does not know. In a notebook, end the cell with the history itself:
            that shows this figure with alternative text.
        """
        from matplotlib.figure import Figure

        panels: list[Callable[[Axes], None]] = [self._plot_loss]
        if any(map(math.isfinite, self.validation_accuracy)):
            panels.append(self._plot_accuracy)
        if len(set(self.lr)) > 1:
            panels.append(self._plot_rate)
        figure = Figure(figsize=(1.8 + 3.6 * len(panels), 3.6), layout="constrained")
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            panel(axes)
            axes.set_xlabel("step")
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(f"{title} ({self.ended})" if self.ended not in ("finished", "") else title)
        return figure

    def _plot_loss(self, axes: Axes) -> None:
        window = max(1, len(self.loss) // 25)
        axes.plot(self.loss, color=BLUE, lw=0.8, alpha=0.35 if window > 1 else 1, label="training, each batch")
        if window > 1:
            sums = torch.tensor([0.0, *self.loss], dtype=torch.float64).cumsum(0)
            mean = (sums[window:] - sums[:-window]) / window
            axes.plot(range(window - 1, len(self.loss)), mean, color=BLUE, lw=2, label=f"mean of {window} steps")
        if self.validation_loss:
            ends = self.epoch_ends[: len(self.validation_loss)]
            axes.plot(ends, self.validation_loss, "o--", color=VERMILLION, ms=4, label="validation")
        finite = [v for v in (*self.loss, *self.validation_loss) if math.isfinite(v)]
        if finite and min(finite) > 0 and max(finite) > 30 * min(finite):
            axes.set_yscale("log")
        axes.set(ylabel="loss", title="Loss")
        axes.legend(frameon=False)

    def _plot_accuracy(self, axes: Axes) -> None:
        share = [100 * a for a in self.validation_accuracy]
        axes.plot(self.epoch_ends[: len(share)], share, "o--", color=VERMILLION, ms=4)
        axes.set(ylabel="accuracy / %", title=f"Validation accuracy, {share[-1]:.1f} % at the end")

    def _plot_rate(self, axes: Axes) -> None:
        axes.plot(self.lr, color=GREEN, lw=2)
        axes.set(ylabel="learning rate η", title="Learning rate", ylim=(0, None))


# ------------------------------------------------------------------------------------- figures in notebooks


def png(figure: Figure) -> bytes:
    """A figure as PNG, sharp at twice its size on the screen; equal figures give equal bytes."""
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=2 * PIXELS_PER_INCH)
    # a palette is enough for lines and letters, and makes a notebook with its outputs three times smaller
    Image.open(full).convert("RGB").quantize(256).save(small, "png", optimize=True)
    return small.getvalue()


def figure_html(figure: Figure, alt: str, caption: str = "") -> str:
    """A figure as HTML with alternative text, which notebooks drop from images that are outputs of their own.

    In a narrow window it shrinks to two thirds, so that its words can still be read, and then scrolls sideways.
    """
    width = round(figure.get_figwidth() * PIXELS_PER_INCH)
    image = base64.b64encode(png(figure)).decode()
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    style = f"width:{width}px;max-width:max(100%,{2 * width // 3}px);height:auto;background:#fff"
    return (
        f'<figure style="margin:0;max-width:{width}px"><div style="overflow-x:auto">'
        f'<img src="data:image/png;base64,{image}" alt="{html.escape(alt)}" '
        f'style="{style}"></div>{below}</figure>'
    )
