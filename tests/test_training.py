"""The training loop: agrees with a loop by hand, ends well however it ends, and says what happened."""

from __future__ import annotations

import copy
import math
import signal

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course.descent import SGD, iterate_batches
from course.training import Diverged, History, accuracy, evaluate, train_step
from course.training import fit as library_fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(dropout: float = 0.0) -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(dropout))
    with torch.no_grad():
        model[0].weight.normal_(generator=seeded(1))
        model[0].bias.zero_()
    return model


def data(n: int = 22) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 4, generator=seeded(2))
    return x, x[:, :3].argmax(1)


def fit(model=None, training=None, lr: float = 0.1, **options) -> History:
    model = model or linear()
    options = {"progress": False, "batch_size": 5, **options}
    if "epochs" not in options and "steps" not in options:
        options["epochs"] = 2
    return library_fit(model, data() if training is None else training, SGD(model.parameters(), lr), **options)


# ------------------------------------------------------------------------------------------- what it learns


def test_it_is_the_loop_by_hand():
    model, other, (x, y) = linear(), linear(), data()
    history = fit(model, epochs=3, generator=seeded(5))
    optimizer, g, losses = torch.optim.SGD(other.parameters(), lr=0.1), seeded(5), []
    for _ in range(3):
        for a, b in iterate_batches(x, y, 5, g):
            optimizer.zero_grad()
            loss = F.cross_entropy(other(a), b)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert history.loss == pytest.approx(losses)
    assert history.epoch_ends == [5, 10, 15]
    assert history.lr == [0.1] * 15
    assert history.ended == "finished"
    assert history.seconds > 0
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q)


@pytest.mark.parametrize(("epochs", "steps", "done"), [(None, 7, 7), (3, 7, 7), (1, 7, 5), (2, None, 10)])
def test_whichever_ends_first(epochs, steps, done):
    history = fit(epochs=epochs, steps=steps)
    assert len(history.loss) == len(history.lr) == done
    assert history.epoch_ends[-1] == done


def test_batches_may_come_from_a_list_or_a_loader():
    x, y = data()
    batches = list(zip(x.split(5), y.split(5), strict=True))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=5)
    assert fit(training=batches).loss == fit(training=loader).loss
    assert len(fit(training=batches, epochs=3).loss) == 15


def test_two_batches_of_pairs_are_not_mistaken_for_x_and_y():
    x, y = data(10)
    assert len(fit(training=[(x[:5], y[:5]), (x[5:], y[5:])], epochs=1).loss) == 2


def test_another_loss():
    x = torch.randn(30, 4, generator=seeded())
    model = nn.Linear(4, 1)
    target = x @ torch.tensor([[1.0], [2.0], [0.0], [-1.0]])
    history = fit(model, (x, target), epochs=40, loss=F.mse_loss, validation=(x, target))
    assert history.loss[-1] < 1e-3
    assert history.validation_loss[-1] < 1e-3
    assert math.isnan(history.validation_accuracy[-1])
    assert "nan" not in history.alt


def test_it_trains_in_training_mode_and_measures_in_evaluation_mode():
    modes = []
    model = linear(dropout=0.5)
    model[1].register_forward_hook(lambda module, *_: modes.append(module.training))
    model.eval()
    history = fit(model, epochs=1, validation=data())
    assert modes == [True] * 5 + [False]
    assert model.training
    assert history.validation_loss == [evaluate(model, *data())[0]]


def test_one_step_returns_the_loss_before_it_and_forgets_old_gradients():
    model, other, (x, y) = linear(), linear(), data()
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e3)
    before = F.cross_entropy(other(x), y).item()
    assert train_step(model, x, y, SGD(model.parameters(), 0.1)) == pytest.approx(before)
    assert train_step(other, x, y, SGD(other.parameters(), 0.1)) == pytest.approx(before)
    assert torch.equal(model[0].weight, other[0].weight)


# ------------------------------------------------------------------------------------------- learning rates


def test_a_schedule_multiplies_each_groups_rate_as_in_lambda_lr():
    model, other, (x, y) = linear(), linear(), data()
    groups = [{"params": [model[0].weight]}, {"params": [model[0].bias], "lr": 0.01}]
    optimizer = SGD(groups, 0.1)
    history = library_fit(
        model, (x, y), optimizer, steps=12, batch_size=22, schedule=lambda t: 0.8**t, progress=False, generator=seeded()
    )
    assert history.lr == pytest.approx([0.1 * 0.8**t for t in range(12)])
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.01], "the rates are put back"
    peer = torch.optim.SGD([{"params": [other[0].weight]}, {"params": [other[0].bias], "lr": 0.01}], lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(peer, lambda t: 0.8**t)
    for _ in range(12):
        peer.zero_grad()
        F.cross_entropy(other(x), y).backward()
        peer.step()
        scheduler.step()
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_rates_are_put_back_when_a_callback_raises():
    model = linear()
    optimizer = SGD(model.parameters(), 0.1)

    def broken(_):
        raise RuntimeError("oh")

    with pytest.raises(RuntimeError, match="oh"):
        library_fit(model, data(), optimizer, steps=3, schedule=lambda t: 0.5, after_step=[broken], progress=False)
    assert optimizer.param_groups[0]["lr"] == 0.1


# ------------------------------------------------------------------------------------------------- stopping


def test_callbacks_see_the_history_and_can_stop():
    seen = []
    history = fit(
        epochs=9, after_step=[lambda h: seen.append(len(h.loss)), lambda h: len(h.loss) == 7], validation=data()
    )
    assert history.ended == "stopped"
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert history.epoch_ends == [5, 7]
    assert len(history.validation_loss) == 2, "the part of the epoch that was left is validated, too"


def test_every_callback_is_called_even_if_an_earlier_one_stops():
    calls = []
    fit(after_step=[lambda h: True, calls.append])
    assert len(calls) == 1


def test_stopping_after_an_epoch_sees_its_validation():
    history = fit(epochs=9, validation=data(), after_epoch=[lambda h: len(h.validation_accuracy) >= 2])
    assert history.ended == "stopped"
    assert history.epoch_ends == [5, 10]


@pytest.fixture
def _listening_to_ctrl_c():
    """A test run in the background is deaf to it, and so are its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_listening_to_ctrl_c")
def test_a_keyboard_interrupt_keeps_what_was_reached():
    model = linear()

    def interrupt(history: History) -> None:
        if len(history.loss) == 6:
            signal.raise_signal(signal.SIGINT)

    before = copy.deepcopy(model.state_dict())
    history = fit(model, epochs=50, after_step=[interrupt], validation=data())
    assert history.ended == "interrupted"
    assert len(history.loss) == len(history.lr) == 6
    assert history.epoch_ends == [5]
    assert not torch.equal(model[0].weight, before["0.weight"])
    assert "interrupted" in repr(history)
    history.plot()


# ---------------------------------------------------------------------------------------------- going wrong


def test_divergence_names_step_and_rate_and_keeps_the_history():
    model = nn.Linear(1, 1, bias=False)
    x = torch.ones(8, 1)
    with pytest.raises(Diverged, match=r"at step \d+ \(learning rate 1e\+06\).*smaller learning rate") as caught:
        fit(model, (x, x), lr=1e6, steps=100, loss=F.mse_loss)
    history = caught.value.history
    assert history.ended == "diverged"
    assert not math.isfinite(history.loss[-1])
    assert all(map(math.isfinite, history.loss[:-1]))
    assert f"step {len(history.loss) - 1} " in str(caught.value)


def test_divergence_can_be_recorded():
    model = nn.Linear(1, 1, bias=False)
    x = torch.ones(8, 1)
    history = fit(model, (x, x), lr=1e6, steps=100, loss=F.mse_loss, divergence="record", validation=(x, x))
    assert history.ended == "diverged"
    assert len(history.loss) < 100
    assert history.validation_loss == [] or all(map(math.isfinite, history.validation_loss[:-1]))
    assert "diverged" in history.plot().get_suptitle()
    assert history.to_rows()[-1]["loss"] == history.loss[-1]


def test_the_step_that_is_not_finite_is_not_taken():
    model = linear()
    before = copy.deepcopy(model.state_dict())
    loss = train_step(model, *data(), SGD(model.parameters(), 1.0), loss=lambda z, y: z.sum() * math.nan)
    assert math.isnan(loss)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("training", "options", "says"),
    [
        ((torch.zeros(3, 4), torch.zeros(2, dtype=torch.long)), {}, "as many inputs as labels.*3 and 2"),
        ((torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)), {}, "0 and 0"),
        ([], {}, "no batches"),
        (iter([data()]), {"epochs": 2}, "used up after one epoch"),
        (data(), {"validation": (torch.zeros(3, 4), torch.zeros(2))}, "validation.*3 and 2"),
        (data(), {"epochs": None}, "how long"),
        (data(), {"epochs": 0}, "≥ 1"),
        (data(), {"steps": -2}, "≥ 1"),
        (data(), {"batch_size": 0}, "≥ 1"),
        (data(), {"divergence": "ignore"}, "divergence"),
    ],
)
def test_bad_input_is_named_before_anything_is_trained(training, options, says):
    model = linear()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=says):
        fit(model, training, **{"epochs": 2, **options})
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_an_iterator_that_is_used_up_is_explained():
    x, y = data(10)
    with pytest.raises(ValueError, match="used up after one epoch"):
        fit(training=iter([(x, y)]), steps=2)
    assert len(fit(training=iter([(x, y)] * 3), epochs=1).loss) == 3


# -------------------------------------------------------------------------------------------------- output


@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_goes_to_standard_output_or_nowhere(progress, capfd):
    fit(progress=progress)
    out, err = capfd.readouterr()
    assert err == ""
    assert ("10/10" in out and "loss" in out) if progress else out == ""


def test_rows_say_where_each_epoch_ended():
    rows = fit(epochs=2, validation=data()).to_rows()
    assert [r["step"] for r in rows] == list(range(10))
    assert [r["epoch"] for r in rows] == [1] * 5 + [2] * 5
    assert [r["step"] for r in rows if r["validation_loss"] is not None] == [4, 9]
    assert {frozenset(r) for r in rows} == {frozenset(rows[0])}


def test_the_plot_shows_what_there_is():
    bare = fit(epochs=2).plot("Bare")
    assert [a.get_title(loc="center") for a in bare.axes] == ["Loss"]
    assert bare.get_suptitle() == "Bare"
    full = fit(epochs=8, validation=data(), schedule=lambda t: 0.9**t).plot()
    assert [a.get_ylabel() for a in full.axes] == ["loss", "accuracy / %", "learning rate η"]
    assert all(a.get_xlabel() == "step" and a.get_title() for a in full.axes)
    assert [t.get_text() for t in full.axes[0].get_legend().get_texts()][-1] == "validation"
    full.savefig("/dev/null", format="png")
    History().plot()


def test_a_notebook_shows_the_plot_with_its_sentence_as_alternative_text():
    history = fit(epochs=2)
    assert f'alt="{history.alt}"' in history._repr_html_()
    assert 'src="data:image/png;base64,' in history._repr_html_()


def test_the_history_in_a_sentence():
    text = fit(epochs=2, validation=data()).alt
    assert "10 steps" in text
    assert "finished" in text
    assert "%" in text
    assert "no step" in History().alt


# ----------------------------------------------------------------------------------------------- measuring


def test_accuracy_and_loss_do_not_depend_on_the_chunks():
    model, (x, y) = linear(), data(50)
    share = (model(x).argmax(1) == y).float().mean().item()
    assert accuracy(model, x, y) == pytest.approx(share)
    loss, again = evaluate(model, x, y, chunk=7)
    assert again == pytest.approx(share)
    assert loss == pytest.approx(F.cross_entropy(model(x), y).item())


def test_measuring_leaves_mode_and_gradients_alone():
    model = linear(dropout=0.5).train()
    accuracy(model, *data())
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert not accuracy(model.eval(), *data()) > 1
    assert not model.training


@pytest.mark.parametrize("n", [0, 3])
def test_measuring_refuses_lengths_that_differ(n):
    with pytest.raises(ValueError, match="as many"):
        accuracy(linear(), torch.zeros(n, 4), torch.zeros(n - 1 if n else 0, dtype=torch.long))
