"""Data-parallel training for real: several processes, each with its part of every batch (lecture section 04).

`compare(processes=2)` trains the same network on the same digits in three ways and puts them side by side:

- N processes with B samples each and the rate Nη, by `torchrun` and `DistributedDataParallel`;
- one process with N·B samples and the rate Nη: the same mathematics, so the same weights up to rounding;
- one process with B samples and the rate η: what the linear scaling rule promises to be about as good.

Processes talk over NCCL where each has a GPU of its own, over gloo otherwise. `course parallel` runs it in a
terminal.
"""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SAMPLES = 1024  # of the 1 097 training digits: a multiple of every batch, so that all parts are equally large
SIZES = (8, 16, 32, 64)


class ParallelError(RuntimeError):
    """The processes could not be started, or one of them failed; the message holds its last words."""


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: what it is, in words.
        processes, batch, lr: how many, samples per process and step, learning rate.
        steps: updates made.
        loss: mean training loss over the last epoch.
        accuracy: on unseen digits.
        seconds: of training, without starting processes.
        backend: what the processes talk over; "none" for one.
    """

    name: str
    processes: int
    batch: int
    lr: float
    steps: int
    loss: float
    accuracy: float
    seconds: float
    backend: str


@dataclass(frozen=True)
class Comparison:
    """Three trainings, and how far the weights of the first two are apart.

    Attributes:
        runs: N processes; one with the same total batch; one with the batch and the rate of a single process.
        apart: largest difference between two weights of the first two runs.
        moved: largest distance that a weight went in training, for comparison.
    """

    runs: tuple[Run, ...]
    apart: float
    moved: float

    def rows(self) -> list[dict[str, Any]]:
        """The runs as plain fields."""
        return [asdict(run) for run in self.runs]

    @property
    def sentence(self) -> str:
        """What the first two runs have to do with each other."""
        first = self.runs[0]
        return (
            f"{first.processes} processes with {first.batch} samples each and one process with "
            f"{first.processes * first.batch}: after {first.steps} steps no two weights differ by more than "
            f"{self.apart:.1e}, while training moved weights by up to {self.moved:.2g}."
        )

    def cells(self) -> list[list[str]]:
        """The runs as rows of a table, under `COLUMNS`."""
        return [_cells(run) for run in self.runs]

    def __repr__(self) -> str:
        lines = [" · ".join(row) for row in self.cells()]
        return "\n".join([*lines, self.sentence])

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{h}</th>' for h in COLUMNS)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{html.escape(c)}</td>' for c in row) + "</tr>"
            for row in self.cells()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{html.escape(self.sentence)}</p>"


COLUMNS = ("run", "processes × batch", "rate", "steps", "last loss", "accuracy on unseen digits", "talk over")


def _cells(run: Run) -> list[str]:
    return [
        run.name,
        f"{run.processes} × {run.batch}",
        f"{run.lr:g}",
        str(run.steps),
        f"{run.loss:.4f}",
        f"{100 * run.accuracy:.1f} %",
        run.backend,
    ]


def compare(processes: int = 2, batch: int = 16, lr: float = 0.1, epochs: int = 6, seed: int = 0) -> Comparison | str:
    """Train with N processes, with one of the same total batch, and with one of the small batch.

    Args:
        processes: N, at least 2.
        batch: B, samples per process and step: 8, 16, 32 or 64, and N·B must divide 1 024.
        lr: η, the rate that goes with B; N·B gets N·η.
        epochs: passes over the data, ≥ 1.
        seed: of the first weights and of the order of the samples.

    Returns:
        The comparison; while nbgrader grades or validates, only a line, as no grade depends on it.

    Raises:
        ValueError: numbers that do not fit together.
        ParallelError: processes could not be started.

    Source: lecture, "Linear scaling rule"; Goyal et al. (2017); Li et al., "PyTorch distributed" (2020).
    """
    if processes < 2 or batch not in SIZES or SAMPLES % (processes * batch) or epochs < 1 or not lr > 0:
        raise ValueError(
            f"need ≥ 2 processes, a batch in {SIZES} with processes · batch dividing {SAMPLES}, epochs ≥ 1, lr > 0; "
            f"got {processes}, {batch}, {epochs}, {lr}"
        )
    if os.environ.get("NBGRADER_EXECUTION"):
        return "parallel training is not run again while grading"
    data, total, scaled = _digits(), processes * batch, processes * lr
    many, theirs = _torchrun(processes, _Plan("data-parallel", batch, scaled, epochs, seed), data)
    one, ours = _train(_Plan("one process, same total batch", total, scaled, epochs, seed), data)
    small, _ = _train(_Plan("one process, small batch", batch, lr, epochs, seed), data)
    start = _flat(_model(seed))
    return Comparison((many, one, small), (theirs - ours).abs().max().item(), (ours - start).abs().max().item())


# ----------------------------------------------------------------------------------------------- training


@dataclass(frozen=True)
class _Plan:
    name: str
    batch: int
    lr: float
    epochs: int
    seed: int


def _model(seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * (p.shape[-1] ** -0.5 if p.ndim > 1 else 0))
    return model


def _flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().cpu().flatten() for p in model.parameters()])


def _train(
    plan: _Plan, data: dict[str, Tensor], rank: int = 0, world: int = 1, device: str = "cpu"
) -> tuple[Run, Tensor]:
    """Train one process's share; all processes end with the same weights."""
    from course.descent import cross_entropy, gd_step, minibatches
    from course.training import accuracy

    x, y, new_x, new_y = (data[name].to(device) for name in ("x", "y", "new x", "new y"))
    bare = _model(plan.seed).to(device)
    model = nn.parallel.DistributedDataParallel(bare) if world > 1 else bare
    order = torch.Generator().manual_seed(plan.seed)
    begin, steps, total = time.perf_counter(), 0, torch.zeros((), device=device)
    for epoch in range(plan.epochs):
        for batch in minibatches(SAMPLES, world * plan.batch, order):
            part = batch[rank::world].to(device)  # every process draws the same batch, and takes its own part
            bare.zero_grad()
            loss = cross_entropy(model(x[part]), y[part])
            loss.backward()  # here DDP averages the gradients of all processes
            with torch.no_grad():
                for p in bare.parameters():
                    assert p.grad is not None
                    p.copy_(gd_step(p, p.grad, plan.lr))
            steps, total = steps + 1, total + loss.detach() * (epoch == plan.epochs - 1)
    seconds = time.perf_counter() - begin
    if world > 1:
        torch.distributed.all_reduce(total)
    mean = total.item() / world / (steps / plan.epochs)
    backend = torch.distributed.get_backend() if world > 1 else "none"
    test = accuracy(bare, new_x, new_y)
    run = Run(plan.name, world, plan.batch, plan.lr, steps, mean, test, seconds, backend)
    return run, _flat(bare)


def _digits() -> dict[str, Tensor]:
    """The digits to train on, mixed so that those left out are of all kinds, and those to test on."""
    from course.data import digits

    (x, y), (new_x, new_y) = digits("train"), digits("test")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:SAMPLES]
    return {"x": x[order], "y": y[order], "new x": new_x, "new y": new_y}


# ---------------------------------------------------------------------------------------------- processes


def _torchrun(processes: int, plan: _Plan, data: dict[str, Tensor]) -> tuple[Run, Tensor]:
    """Start the processes, wait for them, and read what the first one wrote."""
    from safetensors.torch import load_file, save_file

    with tempfile.TemporaryDirectory() as folder:
        save_file(data, Path(folder, "data.safetensors"))
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command += ["--module", "course.parallel", folder, json.dumps(asdict(plan))]
        quiet = {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR", "PYTHONWARNINGS": "ignore"}
        try:
            done = subprocess.run(
                command, env={**os.environ, **quiet}, capture_output=True, text=True, timeout=300, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ParallelError("the processes did not finish within 300 seconds") from error
        if done.returncode:
            raise ParallelError(f"torchrun failed. Its last words:\n{(done.stderr or done.stdout)[-2000:]}")
        run = Run(**json.loads(Path(folder, "run.json").read_text(encoding="utf-8")))
        return run, load_file(Path(folder, "weights.safetensors"))["weights"]


def worker(folder: str, plan: str) -> None:
    """What each of the processes does; the first one writes the result into the folder."""
    from safetensors.torch import load_file, save_file

    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.set_num_threads(1)
    gpus = torch.cuda.is_available() and torch.cuda.device_count() >= world
    device = f"cuda:{rank}" if gpus else "cpu"
    if gpus:
        torch.cuda.set_device(rank)
    torch.distributed.init_process_group("nccl" if gpus else "gloo")
    try:
        data = load_file(Path(folder, "data.safetensors"))
        run, weights = _train(_Plan(**json.loads(plan)), data, rank, world, device)
        if rank == 0:
            save_file({"weights": weights}, Path(folder, "weights.safetensors"))
            Path(folder, "run.json").write_text(json.dumps(asdict(run)), encoding="utf-8")
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    worker(*sys.argv[1:])
