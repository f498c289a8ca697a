"""Several processes really train together, and do what one with the same total batch does."""

from __future__ import annotations

import json

import pytest

from course import parallel
from course.parallel import Comparison, ParallelError, compare


@pytest.mark.slow
def test_two_processes_do_what_one_with_the_same_total_batch_does():
    found = compare(processes=2, batch=32, epochs=3)
    assert isinstance(found, Comparison)
    many, one, small = found.runs
    assert (many.processes, one.processes, small.processes) == (2, 1, 1)
    assert many.backend == "gloo" or many.backend == "nccl"
    assert many.steps == one.steps == 3 * 1024 // 64
    assert small.steps == 2 * one.steps
    assert found.apart < 1e-5 < 0.1 < found.moved
    assert many.loss == pytest.approx(one.loss, rel=1e-4)
    assert abs(many.accuracy - small.accuracy) < 0.05  # what the linear scaling rule promises
    assert json.loads(json.dumps(found.rows()))[0]["batch"] == 32
    assert repr(found).count("\n") == 3
    assert found._repr_html_().count("<tr>") == 4


@pytest.mark.slow
def test_a_process_that_fails_is_told(monkeypatch):
    monkeypatch.setenv("RANK", "nonsense")  # torchrun sets its own; this must not disturb it
    monkeypatch.setattr(parallel, "_digits", lambda: {"x": parallel.torch.zeros(3)})
    with pytest.raises(ParallelError, match=r"(?s)torchrun failed.*(KeyError|Error)"):
        compare()


@pytest.mark.parametrize("wrong", [{"processes": 1}, {"batch": 7}, {"processes": 3}, {"epochs": 0}, {"lr": 0.0}])
def test_numbers_that_do_not_fit_are_told(wrong):
    with pytest.raises(ValueError, match="dividing 1024"):
        compare(**wrong)


def test_nothing_is_started_while_grading(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    monkeypatch.setattr(parallel, "_torchrun", None)
    assert "not run again" in compare()
