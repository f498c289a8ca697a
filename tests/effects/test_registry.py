"""Effects are found by name; a name that is not there leads to those that are."""

from __future__ import annotations

import pytest

from course import effects


def test_every_effect_is_found_by_its_name_and_in_its_section():
    assert "descent" in effects.sections()
    assert effects.every() == tuple(e for s in effects.sections() for e in effects.of_section(s))
    for effect in effects.every():
        assert effects.get(effect.name) is effect
        assert effect in effects.of_section(effect.section)
    assert len({e.name for e in effects.every()}) == len(effects.every()) >= 5


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ("descent.ravin", "descent.ravine"),
        ("saddle", "descent.saddle"),
        ("decent.local_minimum", "descent.local_minimum"),
    ],
)
def test_near_names_are_offered(wanted, offered):
    with pytest.raises(effects.UnknownEffect, match=rf"no effect '{wanted}': did you mean .*{offered}"):
        effects.get(wanted)


def test_all_names_are_listed_where_none_is_near():
    with pytest.raises(effects.UnknownEffect, match=r"choose from .*descent\.ravine"):
        effects.get("xyzzy")
    with pytest.raises(effects.UnknownEffect, match=r"choose from .*descent"):
        effects.of_section("xyzzy")
