"""Start from a pretrained network: carry its weights over, and give its parts rates of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def finetune_groups(model: nn.Module, lr_backbone: float, lr_head: float) -> list[dict[str, Any]]:
    """Two parameter groups for an optimizer: the pretrained part at a small rate, the new head at a larger one.

    Args:
        model: its new last part is `model.head`; all else is the backbone.
        lr_backbone: rate η ≥ 0 of all that is not in the head.
        lr_head: rate η ≥ 0 of the head.

    Returns:
        The backbone's group, then the head's: `{"params": [...], "lr": ...}`. Frozen parameters (`requires_grad` is
        False) are in neither; a group with nothing in it is left out.

    Raises:
        ValueError: there is no `model.head` that is a module, a rate is negative, or all is frozen.

    Source: lecture, "Learning rate" (0.001–0.01 for fine-tuning) and "Summary".
    """
    last = getattr(model, "head", None)
    if not isinstance(last, nn.Module):
        raise ValueError(f"the model's last part must be called head; {type(model).__name__} has no such module")
    if not (lr_backbone >= 0 and lr_head >= 0):
        raise ValueError(f"rates must be ≥ 0, got {lr_backbone} and {lr_head}")
    head = {id(p) for p in last.parameters()}
    moving = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in moving if id(p) not in head], "lr": lr_backbone},
        {"params": [p for p in moving if id(p) in head], "lr": lr_head},
    ]
    if not moving:
        raise ValueError("all parameters are frozen: set requires_grad of those that shall learn")
    return [group for group in groups if group["params"]]


@torch.no_grad()
def transplant(source: nn.Module, target: nn.Module) -> list[str]:
    """Copy into `target` whatever `source` has under the same name and in the same shape; weights and statistics.

    Args:
        source: the pretrained network.
        target: the new one, changed in place; what does not fit (its head, say) keeps its start.

    Returns:
        Names of what was not copied.

    Raises:
        ValueError: nothing fits.
    """
    given = source.state_dict()
    own = target.state_dict()
    fits = [name for name, value in own.items() if name in given and given[name].shape == value.shape]
    if not fits:
        raise ValueError(f"{type(source).__name__} has nothing that fits into {type(target).__name__}")
    for name in fits:
        own[name].copy_(given[name])
    return [name for name in own if name not in fits]
