import json
import time

import pytest
import torch
from PIL import Image

from course.bench import BenchError, harness
from course.bench.harness import Contender, Work, alt, bandwidth, measure, one_thread, plot, seconds, table


def busy(factor):
    x = torch.rand(200, 200)

    def run():
        for _ in range(factor):
            torch.mm(x, x)

    return run


@pytest.fixture
def works():
    slow = Contender("slow", busy(160), peer=True)
    gone = Contender("gone", None, peer=True, missing="pip install gone")
    fast = Contender("fast", busy(20), difference=lambda: 0.25)
    return [Work("first", 8, 1000, (slow, gone, fast)), Work("second", 4, 1000, (gone, fast))]


@pytest.fixture
def rows(works):
    return measure(works, 5)


def test_ratios_are_of_the_first_contender_in_the_same_round(rows):
    slow, gone, fast, gone_too, alone = rows
    assert slow["ratio"] == 1
    assert slow["spread"] == 0
    assert 4 < fast["ratio"] < 16
    assert fast["images_per_second"] == pytest.approx(8 / fast["seconds"])
    assert fast["difference"] == 0.25
    assert 0 < fast["bandwidth"] < 1
    for row in (gone, gone_too):
        assert row["seconds"] is None
        assert row["missing"] == "pip install gone"
    assert alone["ratio"] is None  # there is nobody to compare with
    assert alone["seconds"] > 0
    json.dumps(rows)


def test_contenders_take_turns():
    order = []
    contenders = tuple(Contender(name, lambda name=name: order.append(name)) for name in "ab")
    told = []
    measure([Work("w", 1, 1, contenders)], 2, advance=told.append)
    assert order == told == ["a", "b"] * 3  # the first round does not count


def test_one_round_is_enough_and_none_is_not(works):
    assert measure(works, 1)[2]["spread"] == 0
    with pytest.raises(ValueError, match="repeats"):
        measure(works, 0)


def test_sleeping_costs_no_processor_time():
    assert seconds(lambda: time.sleep(0.2), torch.device("cpu")) < 0.1


def test_threads_are_put_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_copy_moves_a_plausible_number_of_bytes():
    assert 1e8 < bandwidth(torch.device("cpu"), 1 << 24) < 1e13
    assert harness.device_name(torch.device("cpu"))


def test_table_and_plot_show_everybody(rows):
    from rich.console import Console

    console = Console(record=True, width=100)
    console.print(table(rows, "Title"))
    text = console.export_text()
    for word in ("Title", "first", "second", "slow", "fast", "missing"):
        assert word in text
    figure = plot(rows, "Title")
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["slow", "fast"]
    assert "first, fast" in alt(rows)


def test_without_comparison_there_is_no_plot(rows):
    with pytest.raises(ValueError, match="no ratio to plot"):
        plot([r for r in rows if r["ratio"] is None], "nothing")


def test_report_writes_rows_and_a_picture_with_alternative_text(works, tmp_path, capsys):
    rows = harness.report(lambda _: works, "Title", tmp_path / "rows.json", tmp_path / "a" / "plot.png", 1)
    assert json.loads((tmp_path / "rows.json").read_text()) == rows
    with Image.open(tmp_path / "a" / "plot.png") as picture:
        assert "fast" in picture.text["Description"]
    out = capsys.readouterr().out
    assert "pip install gone" in out
    assert "Title" in out


def test_rows_can_be_printed_alone(works, capsys):
    from pathlib import Path

    rows = harness.report(lambda _: works[:1], "Title", Path("-"), None, 1)
    assert json.loads(capsys.readouterr().out) == rows


def test_only_what_is_asked_for_is_measured(works, tmp_path, capsys):
    rows = harness.report(lambda device: works, "Toys", tmp_path / "rows.json", None, 3, "SECOND")
    assert {row["work"] for row in rows} == {"second"}
    with pytest.raises(BenchError, match="has 'third' in its name; there is first; second"):
        harness.report(lambda device: works, "Toys", None, None, 3, "third")
