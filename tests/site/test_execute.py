"""Notebooks run once: what they gave is kept under a name made of all that decides it."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course.site.errors import SiteError
from course.site.execute import Page, execute

SOURCE = "import os; print('ran', os.path.basename(os.getcwd()), os.environ.get('COURSE_SEED'))"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "notebooks" / "03_descent").mkdir(parents=True)
    (tmp_path / "course" / "site").mkdir(parents=True)
    (tmp_path / "course" / "descent.py").write_text("")
    return tmp_path


def page(*sources):
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    return Page("descent", "03_descent", new_notebook(cells=cells), solved=True)


@pytest.mark.slow
def test_a_second_run_runs_nothing_and_a_changed_library_runs_again(root, monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "3")
    kept = root / "kept"
    (first,) = execute([page(SOURCE)], root, kept)
    assert first.seconds > 0
    assert first.notebook.cells[0].outputs[0].text == "ran 03_descent None\n"
    (root / "course" / "site" / "build.py").write_text("# no notebook sees this")
    told = []
    (second,) = execute([page(SOURCE)], root, kept, told=lambda *told_: told.append(told_))
    assert (second.seconds, second.notebook) == (0.0, first.notebook)
    assert told == [("descent", None)]

    def running(share):
        raise RuntimeError("it runs")

    for change in (
        lambda: (root / "course" / "descent.py").write_text("x = 1"),
        lambda: next(kept.iterdir()).write_text("{"),
    ):
        change()
        with pytest.raises(RuntimeError, match="it runs"):
            execute([page(SOURCE)], root, kept, told=lambda name, share: running(share))


@pytest.mark.slow
def test_a_cell_that_fails_is_named_and_nothing_is_kept(root):
    with pytest.raises(SiteError, match=r"(?s)03_descent cannot be shown.*1 / 0.*ZeroDivisionError"):
        execute([page("1 / 0")], root, root / "kept")
    assert not list(root.glob("kept/*"))
