"""Exercise recipe.loss_surface: look around, and leave everything as it was."""

# ruff: noqa: B905  (these are written as students write)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course import recipe
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes


def network(kind: str, seed: int) -> nn.Module:
    """A small network with random weights and, if it has any, statistics; in training mode."""
    layers: dict[str, Callable[[], list[nn.Module]]] = {
        "one weight": lambda: [nn.Linear(1, 1, bias=False)],
        "linear": lambda: [nn.Linear(4, 3)],
        "two layers": lambda: [nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)],
        "with batch norm": lambda: [nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)],
        "convolutional": lambda: [
            nn.Unflatten(1, (2, 1, 2)),
            nn.Conv2d(2, 3, 3, padding=1),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(6, 3),
        ],
    }
    model, generator = nn.Sequential(*layers[kind]()), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) + 0.5)
        for name, b in model.named_buffers():
            if b.is_floating_point():
                b.copy_(torch.rand(b.shape, generator=generator) + (0.5 if name.endswith("var") else -0.5))
    return model


def drive(
    loss_surface: Callable[..., Any],
    model: str,
    seed: int,
    x: Tensor,
    y: Tensor,
    alphas: list[float],
    betas: list[float],
) -> dict[str, Any]:
    """The surface of a small network with random weights, and what of the network has changed afterwards."""
    net = network(model, seed)
    if seed % 2 and model != "one weight":
        net.eval()
    first, second = recipe.directions(net, torch.Generator().manual_seed(seed + 1))
    mode = net.training

    def loss(m: nn.Module) -> Tensor:
        if model == "one weight":
            return m(x).square().mean()
        return nn.functional.cross_entropy(m(x), y)

    for p in net.parameters():  # as an optimizer may still need them
        p.grad = p.detach().sin()
    held = [p.detach().sin() for p in net.parameters()]
    before = {name: t.detach().clone() for name, t in net.state_dict().items()}
    parameters = list(net.parameters())  # an optimizer holds these very objects
    drawn = [d.clone() for d in (*first, *second)]
    surface = loss_surface(net, loss, first, second, alphas, betas)
    after = net.state_dict()
    weights, buffers = dict(net.named_parameters()), dict(net.named_buffers())
    return {
        "surface": surface,
        "weights": {  # one part, so that a mistake is told by all of it
            "the same parameters": all(p is q for p, q in zip(net.parameters(), parameters)),
            "nearly as before": all(torch.allclose(after[n], before[n], rtol=1e-3, atol=1e-4) for n in weights),
            "as before": all(torch.equal(after[n], before[n]) for n in weights),
        },
        "statistics as before": all(torch.equal(after[n], before[n]) for n in buffers),
        "mode as before": net.training == mode and all(m.training == mode for m in net.modules()),
        "directions as before": all(map(torch.equal, (*first, *second), drawn)),
        "gradients as before": all(
            p.grad is not None and torch.equal(p.grad, g) for p, g in zip(net.parameters(), held)
        ),
        "still learns": all(p.requires_grad for p in net.parameters()),
    }


def cases(draw: Draw) -> list[Case]:
    """One weight by hand, where L = w²; then networks without and with batch norm, in training and evaluation mode."""

    def run(label: str, model: str, rows: int, columns: int, training: bool = True, reach: float = 1.0) -> Case:
        seed = draw.integer(0, 2**20) * 2 + (not training)
        x, y = draw.normal(6, 4), draw.labels(6, 3)
        alphas = [draw.uniform(-reach, reach) for _ in range(rows)]
        betas = [draw.uniform(-reach, reach) for _ in range(columns)]
        return Case(label, (model, seed, x, y, alphas, betas))

    one = (torch.ones(1, 1), torch.zeros(1, dtype=torch.int64))
    return [
        Case(
            "one weight w, L = w²: both directions are ±w",
            ("one weight", 2 * draw.integer(0, 99), *one, [0.0, 1.0], [0.0, 2.0]),
            "hand",
        ),
        run("only here: α = β = 0", "linear", 1, 1, reach=0.0),
        run("a linear classifier", "linear", 2, 3),
        run("two layers", "two layers", 3, 2),
        run("with batch norm, in training mode", "with batch norm", 3, 2),
        run("with batch norm, in evaluation mode", "with batch norm", 2, 3, training=False),
        run("filters of a convolution", "convolutional", 3, 4),
    ]


def global_norm(model, loss, first, second, alphas, betas):
    """One norm is taken over all weights together; each filter w[i] has to be scaled on its own."""
    ws = [w.detach().clone() for w in model.parameters()]
    size = sum((w**2).sum() for w in ws if w.ndim > 1).sqrt()
    scaled = []
    for direction in (first, second):
        length = sum((d**2).sum() for d, w in zip(direction, ws) if w.ndim > 1).sqrt()
        scaled.append([d * size / length if d.ndim > 1 else 0 * d for d in direction])
    u, v = scaled
    return _measure(model, loss, ws, u, v, alphas, betas)


def global_norm_with_biases(model, loss, first, second, alphas, betas):  # noqa: D103 - the same mistake
    ws = [w.detach().clone() for w in model.parameters()]
    size = sum((w**2).sum() for w in ws).sqrt()
    u, v = ([d * size / sum((e**2).sum() for e in ds).sqrt() for d in ds] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def layer_norm(model, loss, first, second, alphas, betas):
    """Each layer is scaled as a whole; within it each filter w[i] has to be scaled on its own."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = ([d * w.norm() / d.norm() if w.ndim > 1 else 0 * d for d, w in zip(ds, ws)] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def layer_norm_with_biases(model, loss, first, second, alphas, betas):  # noqa: D103 - the same mistake
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = ([d * w.norm() / d.norm() for d, w in zip(ds, ws)] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def as_drawn(model, loss, first, second, alphas, betas):  # noqa: D103 - the same mistake, biases move as well
    ws = [w.detach().clone() for w in model.parameters()]
    return _measure(model, loss, ws, first, second, alphas, betas)


def stepped_back(model, loss, first, second, alphas, betas):
    """The weights were put back by subtracting what had been added; rounding leaves them a little different, more with
    each step. Keep copies and put those back."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    rows, mode = [], model.training
    model.eval()
    with torch.no_grad():
        for a in alphas:
            row = []
            for b in betas:
                for p, du, dv in zip(model.parameters(), u, v):
                    p.add_(a * du + b * dv)
                row.append(loss(model))
                for p, du, dv in zip(model.parameters(), u, v):
                    p.sub_(a * du + b * dv)
            rows.append(torch.stack(row))
    model.train(mode)
    return torch.stack(rows)


def not_normalised(model, loss, first, second, alphas, betas):
    """The directions are used as drawn; scale each filter's part to the length of the filter, d·‖w‖/‖d‖."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = ([d if d.ndim > 1 else 0 * d for d in ds] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def unit_length(model, loss, first, second, alphas, betas):
    """Each filter's part has length 1; it must be as long as the filter itself, d·‖w‖/‖d‖."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = ([d / _lengths(d) if d.ndim > 1 else 0 * d for d in ds] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def length_of_the_filter_only(model, loss, first, second, alphas, betas):
    """The direction is multiplied by ‖w‖ but not divided by its own length ‖d‖."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = ([d * _lengths(w) if d.ndim > 1 else 0 * d for d, w in zip(ds, ws)] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def along_inputs(model, loss, first, second, alphas, betas):
    """The norm is taken over the outputs, for each input; a filter is w[i], so take it over all axes but the first."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = (
        [d * w.norm(dim=0, keepdim=True) / d.norm(dim=0, keepdim=True) if w.ndim > 1 else 0 * d for d, w in zip(ds, ws)]
        for ds in (first, second)
    )
    return _measure(model, loss, ws, u, v, alphas, betas)


def each_kernel(model, loss, first, second, alphas, betas):
    """Each kernel w[i, j] of a convolution is scaled on its own; a filter is w[i], the kernels of all inputs
    together."""
    ws = [w.detach().clone() for w in model.parameters()]

    def lengths(w):
        return w.norm(dim=(2, 3), keepdim=True) if w.ndim == 4 else _lengths(w)

    u, v = ([d * lengths(w) / lengths(d) if w.ndim > 1 else 0 * d for d, w in zip(ds, ws)] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def biases_moved(model, loss, first, second, alphas, betas):
    """Biases and norms move, too; tensors with one axis must stay where they are (direction 0)."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = (
        [d * _lengths(w) / _lengths(d) if w.ndim > 1 else d * w.norm() / d.norm() for d, w in zip(ds, ws)]
        for ds in (first, second)
    )
    return _measure(model, loss, ws, u, v, alphas, betas)


def biases_moved_as_drawn(model, loss, first, second, alphas, betas):  # noqa: D103 - the same mistake
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = ([d * _lengths(w) / _lengths(d) if w.ndim > 1 else d for d, w in zip(ds, ws)] for ds in (first, second))
    return _measure(model, loss, ws, u, v, alphas, betas)


def directions_exchanged(model, loss, first, second, alphas, betas):
    """The directions are exchanged: α goes along the first, β along the second."""
    ws = [w.detach().clone() for w in model.parameters()]
    return _measure(model, loss, ws, _scaled(ws, second), _scaled(ws, first), alphas, betas)


def each_bias_moved(model, loss, first, second, alphas, betas):
    """Biases and norms move, each number scaled as if it were a filter; tensors with one axis must stay."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = (
        [d * _lengths(w) / _lengths(d) if w.ndim > 1 else d.sign() * w.abs() for d, w in zip(ds, ws)]
        for ds in (first, second)
    )
    return _measure(model, loss, ws, u, v, alphas, betas)


def batch_norm_moved(model, loss, first, second, alphas, betas):
    """The network is measured in training mode, so each measurement moves the running statistics of batch norm; call
    model.eval() first, and put the mode back afterwards."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    return _measure(model, loss, ws, u, v, alphas, betas, mode=True)


def mode_as_found(model, loss, first, second, alphas, betas):
    """The network is measured in whatever mode it is in; in training mode batch norm's running statistics move. Call
    model.eval() first, and put the mode back afterwards."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    return _measure(model, loss, ws, u, v, alphas, betas, mode=model.training)


def left_in_evaluation(model, loss, first, second, alphas, betas):
    """The network is left in evaluation mode; whoever trains on finds batch norm asleep. Put the mode back."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    surface = _measure(model, loss, ws, u, v, alphas, betas)
    model.eval()
    return surface


def left_in_training(model, loss, first, second, alphas, betas):
    """The network is always left in training mode; put back the mode in which it was."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    surface = _measure(model, loss, ws, u, v, alphas, betas)
    model.train()
    return surface


def weights_left_changed(model, loss, first, second, alphas, betas):
    """The network is left at the last place that was measured; put its weights back."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    surface = _measure(model, loss, ws, u, v, alphas, betas)
    with torch.no_grad():
        for p, w, du, dv in zip(model.parameters(), ws, u, v):
            p.copy_(w + alphas[-1] * du + betas[-1] * dv)
    return surface


def directions_rescaled(model, loss, first, second, alphas, betas):
    """The directions that were given are rescaled in place, so whoever uses them again has others; scale copies."""
    ws = [w.detach().clone() for w in model.parameters()]
    for ds in (first, second):
        for d, scaled in zip(ds, _scaled(ws, ds)):
            d.copy_(scaled)
    return _measure(model, loss, ws, first, second, alphas, betas)


def gradients_cleared(model, loss, first, second, alphas, betas):
    """The gradients that the parameters held, in .grad, are gone or others; nothing here needs zero_grad() or
    backward()."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    model.zero_grad()
    return _measure(model, loss, ws, u, v, alphas, betas)


def gradients_left_off(model, loss, first, second, alphas, betas):
    """The parameters are left with requires_grad False, so the network learns no more; use torch.no_grad() instead."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    model.requires_grad_(False)
    return _measure(model, loss, ws, u, v, alphas, betas)


def parameters_replaced(model, loss, first, second, alphas, betas):
    """The network has new parameters in place of its own (setattr, nn.Parameter(…), assign=True), which no optimizer
    knows; copy the old numbers into those that were there."""
    ws = [w.detach().clone() for w in model.parameters()]
    surface = _measure(model, loss, ws, _scaled(ws, first), _scaled(ws, second), alphas, betas)
    model.load_state_dict({name: t.clone() for name, t in model.state_dict().items()}, assign=True)
    return surface


def steps_pile_up(model, loss, first, second, alphas, betas):
    """Each step starts where the last one ended; start each of them from the weights as they were."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    rows, mode = [], model.training
    model.eval()
    with torch.no_grad():
        for a in alphas:
            row = []
            for b in betas:
                for p, du, dv in zip(model.parameters(), u, v):
                    p.add_(a * du + b * dv)
                row.append(loss(model))
            rows.append(torch.stack(row))
        for p, w in zip(model.parameters(), ws):
            p.copy_(w)
    model.train(mode)
    return torch.stack(rows)


def saved_by_reference(model, loss, first, second, alphas, betas):
    """The weights that were put aside are the very tensors that are moved, so every step starts where the last one
    ended and nothing is put back; keep copies, w.detach().clone()."""
    ws = [w.detach() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    return _measure(model, loss, ws, u, v, alphas, betas)


def rows_and_columns_swapped(model, loss, first, second, alphas, betas):
    """Rows and columns are exchanged: α belongs to the rows, β to the columns."""
    ws = [w.detach().clone() for w in model.parameters()]
    u, v = _scaled(ws, first), _scaled(ws, second)
    return _measure(model, loss, ws, u, v, alphas, betas).T.clone()


def same_direction_twice(model, loss, first, second, alphas, betas):
    """Both steps go along the first direction; β belongs to the second."""
    ws = [w.detach().clone() for w in model.parameters()]
    u = _scaled(ws, first)
    return _measure(model, loss, ws, u, u, alphas, betas)


def _lengths(t):
    return t.flatten(1).norm(dim=1).view(-1, *[1] * (t.ndim - 1))


def _scaled(ws, ds):
    return [d * _lengths(w) / _lengths(d) if w.ndim > 1 else torch.zeros_like(d) for d, w in zip(ds, ws)]


def _measure(model, loss, ws, u, v, alphas, betas, mode=False):
    before, rows = model.training, []
    model.train(mode)
    with torch.no_grad():
        for a in alphas:
            row = []
            for b in betas:
                for p, w, du, dv in zip(model.parameters(), ws, u, v):
                    p.copy_(w + a * du + b * dv)
                row.append(loss(model))
            rows.append(torch.stack(row))
        for p, w in zip(model.parameters(), ws):
            p.copy_(w)
    model.train(before)
    return torch.stack(rows)


def on_a_copy(model, loss, first, second, alphas, betas):  # noqa: D103
    import copy

    twin = copy.deepcopy(model).eval()
    surface = torch.zeros(len(alphas), len(betas))
    for i, a in enumerate(alphas):
        for j, b in enumerate(betas):
            for p, w, d, e in zip(twin.parameters(), model.parameters(), first, second):
                if p.ndim > 1:
                    n = w.flatten(1).norm(dim=1)
                    shape = (-1,) + (1,) * (w.ndim - 1)
                    step = a * d / d.flatten(1).norm(dim=1).view(shape) + b * e / e.flatten(1).norm(dim=1).view(shape)
                    p.data = w.data + step * n.view(shape)
            surface[i, j] = loss(twin).item()
    return surface


def by_state_dict(model, loss, first, second, alphas, betas):  # noqa: D103
    saved = {name: t.clone() for name, t in model.state_dict().items()}
    mode = model.training
    model.eval()
    rows = []
    for a in alphas:
        for b in betas:
            moved = dict(saved)
            for (name, w), d, e in zip(model.named_parameters(), first, second):
                w = saved[name]
                if w.ndim > 1:
                    for i in range(len(w)):
                        step = a * d[i] / d[i].norm() + b * e[i] / e[i].norm()
                        moved[name] = moved[name].clone()
                        moved[name][i] = w[i] + step * w[i].norm()
            model.load_state_dict(moved)
            rows.append(loss(model).item())
    model.load_state_dict(saved)
    model.train(mode)
    return torch.tensor(rows).reshape(len(alphas), len(betas))


EXERCISE = Exercise(
    name="recipe.loss_surface",
    title="The loss surface",
    signature="loss_surface(model, loss, first, second, alphas, betas)",
    points=4,
    minutes=25,
    difficulty=3,
    idea=(
        "Walk away from a remembered place and come back to it: every point of the map is the start plus its two "
        "steps, never the last point plus something. Before that make each filter of a direction as long as the "
        "network's own; and at the end the network must not notice that you were there."
    ),
    pseudocode="""
    remember w (copies) and the mode;  evaluation mode, no gradients
    for each tensor of a direction:
        fewer than two axes:  d ← 0
        otherwise, for each filter i:  d⁽ⁱ⁾ ← d⁽ⁱ⁾ · ‖w⁽ⁱ⁾‖ / ‖d⁽ⁱ⁾‖
    for each α and each β:
        weights ← w + α·d_1 + β·d_2
        L_αβ ← loss of the model
    weights ← w, and the mode as it was
    """,
    reference=recipe.loss_surface,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            directions_exchanged,
            stepped_back,
            unit_length,
            length_of_the_filter_only,
            along_inputs,
            each_kernel,
            each_bias_moved,
            batch_norm_moved,
            mode_as_found,
            left_in_evaluation,
            left_in_training,
            weights_left_changed,
            directions_rescaled,
            gradients_left_off,
            gradients_cleared,
            parameters_replaced,
            steps_pile_up,
            saved_by_reference,
            rows_and_columns_swapped,
            same_direction_twice,
        ),
        mistake(global_norm, global_norm_with_biases),
        mistake(layer_norm, layer_norm_with_biases),
        mistake(not_normalised, as_drawn),
        mistake(biases_moved, biases_moved_as_drawn),
    ),
    alternatives=(on_a_copy, by_state_dict),
    telling=(
        "mode as before",
        "statistics as before",
        "weights",
        "directions as before",
        "gradients as before",
        "still learns",
        "surface",
    ),
    rtol=1e-3,
    note="Return a tensor of shape (len(alphas), len(betas)).",
    forbidden=("course.recipe",),
)
