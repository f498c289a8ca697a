"""Exercise augmentation.apply_policy: AutoAugment's sub-policies, with the random numbers drawn already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course.exercises.augmentation.common import LIBRARIES, pixels
from course.exercises.exercise import Case, Draw, Exercise, mistake, mistakes

OPERATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "Add": lambda x, level: x + level,
    "Times": lambda x, level: x * (1 + level),
    "Roll": lambda x, level: x.roll(int(level), -1),
    "Negate": lambda x, level: -x,
    "Square": lambda x, level: x.square(),
}
"""What the check hands in: they are simple, and two of them in the other order give another result."""

Policy = list[list[tuple[str, float, int]]]


def apply_policy(x: Tensor, policy: Policy, operations: dict[str, Any], group: Tensor, chance: Tensor) -> Tensor:
    """Each picture goes through its own sub-policy; step k happens if chance[i, k] is below its probability."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, probability, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c < probability:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def drive(apply_policy: Callable[..., Any], x: Tensor, policy: Policy, group: Tensor, chance: Tensor) -> Any:
    """Hand in the operations by name."""
    return apply_policy(x, policy, dict(OPERATIONS), group, chance)


def cases(draw: Draw) -> list[Case]:
    """One picture by hand; certain and impossible steps; then policies drawn at random."""

    def policy(groups: int, steps: int, low: float = 0.2, high: float = 0.8) -> Policy:
        names = list(OPERATIONS)

        def step(k: int) -> tuple[str, float, int]:
            return names[(k + draw.integer(0, 1)) % len(names)], draw.uniform(low, high), draw.integer(1, 3)

        return [[step(2 * i + k) for k in range(steps)] for i in range(groups)]

    def run(label: str, n: int, rules: Policy, *shape: int) -> Case:
        group = torch.arange(n) % len(rules)
        group = group[torch.randperm(n, generator=draw.generator)]
        steps = len(rules[0])
        chance = pixels(draw, n, steps)
        for i in range(n):  # rows with every outcome, and none so near to its probability that rounding decides
            for k in range(steps):
                p = rules[int(group[i])][k][1]
                happens = (i + draw.integer(0, 1)) >> k & 1
                chance[i, k] = p * chance[i, k] * 0.9 if happens else p + (1 - p) * (0.05 + 0.9 * chance[i, k])
        return Case(label, (pixels(draw, n, *shape, low=0.2), rules, group, chance))

    one: Policy = [[("Add", 0.5, 2), ("Times", 0.9, 1)]]
    x = torch.tensor([0.1, 0.3]).view(2, 1, 1, 1)
    certain: Policy = [[("Times", 1.0, 2), ("Add", 0.0, 1)], [("Add", 0.0, 3), ("Roll", 1.0, 1)]]
    repeated: Policy = [
        [("Add", 0.6, draw.integer(1, 3)), ("Times", 0.7, 2), ("Add", 0.8, draw.integer(1, 3))],
        [("Times", 0.9, 1), ("Times", 0.4, draw.integer(2, 3)), ("Negate", 0.2, 1)],
    ]
    two_groups = torch.tensor([1, 0, 0])
    lecture: Policy = [
        [("Roll", 0.9, 2), ("Negate", 0.2, 3)],
        [("Add", 0.7, 3), ("Square", 0.4, 1)],
        [("Roll", 0.9, 1), ("Times", 0.8, 3)],
        [("Negate", 0.9, 3), ("Add", 0.6, 3)],
        [("Square", 0.8, 2), ("Times", 0.7, 3)],
    ]
    return [
        Case(
            "two pictures of one pixel: both steps, and only the last",
            (x, one, torch.tensor([0, 0]), torch.tensor([[0.4, 0.3], [0.7, 0.2]])),
            "hand",
        ),
        Case(
            "probability 1 always, 0 never (even if the chance is 0)",
            (pixels(draw, 3, 1, 2, 3), certain, two_groups, torch.tensor([[0.0, 0.99], [0.5, 0.0], [0.9, 0.3]])),
        ),
        Case(
            "an operation that comes twice",
            (
                pixels(draw, 3, 1, 2, 2),
                repeated,
                torch.tensor([1, 0, 1]),
                torch.tensor([[0.1], [0.3], [0.5]]).repeat(1, 3),
            ),
        ),
        run("two sub-policies", 6, policy(2, 2), 1, 2, 3),
        run("one step each", 5, policy(3, 1), 3, 2, 2),
        run("three steps each", 8, policy(2, 3), 1, 2, 2),
        run("five sub-policies, as on the slide", draw.integer(10, 14), lecture, 3, 2, 3),
    ]


def probability_ignored(x, policy, operations, group, chance):
    """Every step happens: step k happens only if chance[i, k] is below its probability."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for name, _, level in policy[g]:
            y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def steps_as_dictionary(x, policy, operations, group, chance):
    """A dictionary of the steps by name keeps only one of two steps with the same name; go through the list itself."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        steps = {name: (p, level) for name, p, level in policy[g]}
        for (name, (p, level)), c in zip(steps.items(), chance[i].tolist(), strict=False):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def one_group_per_batch(x, policy, operations, group, chance):
    """All pictures go through the first one's sub-policy; each has its own, policy[group[i]]."""
    y = x.clone()
    for i in range(len(x)):
        for (name, p, level), c in zip(policy[group[0]], chance[i].tolist(), strict=True):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def one_chance_per_batch(x, policy, operations, group, chance):
    """The first picture's chances decide for all; each picture has a row of its own."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[0].tolist(), strict=True):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def inverted(x, policy, operations, group, chance):
    """Steps happen where they should not: a step of probability 0.9 happens if its chance is *below* 0.9."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c > p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def inverted_with_the_edge(x, policy, operations, group, chance):  # noqa: D103 - the same mistake, with >=
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c >= p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def at_most(x, policy, operations, group, chance):
    """A step happens also if its chance *equals* its probability (<=), so one of probability 0 can happen: below, <."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c <= p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def result_thrown_away(x, policy, operations, group, chance):
    """Nothing changes: an operation returns new pictures, so put what it returns into picture i."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c < p:
                operations[name](y[i : i + 1], level)
    return y


def steps_reversed(x, policy, operations, group, chance):
    """The steps are taken in reverse order: the first one first."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in reversed(list(zip(policy[g], chance[i].tolist(), strict=True))):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def first_step_only(x, policy, operations, group, chance):
    """Only the first step is ever taken; go through all steps of the sub-policy."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        name, p, level = policy[g][0]
        if chance[i, 0] < p:
            y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def last_step_wins(x, policy, operations, group, chance):
    """Each step starts from the original picture, so only the last one counts; go on with what the step before made."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c < p:
                y[i : i + 1] = operations[name](x[i : i + 1], level)
    return y


def one_chance_for_all_steps(x, policy, operations, group, chance):
    """The first chance decides all steps; step k has chance[i, k]."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for name, p, level in policy[g]:
            if chance[i, 0] < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def stops_early(x, policy, operations, group, chance):
    """Once a step does not happen, the ones after it are skipped, too; each is decided on its own."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c >= p:
                break
            y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def one_step_at_most(x, policy, operations, group, chance):
    """At most one step is taken: after the first one that happens the others have their chance as well."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
                break
    return y


def level_ignored(x, policy, operations, group, chance):
    """The level is not passed on: call operations[name](pictures, level) with the level of this step."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, p, _), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], 1)
    return y


def all_groups(x, policy, operations, group, chance):
    """Every picture goes through all sub-policies; take only policy[group[i]]."""
    y = x.clone()
    for i in range(len(x)):
        for steps in policy:
            for (name, p, level), c in zip(steps, chance[i].tolist(), strict=True):
                if c < p:
                    y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def probability_and_level_swapped(x, policy, operations, group, chance):
    """Probability and level are swapped: a step is (name, probability, level), in this order."""
    y = x.clone()
    for i, g in enumerate(group.tolist()):
        for (name, level, p), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def sorted_by_group(x, policy, operations, group, chance):
    """The pictures came back in another order, sorted by their sub-policy; each must stay at its place."""
    order = group.argsort(stable=True)
    y = x[order]
    for i, (g, row) in enumerate(zip(group[order].tolist(), chance[order].tolist(), strict=True)):
        for (name, p, level), c in zip(policy[g], row, strict=True):
            if c < p:
                y[i : i + 1] = operations[name](y[i : i + 1], level)
    return y


def on_the_whole_batch(x, policy, operations, group, chance):
    """Each picture's steps were applied to the whole batch: change picture i alone, y[i : i + 1]."""
    y = x
    for i, g in enumerate(group.tolist()):
        for (name, p, level), c in zip(policy[g], chance[i].tolist(), strict=True):
            if c < p:
                y = operations[name](y, level)
    return y


def by_masks(x, policy, operations, group, chance):  # noqa: D103
    y = x.clone()
    for g, steps in enumerate(policy):
        for k, (name, probability, level) in enumerate(steps):
            rows = (group == g) & (chance[:, k] < probability)
            y[rows] = operations[name](y[rows], level)
    return y


def stacked(x, policy, operations, group, chance):  # noqa: D103
    done = []
    for picture, g, row in zip(x, group, chance, strict=True):
        for (name, probability, level), c in zip(policy[int(g)], row, strict=True):
            if c < probability:
                picture = operations[name](picture[None], level)[0]
        done.append(picture)
    return torch.stack(done)


def everything_then_chosen(x, policy, operations, group, chance):  # noqa: D103
    y = x
    for g, steps in enumerate(policy):
        for k, (name, probability, level) in enumerate(steps):
            happens = (group == g) & (chance[:, k] < probability)
            y = torch.where(happens.view(-1, 1, 1, 1), operations[name](y, level), y)
    return y


EXERCISE = Exercise(
    name="augmentation.apply_policy",
    title="Sub-policies with probabilities",
    signature="apply_policy(x, policy, operations, group, chance)",
    points=2,
    minutes=15,
    difficulty=3,
    idea=(
        "Each picture walks through the steps of its own sub-policy, one after the other, and at each step its "
        "own number decides whether the step happens. What one step changed is what the next one gets."
    ),
    pseudocode="""
    y ← copy of x
    for each picture i:
        for each step k, (name, probability, level), of sub-policy group_i:
            if chance_(i,k) < probability:
                y_i ← operation `name` at this level, applied to y_i
    """,
    reference=apply_policy,
    cases=cases,
    drive=drive,
    misconceptions=(
        *mistakes(
            probability_ignored,
            steps_as_dictionary,
            one_group_per_batch,
            one_chance_per_batch,
            steps_reversed,
            first_step_only,
            last_step_wins,
            one_chance_for_all_steps,
            stops_early,
            one_step_at_most,
            level_ignored,
            all_groups,
            on_the_whole_batch,
            probability_and_level_swapped,
            sorted_by_group,
            at_most,
            result_thrown_away,
        ),
        mistake(inverted, inverted_with_the_edge),
    ),
    alternatives=(by_masks, stacked, everything_then_chosen),
    note="Return a batch of the shape of x.",
    forbidden=(*LIBRARIES, "course.augmentation"),
)
