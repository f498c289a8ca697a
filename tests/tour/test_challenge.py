from itertools import pairwise

from course.tour import HUMAN, ILSVRC


def test_the_curve_is_complete_falls_and_breaks_in_2012():
    assert [w.year for w in ILSVRC] == list(range(2010, 2018))
    errors = [w.error for w in ILSVRC]
    assert errors == sorted(errors, reverse=True)
    assert [w.learned for w in ILSVRC] == [False] * 2 + [True] * 6
    steps = [a - b for a, b in pairwise(errors)]
    assert max(steps) == steps[1]  # from hand-made features to AlexNet
    assert next(w.year for w in ILSVRC if w.error < HUMAN[0]) == 2015
    assert all(w.source and w.team and w.method for w in ILSVRC)
