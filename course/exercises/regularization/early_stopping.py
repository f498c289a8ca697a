"""Exercise regularization.EarlyStopping: a class that keeps the best state and knows when to stop."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from course import regularization
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistakes


class Record:
    """A training's history, as `fit` hands it to its callbacks, with the lists that are looked at."""

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.validation_loss: list[float] = []
        self.validation_accuracy: list[float] = []


class Network(torch.nn.Module):
    """A weight that training changes, and a running mean such as batch normalisation keeps."""

    running_mean: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight.clone())
        self.register_buffer("running_mean", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Some answer."""
        return x * self.weight


def drive(
    EarlyStopping: Callable[..., Any], accuracies: list[float], losses: list[float], patience: int, weights: Tensor
) -> dict[str, Any]:
    """A training in which epoch i ends with weights[i] and accuracies[i]; it stops when told to, and restores.

    Another training, with an object of its own, has its best epoch just before that. Then the weights change once more,
    and are restored again.
    """
    model, record = Network(weights[0] + 1), Record()
    stop = EarlyStopping(model, patience)
    for method, example in ((stop, "stop(history)"), (getattr(stop, "restore", None), "stop.restore()")):
        if not callable(method):
            raise Unusable(f"`{example}` must work with stop = EarlyStopping(model, patience): write both methods.")
    disturbed, last = 0, 0
    for epoch, (accuracy, loss, weight) in enumerate(zip(accuracies, losses, weights, strict=True), 1):
        with torch.no_grad():
            model.weight.copy_(weight)  # training changes weights in place
            model.running_mean.fill_(float(epoch))
        record.loss += [loss, loss / 2]
        record.validation_loss.append(loss)
        record.validation_accuracy.append(accuracy)
        told = stop(record)
        if record.validation_accuracy != accuracies[:epoch]:
            raise Unusable(
                "EarlyStopping changes history.validation_accuracy, which belongs to the training: only read it."
            )
        disturbed += not torch.equal(model.weight, weight)
        if told:
            last = epoch
            break
    another = EarlyStopping(Network(weights[0] - 1), patience)
    another(_record_of_one_epoch())
    stop.restore()
    restored = model.weight.detach().clone(), model.running_mean.clone()
    with torch.no_grad():
        model.weight.add_(1.0)
    stop.restore()
    return {
        "stops after epoch (0 for never)": last,
        "weight after restore": restored[0],
        "running mean after restore": restored[1],
        "weight after going on, and restore": model.weight.detach().clone(),
        "epochs in which the weights were changed": disturbed,
    }


def _record_of_one_epoch() -> Record:
    record = Record()
    record.loss, record.validation_loss, record.validation_accuracy = [0.02, 0.01], [0.01], [0.999]
    return record


def cases(draw: Draw) -> list[Case]:
    """Accuracies that rise and fall; ties, a late rise, none at all, and an accuracy of 0."""

    def run(label: str, accuracies: list[float], patience: int, kind: Any = "varied") -> Case:
        n = len(accuracies)
        noise = [draw.uniform(0.3, 0.6) for _ in range(n)]
        # the loss has its minimum elsewhere, so that whoever watches it is found out
        losses = (
            [round(1 + 0.1 * i + noise[i], 3) for i in range(n)] if n % 2 else [round(3 - 0.2 * i, 3) for i in range(n)]
        )
        return Case(label, (accuracies, losses, patience, draw.normal(n, 2)), kind)

    low, high = draw.uniform(0.2, 0.4), draw.uniform(0.6, 0.8)
    mid = round((low + high) / 2, 3)
    patience = draw.integer(3, 4)
    slow = [low, high, *[draw.uniform(0.4, 0.55) for _ in range(patience)], low, low]
    late = [low, mid, low, low, high, mid, low, high, high, high]
    rises = [round(low + 0.03 * i, 3) for i in range(7)]
    return [
        run("accuracies 0.5, 0.7, 0.6, 0.6, 0.6, patience 2", [0.5, 0.7, 0.6, 0.6, 0.6], 2, "hand"),
        run("patience 1", [low, mid, high, mid, high, high], 1),
        run("an equal accuracy is not better", [low, high, high, high, high, high, high], 3),
        run("better again just in time", late, 3),
        run("better than the epoch before, not than the best", [mid, high, low, mid, low, mid, low, mid], 4),
        run("it never stops", rises, 2),
        run("the last epoch is not the best, nothing stops", [low, high, mid, mid], 4),
        run("the first epoch is the best", [high, mid, low, low, low], draw.integer(2, 3)),
        run("no picture right at first", [0.0, 0.0, low, mid, low, low, low], 2),
        run("never a picture right", [0.0] * 5, 3),
        run("better by one picture in 20 000", [low, high, high + 5e-5, high + 1e-4, high + 1.5e-4, mid, low], 2),
        run("a longer patience", slow, patience),
    ]


class _Base:
    """What most of the mistakes have in common; `better` and the rest are made wrong one by one."""

    def __init__(self, model, patience):
        self.model = model
        self.patience = patience
        self.best = -math.inf
        self.waited = 0
        self.state = copy.deepcopy(model.state_dict())

    def __call__(self, history):
        accuracy = history.validation_accuracy[-1]
        if accuracy > self.best:
            self.best = accuracy
            self.waited = 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self):
        self.model.load_state_dict(self.state)


class patience_one_too_long(_Base):
    """It stops one epoch late: stop as soon as `patience` epochs in a row brought nothing better (≥, not >)."""

    def __call__(self, history):  # noqa: D102
        _Base.__call__(self, history)
        return self.waited > self.patience


class patience_one_too_short(_Base):
    """It stops one epoch early: the best epoch itself does not count, only those after it that were not better."""

    def __call__(self, history):  # noqa: D102
        _Base.__call__(self, history)
        return self.waited + 1 >= self.patience


class no_patience(_Base):
    """It stops at the first epoch that is not better, whatever the patience: count them, and compare with patience."""

    def __call__(self, history):  # noqa: D102
        _Base.__call__(self, history)
        return self.waited >= 1


class keeps_a_reference(_Base):
    """The last state is left after restore(), not the best: state_dict() holds living tensors, so keep a deepcopy of it, in the best epochs only, and load it into the model that was passed in."""  # noqa: E501

    def __call__(self, history):  # noqa: D102
        accuracy = history.validation_accuracy[-1]
        if accuracy > self.best:
            self.best = accuracy
            self.waited = 0
            self.state = self.model.state_dict()
        else:
            self.waited += 1
        return self.waited >= self.patience


class minimises(_Base):
    """It keeps the lowest accuracy: a loss gets better as it falls, an accuracy as it rises."""

    def __init__(self, model, patience):
        _Base.__init__(self, model, patience)
        self.best = math.inf

    def __call__(self, history):  # noqa: D102
        accuracy = history.validation_accuracy[-1]
        if accuracy < self.best:
            self.best = accuracy
            self.waited = 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class compares_with_the_last(_Base):
    """Each epoch is compared with the one before it; compare with the best so far."""

    def __call__(self, history):  # noqa: D102
        stop = _Base.__call__(self, history)
        self.best = history.validation_accuracy[-1]
        return stop


class counts_in_all(_Base):
    """Epochs without improvement are counted over the whole training; start at 0 again whenever one is better."""

    def __call__(self, history):  # noqa: D102
        waited = self.waited
        _Base.__call__(self, history)
        self.waited = max(self.waited, waited)
        return self.waited >= self.patience


class ties_count_as_better(_Base):
    """An equal accuracy counts as better here, so that a plateau lasts for ever; better means greater."""

    def __call__(self, history):  # noqa: D102
        accuracy = history.validation_accuracy[-1]
        if accuracy >= self.best:
            self.best = accuracy
            self.waited = 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class buffers_forgotten(_Base):
    """Only the parameters come back: running means of batch normalisation belong to the state too; use state_dict()."""

    def restore(self):  # noqa: D102
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                p.copy_(self.state[name])


class saves_at_the_start_only(_Base):
    """restore() gives back the state from before the training: take a copy whenever the accuracy is the best so far."""

    def __init__(self, model, patience):
        _Base.__init__(self, model, patience)
        self.start = copy.deepcopy(model.state_dict())

    def restore(self):  # noqa: D102
        self.model.load_state_dict(self.start)


class saves_the_first_epoch(_Base):
    """restore() gives back the first epoch's state: take a new copy whenever the accuracy is the best so far."""

    def __call__(self, history):  # noqa: D102
        kept = self.state
        stop = _Base.__call__(self, history)
        if len(history.validation_accuracy) > 1:
            self.state = kept
        return stop


class watches_the_loss(_Base):
    """It watches the validation loss; what counts here is the validation accuracy, history.validation_accuracy[-1]."""

    def __call__(self, history):  # noqa: D102
        score = -history.validation_loss[-1]
        if score > self.best:
            self.best = score
            self.waited = 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class watches_the_training(_Base):
    """It watches the training loss, which nearly always falls; what counts is the accuracy on the validation set."""

    def __call__(self, history):  # noqa: D102
        score = -history.loss[-1]
        if score > self.best:
            self.best = score
            self.waited = 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience + 1


class looks_at_the_first(_Base):
    """It looks at the first accuracy in every epoch: the newest one is the last in the list, [-1]."""

    def __call__(self, history):  # noqa: D102
        accuracy = history.validation_accuracy[0]
        if accuracy > self.best:
            self.best = accuracy
            self.waited = 0
            self.state = copy.deepcopy(self.model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


class best_starts_at_zero(_Base):
    """The best accuracy starts at 0, so that a first epoch with accuracy 0 counts as none; start at −∞."""

    def __init__(self, model, patience):
        _Base.__init__(self, model, patience)
        self.best = 0.0


class never_stops(_Base):
    """It never says stop: return True once `patience` epochs in a row brought nothing better."""

    def __call__(self, history):  # noqa: D102
        _Base.__call__(self, history)
        return False


class stops_upside_down(_Base):
    """It says stop after the first epoch, which is better than none: are True and False exchanged, or does the class
    keep what each object should keep, on self?"""

    def __call__(self, history):  # noqa: D102
        return not _Base.__call__(self, history)


class restores_at_once(_Base):
    """After each epoch that is not better the old weights are put back, so that training cannot go on; restore at the end."""  # noqa: E501

    def __call__(self, history):  # noqa: D102
        stop = _Base.__call__(self, history)
        if self.waited:
            self.restore()
        return stop


class restores_when_it_stops(_Base):
    """When it says stop it also puts the old weights back; that is left to whoever calls restore(), and until then the
    network is as training left it."""

    def __call__(self, history):  # noqa: D102
        stop = _Base.__call__(self, history)
        if stop:
            self.restore()
        return stop


class kept_state_given_away(_Base):
    """A second restore() does not help: the network got the kept tensors themselves, which training changes
    (`p.data = …`, assign=True), or they were kept for one time only; copy their numbers."""

    def restore(self):  # noqa: D102
        for name, value in self.model.state_dict(keep_vars=True).items():
            value.data = self.state[name]


class counts_all_epochs(_Base):
    """It stops after `patience` epochs, better or not: count those that were not better, and begin anew at 0 with each
    that was."""

    def __call__(self, history):  # noqa: D102
        _Base.__call__(self, history)
        return len(history.validation_accuracy) >= self.patience


class best_not_kept(_Base):
    """The best accuracy is never updated, so that every epoch counts as better: self.best = the new accuracy."""

    def __call__(self, history):  # noqa: D102
        self.best = -math.inf
        return _Base.__call__(self, history)


class smallest_gain(_Base):
    """A small gain does not count as better here (is there a threshold, or rounding?); anything higher is better."""

    def __call__(self, history):  # noqa: D102
        if 0 < history.validation_accuracy[-1] - self.best < 1e-3:
            self.waited += 1
            return self.waited >= self.patience
        return _Base.__call__(self, history)


class zero_is_none(_Base):
    """An accuracy of 0 is taken for none at all (`not self.best`), so that the next one always counts as better; compare with None, or start at −∞."""  # noqa: E501

    def __call__(self, history):  # noqa: D102
        if not self.best:
            self.best = -math.inf
        return _Base.__call__(self, history)


class state_of_the_class(_Base):
    """Two trainings get into each other's way: what is kept belongs to the class (or is global), so that all objects share it. Set it in __init__, on self."""  # noqa: E501

    kept: ClassVar[dict[str, Tensor]] = {}

    def __call__(self, history):  # noqa: D102
        before = self.best
        stop = _Base.__call__(self, history)
        if self.best != before:
            self.kept.update(self.state)
        return stop

    def restore(self):  # noqa: D102
        self.model.load_state_dict(self.kept)


class by_position:
    """Counts from the position of the maximum in the history."""

    def __init__(self, model, patience):
        self.model, self.patience, self.kept = model, patience, {}

    def __call__(self, history):  # noqa: D102
        seen = history.validation_accuracy
        at = seen.index(max(seen))
        if at == len(seen) - 1:
            self.kept = {name: value.clone() for name, value in self.model.state_dict().items()}
        return len(seen) - 1 - at >= self.patience

    def restore(self):  # noqa: D102
        self.model.load_state_dict(self.kept)


class with_a_deep_copy(_Base):
    """Keeps a copy of the whole model; says nothing at all while training shall go on."""

    def __call__(self, history):  # noqa: D102
        accuracy = history.validation_accuracy[-1]
        if accuracy > self.best:
            self.best, self.waited = accuracy, 0
            self.twin = copy.deepcopy(self.model)
        else:
            self.waited += 1
        if self.waited >= self.patience:
            return True
        return None

    def restore(self):  # noqa: D102
        self.model.load_state_dict(self.twin.state_dict())


class counts_down(_Base):
    """The patience left, counted down."""

    def __init__(self, model, patience):
        _Base.__init__(self, model, patience)
        self.left = patience

    def __call__(self, history):  # noqa: D102
        if history.validation_accuracy[-1] <= self.best:
            self.left -= 1
            return self.left == 0
        self.best, self.left = history.validation_accuracy[-1], self.patience
        self.state = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        return False


EXERCISE = Exercise(
    name="regularization.EarlyStopping",
    title="Stop early, keep the best state",
    signature="EarlyStopping(model, patience)",
    points=3,
    minutes=15,
    difficulty=3,
    idea=(
        "Your object remembers three things: the best accuracy so far, how many epochs ago that was, and what the "
        "network looked like then. Each new epoch either beats the best, and everything starts afresh, or it "
        "costs some patience."
    ),
    pseudocode="""
    at the start:   best ← −∞,  waited ← 0
    after an epoch with validation accuracy a:
        if a > best:   best ← a,  waited ← 0,  state ← COPY of the network's state
        otherwise:     waited ← waited + 1
        answer: waited ≥ patience
    restore:   the network gets the kept state
    """,
    reference=regularization.EarlyStopping,
    cases=cases,
    drive=drive,
    misconceptions=mistakes(
        patience_one_too_long,
        patience_one_too_short,
        no_patience,
        keeps_a_reference,
        minimises,
        compares_with_the_last,
        counts_in_all,
        ties_count_as_better,
        buffers_forgotten,
        state_of_the_class,
        saves_at_the_start_only,
        saves_the_first_epoch,
        watches_the_loss,
        watches_the_training,
        looks_at_the_first,
        best_starts_at_zero,
        never_stops,
        stops_upside_down,
        restores_at_once,
        restores_when_it_stops,
        kept_state_given_away,
        counts_all_epochs,
        best_not_kept,
        smallest_gain,
        zero_is_none,
    ),
    alternatives=(by_position, with_a_deep_copy, counts_down),
    telling=("stops after epoch (0 for never)", "weight after restore", "running mean after restore"),
    note="stop = EarlyStopping(model, patience) is called with the history after each epoch, then stop.restore().",
    forbidden=("course.regularization",),
    alike=True,
)
