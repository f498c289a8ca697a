import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
import torch

from course.data import faces
from course.tour import ILSVRC, eigenfaces, haar_response, integral_image
from course.tour.milestones import MILESTONES
from course.widgets import Timeline
from course.widgets.svg import number
from course.widgets.tour import HEIGHT, LIST, MINIATURES, NAMES, WIDTH, axis, card, timeline_picture, when


def elements(svg: str, kind: str) -> list[ET.Element]:
    return list(ET.fromstring(f"<g>{svg}</g>").iter(kind))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES)
def test_every_milestone_has_a_card_that_says_what_its_caption_says(name):
    figure, m = timeline_picture(name), MILESTONES[NAMES.index(name)]
    ET.fromstring(figure.svg())
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r'href="[^"]*"', "", figure.svg()))
    assert figure.caption.startswith(f"{m.year}, {m.name} ({m.who}). {m.new} {m.then}")
    shown = " ".join(t.text for t in elements(figure.panels[1].front, "text"))
    for words in (m.who, m.new, m.then, m.source, m.room):
        assert words in shown
    assert figure == timeline_picture(name)


@pytest.mark.parametrize("name", NAMES)
def test_no_words_leave_the_card_or_meet(name):
    """Reckoned with a wide font (DejaVu Sans has .56 em a letter, on average)."""
    boxes = []
    for t in elements(card(NAMES.index(name)), "text"):
        size, x, y = float(t.get("font-size")), float(t.get("x")), float(t.get("y"))
        wide = 0.56 * size * len(t.text) * (1.08 if t.get("font-weight") else 1)
        left = x - {"start": 0, "middle": wide / 2, "end": wide}[t.get("text-anchor")]
        boxes.append((left, left + wide, y - 0.75 * size, y + 0.2 * size))
    assert all(left >= 2 and right <= WIDTH - 4 and bottom <= HEIGHT - 4 for left, right, _, bottom in boxes)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2], (name, a, b)


def test_the_axis_is_true_to_scale_and_its_rows_do_not_meet():
    assert when(2000) - when(1990) == pytest.approx(when(1970) - when(1960))
    dots = [float(c.get("cy")) for c in elements(axis(), "circle")]
    assert dots == pytest.approx([when(m.year) for m in MILESTONES], abs=0.06)
    rows = [float(t.get("y")) for t in elements(axis(), "text") if t.get("font-size") == "13"]
    assert len(rows) == len(MILESTONES)
    assert min(b - a for a, b in pairwise(rows)) > 16


def test_only_the_chosen_row_is_drawn_again_and_the_axis_stays():
    first, second = timeline_picture("HOG").panels[0], timeline_picture("GAN").panels[0]
    assert first.back == second.back
    assert [t.text for t in elements(first.front, "text")] == ["2005", "HOG"]


def test_the_pad_leads_to_the_row_that_is_pointed_at():
    told = Timeline().controls["pad"]
    assert (told["x"], told["y"]) == ("", "milestone")
    for i in range(len(NAMES)):
        y = LIST.at([[0, i]])[0, 1]
        lo, hi = told["ys"]
        assert lo + (hi - lo) * (1 - (y - told["top"]) / told["height"]) == pytest.approx(i)


def test_a_miniature_is_named_after_a_milestone_and_says_what_it_shows():
    assert set(MINIATURES) <= set(NAMES)
    for name in MINIATURES:
        assert [t.text[0].isupper() for t in elements(MINIATURES[name](330, 100), "text")][-1]


def test_the_haar_miniature_states_what_the_reference_measures():
    images, labels = faces("train")
    mean = images[labels == 1].mean((0, 1))
    value = float(haar_response(integral_image(mean), (6, 4, 8, 17), "edge-y"))
    assert value < 0, "eyes are darker than cheeks"
    assert f"minus lower box: {number(value)}." in MINIATURES["Haar wavelets"](330, 100)


def test_the_face_miniature_shows_mean_and_components():
    images, labels = faces("train")
    mean, parts = eigenfaces(images[labels == 1][:, 0], 3)
    assert torch.isfinite(mean).all()
    assert MINIATURES["Eigenfaces"](330, 100).count("<image") == 1 + len(parts)


@pytest.mark.parametrize(("name", "year"), [("NEC-UIUC", 2010), ("AlexNet", 2012)])
def test_the_error_curve_marks_the_year(name, year):
    bars = elements(MINIATURES[name](330, 100), "rect")
    assert [b.get("fill") == "var(--accent)" for b in bars] == [w.year == year for w in ILSVRC]
    high = [float(b.get("height")) for b in bars]
    assert [h / high[0] for h in high] == pytest.approx([w.error / ILSVRC[0].error for w in ILSVRC], abs=0.01)


def test_an_unknown_milestone_is_refused():
    with pytest.raises(ValueError, match="no milestone 'ResNet'; there are 'Solids from a photo', "):
        timeline_picture("ResNet")


def test_the_widget_shows_the_picture_of_its_knob_and_its_caption_only_aloud():
    widget = Timeline(milestone="SIFT")
    assert widget.figure() == timeline_picture("SIFT")
    widget.milestone = "LBP"
    assert widget.figure() == timeline_picture("LBP")
    assert widget.controls["aloud"]
    assert re.search(r'alt="1996, LBP', widget.figure().still())


@pytest.mark.parametrize("name", Timeline.presets)
def test_presets_lead_through_time(name):
    assert set(Timeline.presets[name]) == set(Timeline.knobs())
    order = [NAMES.index(p["milestone"]) for p in Timeline.presets.values()]
    assert order == sorted(set(order))
