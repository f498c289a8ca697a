"""The bench of widgets without a browser: what it makes of times, and what it says where there is no browser.

That it measures is tested in tests/browser/test_widgets_live.py.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from course import bench, widgets
from course.bench import browser
from course.bench.latency import INTERACT, alt, plot, quantile, rows, table
from course.bench.widgets import PEERS, PHOTOS, Contestant
from course.cli import app


def contestant(times, made=True, queued=(1,), right=(True,)):
    found = Contestant("it", SimpleNamespace(), object() if made else None)
    found.times += [("a", t) for t in times] + [("slow", 3 * times[-1])]
    found.queued += queued
    found.settled += [20.0 for _ in queued]
    found.right += right
    return found


def test_quantiles_are_values_that_were_measured():
    assert quantile([5, 1, 2, 4, 3], 0.5) == 3
    assert quantile(range(1, 101), 0.95) == 95
    assert quantile([7.0], 0.95) == 7


@pytest.mark.parametrize(
    ("ours", "theirs", "met"),
    [
        ({}, 90, True),
        ({}, 40, False),  # less than three times as fast
        ({"queued": (1, 4)}, 90, False),
        ({"right": (True, False)}, 90, False),
        ({"times": [20.0] * 9 + [90.0]}, 90, False),  # the slowest takes 270 ms
    ],
)
def test_a_goal_is_met_by_all_of_it(ours, theirs, met):
    one = contestant(**{"times": [20.0] * 20, **ours})
    other = contestant([float(theirs)] * 20, made=False)
    mine, peer = found = rows("work", "vector", [one, other])
    assert mine["met"] is met
    assert mine["times_as_fast"] == theirs / 20
    assert mine["slowest"][0] == "slow"
    assert (peer["met"], peer["goal"]) == (None, None)
    json.dumps(found)


def test_table_plot_and_words_show_everybody():
    found = rows("descent, α", "photo", [contestant([20.0] * 9), contestant([90.0] * 9, made=False)])
    from rich.console import Console

    console = Console(record=True, width=110)
    console.print(table(found, "Title"))
    text = console.export_text()
    for words in ("Title", "descent, α", INTERACT, "150", "4.5", "✓"):
        assert words in text
    labels = [t.get_text() for t in plot(found, "Title").axes[0].get_yticklabels()]
    assert labels == ["descent, α", INTERACT]
    assert "descent, α: median 20, 95th percentile 60" in alt(found)


def test_it_knows_the_widgets():
    assert bench.section("widgets").main
    assert {*PHOTOS, *PEERS} <= set(widgets.__all__)
    assert {"vector", "photo"} == {"photo" if name in PHOTOS else "vector" for name in PEERS}


@pytest.mark.parametrize(
    ("missing", "told"), [("find_spec", "pip install 'cv-course[bench]'"), ("program", "apt install chromium")]
)
def test_without_a_browser_it_says_what_to_install(monkeypatch, missing, told):
    monkeypatch.setattr(browser, missing, lambda *_: None)
    done = CliRunner().invoke(app, ["bench", "widgets"])
    assert done.exit_code == 1
    assert told in " ".join(done.output.split())
    assert "Traceback" not in done.output
