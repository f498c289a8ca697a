"""The challenge's network and its budget: how many pictures may be learned from is counted here, not on a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

BUDGET = 12_000
"""So many pictures may go through the network with gradients on: 40 passes over 300 pictures."""


class BudgetSpent(RuntimeError):
    """More pictures were learned from than the budget allows."""


class Budget:
    """Counts pictures: `left` says how many more may be learned from.

    Args:
        pictures: how many in all, ≥ 1.
    """

    paid: ClassVar[int] = 0  # from all budgets together: whoever opens a second one is found out

    def __init__(self, pictures: int = BUDGET) -> None:
        if pictures < 1:
            raise ValueError(f"a budget needs at least one picture, got {pictures}")
        self.pictures, self.used = pictures, 0
        self._through: Counter[str] = Counter()

    @property
    def left(self) -> int:
        """Pictures that may still go through with gradients on."""
        return self.pictures - self.used

    def spend(self, pictures: int) -> None:
        """Count pictures.

        Raises:
            BudgetSpent: there are fewer left.
        """
        if pictures > self.left:
            raise BudgetSpent(
                f"the budget is {self.pictures} pictures; {self.used} are used, and a batch of {pictures} no longer "
                "fits. Stop in time: network.budget.left says how many remain, and torch.no_grad() costs nothing."
            )
        self.used += pictures
        Budget.paid += pictures

    def through(self, layer: str, pictures: int) -> None:
        """Pictures go through a layer: what no other layer has paid for yet is paid.

        So a picture on its way through the whole network is counted once, and whoever lets some layers alone learn from
        more pictures pays for those.

        Raises:
            BudgetSpent: there are fewer left.
        """
        due = self._through[layer] + pictures - max(self._through.values(), default=0)
        if due > 0:
            self.spend(due)
        self._through[layer] += pictures

    def __deepcopy__(self, memo: dict[int, Any]) -> Budget:
        return self  # a copy of the network draws on the same budget

    def __repr__(self) -> str:
        return f"Budget({self.used} of {self.pictures} pictures used)"


class Network(nn.Module):
    """The network of the challenge: pictures (N, 3, 16, 16) in [0, 1] → scores (N, 3); 17 000 weights.

    Four convolutions, each followed by a place for a normalisation, then `head`. Every forward pass with gradients on
    is paid from `budget`, through the network or through a part of it; a copy (for an average of weights, say) pays
    from the same one.

    Args:
        budget: what it pays from.
        generator: of the start, He-initialised.
        norm: channels → layer, e.g. `nn.BatchNorm2d`; nothing by default.

    Raises:
        TypeError: `norm` is a layer itself, or something else than a function.
    """

    def __init__(
        self,
        budget: Budget,
        generator: torch.Generator | None = None,
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if norm is not None and (isinstance(norm, nn.Module) or not callable(norm)):
            raise TypeError(
                "norm is a function from channels to a layer, such as nn.BatchNorm2d, without parentheses, or "
                f"lambda channels: nn.GroupNorm(4, channels); got {norm!r}"
            )
        self.budget = budget
        body: list[nn.Module] = []
        for inputs, outputs, stride in ((3, 16, 1), (16, 16, 2), (16, 32, 1), (32, 32, 2)):
            body += [nn.Conv2d(inputs, outputs, 3, stride, 1), norm(outputs) if norm else nn.Identity(), nn.ReLU()]
        self.body = nn.Sequential(*body, nn.AvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(128, 3)
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.register_forward_pre_hook(partial(self._pay, name), with_kwargs=True)
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Scores; costs len(x) pictures if gradients are on."""
        return self.head(self.body(2 * x - 1))

    def _pay(self, layer: str, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Called before each layer that has weights."""
        if torch.is_grad_enabled():
            self.budget.through(layer, len(*args, *kwargs.values()))
