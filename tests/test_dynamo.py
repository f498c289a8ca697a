"""PyTorch's compiler stays away until it is asked for, and then it is the real one."""

from __future__ import annotations

import subprocess
import sys

UNASKED = """
import inspect
import torch
from torch import nn, optim

model = nn.Linear(3, 2)
for kind in (optim.SGD, optim.Adam, optim.AdamW, optim.Adagrad):
    optimizer = kind(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2)
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    schedule.step()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
slopes = torch.func.grad(lambda w: (w**2).sum())(torch.ones(3))
assert slopes.tolist() == [2, 2, 2]
inspect.getmodule(optim.SGD.step)  # looks at every module
assert not dynamo.loaded()
"""
PART_FIRST = """
import torch._dynamo.config as config
from torch._dynamo.utils import counters
import torch

assert dynamo.loaded() and torch._dynamo.config is config is sys.modules["torch._dynamo.config"]
assert config.__spec__.loader is not None and config.__spec__.origin.endswith("config.py")
assert torch._dynamo.utils.counters is counters
assert stand_in.reset is torch._dynamo.reset  # whoever holds the old one gets to the real one
"""
COMPILED = """
zeroing = optim.Optimizer.zero_grad.__wrapped__
step = torch.compile(lambda x: 2 * x + 1, backend="eager")
assert step(torch.ones(2)).tolist() == [3, 3] and dynamo.loaded()
assert not hasattr(zeroing, dynamo.CACHE)
optimizer.zero_grad()
assert getattr(zeroing, dynamo.CACHE) is not zeroing  # kept from the compiler again
assert stand_in.disable(len) is not len and torch.func.grad(lambda w: w**3)(torch.tensor(1.0)) == 3
"""


def in_a_process(code: str) -> None:
    start = f"import sys\nfrom course import dynamo\nstand_in = sys.modules[{'torch._dynamo'!r}]\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", start + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_optimizers_and_gradients_do_without_it_until_something_is_compiled() -> None:
    in_a_process(UNASKED + COMPILED)


def test_a_part_of_it_may_be_imported_first() -> None:
    in_a_process(PART_FIRST)


def test_where_it_is_already_nothing_happens() -> None:
    in_a_process(
        "real = object()\nsys.modules[dynamo.NAME] = real\ndynamo.defer()\nassert sys.modules[dynamo.NAME] is real"
    )
