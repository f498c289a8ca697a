import importlib

import pytest

from course.tour.challenge import ILSVRC
from course.tour.milestones import MILESTONES

BY_NAME = {m.name: m for m in MILESTONES}

# What the lecture's slides on the history name, and the milestone that tells it.
LECTURE = {
    "Machine perception of 3d solids": "Solids from a photo",
    "3D visual computing theory": "Marr's theory of vision",
    "Eigen Face": "Eigenfaces",
    "Haar wavelet features": "Haar wavelets",
    "Adaboost cascade classifiers": "AdaBoost",
    "VJ face detection": "Viola–Jones",
    "Local Binary Pattern": "LBP",
    "Scale Invariant Feature Transform": "SIFT",
    "Histogram of Oriented Gradients": "HOG",
    "ImageNet Large Database": "ImageNet",
    "NEC-UIUC 2010": "NEC-UIUC",
    "Deformable Part Model": "Deformable parts",
    "AlexNet": "AlexNet",
    "Fast R-CNN": "Fast R-CNN",
    "Generative Adversarial Networks": "GAN",
    "Image generation based on the text description": "Text to image",
    "Large scale vision deep models": "Large vision models",
    "Neural rendering": "Neural rendering",
    "Unified deep learning framework": "Open frameworks",
}


def test_every_milestone_of_the_lecture_is_there_once():
    assert sorted(LECTURE.values()) == sorted(m.name for m in MILESTONES)


def test_they_stand_in_the_order_of_time():
    years = [m.year for m in MILESTONES]
    assert years == sorted(years)


@pytest.mark.parametrize("m", MILESTONES, ids=BY_NAME)
def test_each_one_is_told_in_whole_sentences_with_its_source(m):
    assert m.who
    for words in (m.new, m.then):
        assert words[0].isupper()
        assert words.endswith(".")
        assert 40 <= len(words) <= 180
    assert 3 <= len(m.flow) <= 4
    # NEC-UIUC's paper came out the year after the challenge that it won.
    assert str(m.year + (m.name == "NEC-UIUC")) in m.source


@pytest.mark.parametrize("m", [m for m in MILESTONES if m.code], ids=lambda m: m.name)
def test_where_the_course_shows_it_there_is_something(m):
    module, name = m.code.split(":")
    assert getattr(importlib.import_module(module), name) is not None
    assert m.room[:2].isdigit()
    assert module.split(".")[1] in m.room


def test_a_place_in_the_course_and_its_code_come_together():
    assert all(bool(m.room) == bool(m.code) for m in MILESTONES)


def test_the_numbers_agree_with_the_error_curve():
    error = {w.year: w.error for w in ILSVRC}
    assert f"{100 - error[2010]:.0f} %" in BY_NAME["NEC-UIUC"].new
    assert f"{100 - error[2011]:.0f} %" in BY_NAME["NEC-UIUC"].then
    assert f"from {error[2011]} % to {error[2012]} %" in BY_NAME["AlexNet"].then


@pytest.mark.parametrize(
    ("name", "year", "source"),
    [
        ("Solids from a photo", 1963, "the lecture dates it 1964"),
        ("ImageNet", 2009, "the lecture dates the project 2006"),
        ("SIFT", 1999, "IJCV 60 (2004)"),
        ("LBP", 1996, "PAMI 24 (2002)"),
        ("AdaBoost", 1995, "JCSS 55 (1997)"),
        ("Deformable parts", 2008, "PAMI 32 (2010)"),
    ],
)
def test_where_two_years_are_told_both_are_given(name, year, source):
    assert BY_NAME[name].year == year
    assert source in BY_NAME[name].source
