"""The equivalence table tells the truth: names lead somewhere, and the two answers are as close as it says."""

import pytest
import torch

from course import equivalences
from course.equivalences import Equivalence
from course.registry import SECTIONS

EVERY = equivalences.every()


@pytest.mark.parametrize("equivalence", EVERY, ids=lambda e: f"{e.reference}={e.peer}")
def test_ours_is_theirs(equivalence):
    library = equivalence.peer.split(".")[0]
    pytest.importorskip(library, reason=f"needs {library}, in the bench extra")
    ours, theirs = equivalence.resolve()
    assert callable(ours)
    assert callable(theirs)
    assert equivalence.largest_difference(range(100, 102)) <= equivalence.within


def test_each_section_has_some():
    assert {e.section for e in EVERY} == set(SECTIONS)


def test_a_difference_is_seen_wherever_it_is():
    def both(g):
        x = torch.rand(5, generator=g)
        return (x, [1.0, 2.0]), (x, [1.0, 2.5])

    one = Equivalence("descent.gd_step", "torch.sub", "", 0.1, both)
    assert one.largest_difference(range(3)) == 0.5
    with pytest.raises(ValueError, match="gives"):
        Equivalence("descent.gd_step", "torch.sub", "", 0.1, lambda g: ([1.0], [1.0, 2.0])).largest_difference([0])


def test_what_is_not_installed_is_said_not_measured(monkeypatch):
    def both(_):
        raise ImportError("no such library")

    one = Equivalence("descent.gd_step", "nowhere.step", "a | b", 2e-5, both)
    monkeypatch.setattr(equivalences, "of_section", lambda section: (one,) if section == "descent" else ())
    line = next(line for line in equivalences.page().splitlines() if "nowhere" in line)
    assert line.endswith(r"| a \| b | 2e−5 | not installed |")
