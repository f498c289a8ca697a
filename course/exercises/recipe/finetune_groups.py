"""Exercise recipe.finetune_groups: small steps for what is known already, larger ones for what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course import recipe
from course.exercises.exercise import Case, Draw, Exercise, Unusable, mistake, mistakes


class Stacked(nn.Module):
    """A stem, a body of some layers with a norm, and a head of one or two layers."""

    def __init__(self, layers: int, deep_head: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 3)
        self.body = nn.Sequential(*(nn.Linear(2, 2) for _ in range(layers)), nn.LayerNorm(2))
        self.head = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)) if deep_head else nn.Linear(2, 2)


class Crossed(nn.Module):
    """The head is registered first, and other parts have `head` in their names, or as one of them."""

    def __init__(self, layers: int, deep_head: bool) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 3)) if deep_head else nn.Linear(2, 3, bias=False)
        self.attention_heads = nn.ModuleList(nn.Linear(2, 2) for _ in range(layers))
        self.header = nn.Linear(2, 2)
        self.attention = nn.ModuleDict({"head": nn.Linear(2, 2)})
        self.scale = nn.Parameter(torch.ones(2))


MODELS: dict[str, type[nn.Module]] = {"stacked": Stacked, "crossed": Crossed}


def drive(
    finetune_groups: Callable[..., Any],
    model: str,
    layers: int,
    deep_head: bool,
    frozen: list[str],
    lr_backbone: float,
    lr_head: float,
) -> dict[str, Any]:
    """For each parameter of a network the rate it was given, how often it was given, and whether it is still frozen."""
    network = MODELS[model](layers, deep_head)
    for name, p in network.named_parameters():
        p.requires_grad_(not any(name.startswith(part) for part in frozen))
    groups = finetune_groups(network, lr_backbone, lr_head)
    names = {id(p): name for name, p in network.named_parameters()}
    rates, times = dict.fromkeys(names.values(), 0.0), dict.fromkeys(names.values(), 0)
    for group in _groups(groups):
        given = group["params"]
        if isinstance(given, set | frozenset):
            raise Unusable('"params" is a set; torch\'s optimizers refuse sets, which have no order: make it a list.')
        for one in [given] if isinstance(given, Tensor) else given:
            tensor = one[1] if isinstance(one, tuple) and len(one) == 2 else one  # torch takes named parameters, too
            if id(tensor) not in names:
                raise Unusable(
                    "A group holds something that is no parameter of the model: give the parameters themselves."
                )
            rates[names[id(tensor)]] = float(group["lr"])
            times[names[id(tensor)]] += 1
    return {
        "rate": rates,
        "times given": times,
        "still learns": {name: p.requires_grad for name, p in network.named_parameters()},
    }


def _groups(groups: Any) -> list[dict[str, Any]]:
    if not isinstance(groups, list | tuple) or not groups or not all(isinstance(g, dict) for g in groups):
        what = type(groups).__name__
        raise Unusable(f'finetune_groups must return a list of groups, `[{{"params": …, "lr": …}}, …]`, not a {what}.')
    for group in groups:
        if set(group) - {"params", "lr", "name"} or not {"params", "lr"} <= set(group):
            raise Unusable(
                f'Each group needs the keys "params" and "lr" and no other; one has {sorted(map(str, group))}.'
            )
    return list(groups)


def cases(draw: Draw) -> list[Case]:
    """A plain network by hand; then frozen parts in the backbone and in the head, and names that mislead."""

    def run(label: str, model: str, deep_head: bool, *frozen: str) -> Case:
        rates = draw.uniform(0.001, 0.01), draw.uniform(0.02, 0.1)
        return Case(label, (model, draw.integer(1, 4), deep_head, list(frozen), *rates))

    return [
        Case("a stem, one layer, a norm, and a linear head", ("stacked", 1, False, [], 0.001, 0.01), "hand"),
        run("a head of two layers", "stacked", True),
        run("the stem is frozen", "stacked", True, "stem"),
        run("the stem and the last norm are frozen", "stacked", False, "stem", "body.0."),
        run("part of the head is frozen", "stacked", True, "head.0"),
        run("all but the head is frozen", "stacked", True, "stem", "body"),
        run("the head is frozen", "crossed", False, "head."),
        run("names that only look like the head's", "crossed", True),
        run("the same, with frozen parts", "crossed", True, "header", "head.0"),
    ]


def one_group(model, lr_backbone, lr_head):
    """All parameters are in one group and learn at the backbone's rate; the head needs a group of its own."""
    return [{"params": [p for p in model.parameters() if p.requires_grad], "lr": lr_backbone}]


def one_group_at_the_heads_rate(model, lr_backbone, lr_head):
    """All parameters learn at the head's rate, which is too large for the pretrained ones; make two groups."""
    return [{"params": [p for p in model.parameters() if p.requires_grad], "lr": lr_head}]


def head_forgotten(model, lr_backbone, lr_head):
    """The head is in no group, so the new part is the one that never learns."""
    head = {id(p) for p in model.head.parameters()}
    return [{"params": [p for p in model.parameters() if p.requires_grad and id(p) not in head], "lr": lr_backbone}]


def backbone_forgotten(model, lr_backbone, lr_head):
    """Only the head is given, so the backbone never learns: that is a linear probe, not fine-tuning."""
    return [{"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_head}]


def frozen_given(model, lr_backbone, lr_head):
    """Frozen parameters are given to the optimizer, too; leave out those with requires_grad False (weight decay, for
    one, would be theirs again as soon as somebody gives them a gradient)."""
    head = {id(p) for p in model.head.parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in head], "lr": lr_backbone},
        {"params": list(model.head.parameters()), "lr": lr_head},
    ]


def frozen_head_given(model, lr_backbone, lr_head):
    """Frozen parameters are left out of the backbone only; look at requires_grad in the head as well."""
    head = {id(p) for p in model.head.parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in head and p.requires_grad], "lr": lr_backbone},
        {"params": list(model.head.parameters()), "lr": lr_head},
    ]


def frozen_backbone_given(model, lr_backbone, lr_head):
    """Frozen parameters are left out of the head only; look at requires_grad in the backbone as well."""
    head = {id(p) for p in model.head.parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in head], "lr": lr_backbone},
        {"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_head},
    ]


def own_parameters_forgotten(model, lr_backbone, lr_head):
    """Parameters that the model holds itself, outside its children, are in no group; go through model.parameters()."""
    rest = [p for name, child in model.named_children() if name != "head" for p in child.parameters()]
    return [
        {"params": [p for p in rest if p.requires_grad], "lr": lr_backbone},
        {"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_head},
    ]


def only_the_body(model, lr_backbone, lr_head):
    """Only a part of the backbone is given; all that is not the head belongs to it, wherever it is registered."""
    body = getattr(model, "body", None) or model.attention_heads
    return [
        {"params": [p for p in body.parameters() if p.requires_grad], "lr": lr_backbone},
        {"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_head},
    ]


def rates_swapped(model, lr_backbone, lr_head):
    """The two rates are exchanged: the pretrained part needs lr_backbone, the new head lr_head."""
    head = {id(p) for p in model.head.parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in head and p.requires_grad], "lr": lr_head},
        {"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_backbone},
    ]


def head_in_both(model, lr_backbone, lr_head):
    """The head's parameters are in both groups (model.parameters() holds them, too); torch's optimizers refuse that."""
    return [
        {"params": [p for p in model.parameters() if p.requires_grad], "lr": lr_backbone},
        {"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_head},
    ]


def by_a_piece_of_the_name(model, lr_backbone, lr_head):
    """The head is found by "head" somewhere in the name, which other parts have in theirs; ask model.head."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [
        {"params": [p for name, p in named if "head" not in name], "lr": lr_backbone},
        {"params": [p for name, p in named if "head" in name], "lr": lr_head},
    ]


def by_a_name_at_any_depth(model, lr_backbone, lr_head):  # noqa: D103 - the same mistake
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [
        {"params": [p for name, p in named if "head" not in name.split(".")], "lr": lr_backbone},
        {"params": [p for name, p in named if "head" in name.split(".")], "lr": lr_head},
    ]


def by_a_name_with_its_dot(model, lr_backbone, lr_head):  # noqa: D103 - the same mistake
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [
        {"params": [p for name, p in named if "head." not in name], "lr": lr_backbone},
        {"params": [p for name, p in named if "head." in name], "lr": lr_head},
    ]


def by_the_names_beginning(model, lr_backbone, lr_head):
    """The head is found by names that begin with "head", as "header" does; compare with "head." or ask model.head."""
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [
        {"params": [p for name, p in named if not name.startswith("head")], "lr": lr_backbone},
        {"params": [p for name, p in named if name.startswith("head")], "lr": lr_head},
    ]


def last_two_tensors(model, lr_backbone, lr_head):
    """The last weight and bias are taken for the head; a head may have more layers, or stand elsewhere: ask "
    "model.head."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters[:-2] if p.requires_grad], "lr": lr_backbone},
        {"params": [p for p in parameters[-2:] if p.requires_grad], "lr": lr_head},
    ]


def weights_only(model, lr_backbone, lr_head):
    """Only tensors with two axes or more are given; biases and norms have to learn as well."""
    head = {id(p) for p in model.head.parameters()}
    moving = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    return [
        {"params": [p for p in moving if id(p) not in head], "lr": lr_backbone},
        {"params": [p for p in moving if id(p) in head], "lr": lr_head},
    ]


def backbone_frozen(model, lr_backbone, lr_head):
    """This freezes the backbone; fine-tuning moves all of it, only in small steps."""
    for p in model.parameters():
        p.requires_grad_(False)
    for p in model.head.parameters():
        p.requires_grad_(True)
    return [{"params": list(model.head.parameters()), "lr": lr_head}]


def backbone_frozen_and_given(model, lr_backbone, lr_head):  # noqa: D103 - the same mistake
    head = {id(p) for p in model.head.parameters()}
    backbone = [p for p in model.parameters() if p.requires_grad and id(p) not in head]
    for p in backbone:
        p.requires_grad_(False)
    return [
        {"params": backbone, "lr": lr_backbone},
        {"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_head},
    ]


def thawed(model, lr_backbone, lr_head):
    """This sets frozen parameters free; leave requires_grad as it is, and leave the frozen ones out."""
    for p in model.parameters():
        p.requires_grad_(True)
    head = {id(p) for p in model.head.parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in head], "lr": lr_backbone},
        {"params": list(model.head.parameters()), "lr": lr_head},
    ]


def relative_rate(model, lr_backbone, lr_head):
    """The head's rate is lr_backbone · lr_head; lr_head is the rate itself, not a factor."""
    head = {id(p) for p in model.head.parameters()}
    return [
        {"params": [p for p in model.parameters() if id(p) not in head and p.requires_grad], "lr": lr_backbone},
        {"params": [p for p in model.head.parameters() if p.requires_grad], "lr": lr_backbone * lr_head},
    ]


def by_name(model, lr_backbone, lr_head):  # noqa: D103
    head, backbone = list[Tensor](), list[Tensor]()
    for name, p in model.named_parameters():
        if p.requires_grad:
            (head if name.split(".")[0] == "head" else backbone).append(p)
    return [{"params": head, "lr": lr_head}, {"params": backbone, "lr": lr_backbone}]


def one_group_each(model, lr_backbone, lr_head):  # noqa: D103
    of_head = set(model.head.parameters())
    return [
        {"params": p, "lr": lr_head if p in of_head else lr_backbone} for p in model.parameters() if p.requires_grad
    ]


def by_child(model, lr_backbone, lr_head):  # noqa: D103
    own = [p for p in model.parameters(recurse=False) if p.requires_grad]
    groups = [{"params": own, "lr": lr_backbone}]
    for name, child in model.named_children():
        rate = lr_head if name == "head" else lr_backbone
        groups.append({"params": filter(lambda p: p.requires_grad, child.parameters()), "lr": rate})
    return groups


EXERCISE = Exercise(
    name="recipe.finetune_groups",
    title="Two rates for fine-tuning",
    signature="finetune_groups(model, lr_backbone, lr_head)",
    points=2,
    minutes=10,
    difficulty=2,
    idea=(
        "Every parameter that may move belongs to exactly one of two groups, and what decides is whether the head "
        "owns it, not what it is called. The head's parameters are among the model's, too, so tell them apart by "
        "identity."
    ),
    pseudocode="""
    M ← parameters of the model that require a gradient
    H ← parameters of the head
    group 1: those of M that are not in H, with the backbone's rate
    group 2: those of M that are in H, with the head's rate
    """,
    reference=recipe.finetune_groups,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            frozen_backbone_given,
            own_parameters_forgotten,
            only_the_body,
            one_group,
            one_group_at_the_heads_rate,
            head_forgotten,
            backbone_forgotten,
            frozen_given,
            frozen_head_given,
            rates_swapped,
            head_in_both,
            by_the_names_beginning,
            last_two_tensors,
            weights_only,
            thawed,
            relative_rate,
        ),
        mistake(by_a_piece_of_the_name, by_a_name_at_any_depth, by_a_name_with_its_dot),
        mistake(backbone_frozen, backbone_frozen_and_given),
    ),
    alternatives=(by_name, one_group_each, by_child),
    telling=("still learns", "times given"),
    rtol=1e-9,
    atol=1e-12,
    note='Return a list of two dictionaries, each with "params" (a list of parameters) and "lr".',
    forbidden=("course.recipe", "timm.optim"),
)
