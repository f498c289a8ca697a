"""A small course of its own: two exercises, a written question, one picture, and a registry that knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = '''\
# ruff: noqa: F821
# %% [markdown]
# # Slopes
# {{overview slopes}}
#
# ![a slope](figures/slope.svg)

# %% locked=true
from course.check import check

# %% [markdown]
# ## Halve
# {{card slopes.halve}}


# %% exercise="slopes.halve"
def halve(x):
    """Half of x."""
    ### BEGIN SOLUTION
    the_half_of_it = x / 2
    return the_half_of_it
    ### END SOLUTION


# %% check="slopes.halve"
check("slopes.halve", halve)


# %% exercise="slopes.total"
def total(numbers):
    ### BEGIN SOLUTION
    result = 0
    for number in numbers:
        result += number  # adds up
    return result
    ### STUDENT
    # result = 1
    # for number in numbers:
    #     # multiplies?
    #     result *= number
    #
    # return result
    ### END SOLUTION


# %% check="slopes.total" points=3
check("slopes.total", total)

# %% [markdown]
# Why is a half smaller? {{card why_smaller}}

# %% [markdown] question="why_smaller" points=4 minutes=5 title="Why smaller"
# ### BEGIN SOLUTION
# Because two halves make a whole, and both are positive.
# ### END SOLUTION

# %%
# %matplotlib inline
print(halve)
'''


@dataclass(frozen=True)
class Exercise:
    name: str
    title: str
    points: float
    minutes: int
    difficulty: int


class Registry:
    """What `course.exercises` offers to the builder."""

    exercises = (Exercise("slopes.halve", "Halve", 2, 5, 1), Exercise("slopes.total", "Add up", 3.0, 10, 3))

    def get(self, name: str) -> Exercise:
        for e in self.exercises:
            if e.name == name:
                return e
        raise LookupError(f"no exercise {name!r}: did you mean slopes.halve?")

    def of_section(self, section: str) -> Sequence[Exercise]:
        if section != "slopes":
            raise LookupError(f"no section {section!r}; there is slopes")
        return self.exercises


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def source() -> str:
    return SOURCE


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one section; its course/authoring makes it recognisable as one."""
    root = tmp_path / "checkout"
    section = root / "solutions" / "01_slopes"
    (section / "figures").mkdir(parents=True)
    (section / "slopes.py").write_text(SOURCE, encoding="utf-8")
    (section / "figures" / "slope.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (section / "figures" / "draw.py").write_text("secret = 'how the picture is made'")
    (section / "notes.txt").write_text("for instructors only")
    (root / "course" / "authoring").mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "notebooks" / ".gitkeep").touch()
    return root
