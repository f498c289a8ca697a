"""`course lab`: the student's copy of the notebooks, and how JupyterLab is opened on it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from course import lab
from course.lab import LabError, copy_notebooks, describe

NOTEBOOK, PICTURE = "03_descent/descent.ipynb", "03_descent/figures/loop.svg"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Released notebooks."""
    place = tmp_path / "checkout" / "notebooks"
    for name in (NOTEBOOK, PICTURE):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"{name}, first release")
    (place / ".gitkeep").touch()
    (place / "03_descent/.ipynb_checkpoints").mkdir()
    (place / "03_descent/.ipynb_checkpoints/descent.ipynb").touch()
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cv-course"


def status(copied: list[lab.Copied]) -> dict[str, str]:
    return {c.name: c.status for c in copied}


def files(folder: Path) -> list[str]:
    below = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    return sorted(p.as_posix() for p in below if not p.parts[0].startswith("."))


def test_the_first_time_everything_is_copied_and_nothing_hidden(source, folder):
    assert status(copy_notebooks(folder, source)) == {NOTEBOOK: "new", PICTURE: "new"}
    assert files(folder) == [NOTEBOOK, PICTURE]
    assert (folder / NOTEBOOK).read_text() == f"{NOTEBOOK}, first release"


def test_the_second_time_the_students_work_stays(source, folder):
    copy_notebooks(folder, source)
    (folder / NOTEBOOK).write_text("my answers")
    (folder / PICTURE).unlink()
    assert status(copy_notebooks(folder, source)) == {NOTEBOOK: "kept", PICTURE: "new"}
    assert (folder / NOTEBOOK).read_text() == "my answers"


def test_a_newer_release_goes_beside_the_students_work_once(source, folder):
    copy_notebooks(folder, source)
    (folder / NOTEBOOK).write_text("my answers")
    (source / NOTEBOOK).write_text("second release")
    (found,) = [c for c in copy_notebooks(folder, source) if c.name == NOTEBOOK]

    assert (found.status, found.beside) == ("beside", "03_descent/descent-version-2.ipynb")
    assert (folder / NOTEBOOK).read_text() == "my answers"
    assert (folder / found.beside).read_text() == "second release"
    assert any("newer version" in line and "descent-version-2.ipynb" in line for line in describe([found], folder))

    assert status(copy_notebooks(folder, source))[NOTEBOOK] == "kept", "said once"
    assert files(folder) == ["03_descent/descent-version-2.ipynb", NOTEBOOK, PICTURE]

    (source / NOTEBOOK).write_text("third release")
    (folder / "03_descent/descent-version-2.ipynb").write_text("my answers moved over")
    (found,) = [c for c in copy_notebooks(folder, source) if c.name == NOTEBOOK]
    assert found.beside == "03_descent/descent-version-3.ipynb"
    assert (folder / "03_descent/descent-version-2.ipynb").read_text() == "my answers moved over"


def test_a_file_that_was_never_touched_is_brought_up_to_date(source, folder):
    copy_notebooks(folder, source)
    (source / NOTEBOOK).write_text("second release")
    copied = copy_notebooks(folder, source)
    assert status(copied)[NOTEBOOK] == "updated"
    assert (folder / NOTEBOOK).read_text() == "second release"
    assert any("had not changed" in line for line in describe(copied, folder))


@pytest.mark.parametrize("record", [None, "", "[1]", '{"03_descent/descent.ipynb": 3}'])
def test_without_a_usable_record_nothing_is_overwritten(source, folder, record):
    copy_notebooks(folder, source)
    (folder / NOTEBOOK).write_text("my answers")
    path = folder / ".cv-course" / "copied.json"
    path.unlink() if record is None else path.write_text(record)
    (source / NOTEBOOK).write_text("second release")
    assert status(copy_notebooks(folder, source))[NOTEBOOK] == "kept"
    assert (folder / NOTEBOOK).read_text() == "my answers"

    (source / NOTEBOOK).write_text("third release")
    assert status(copy_notebooks(folder, source))[NOTEBOOK] == "beside"


@pytest.mark.parametrize("inside", ["", "notebooks", "solutions/03_descent", "my-notebooks/../course"])
def test_the_work_tree_is_refused(source, inside):
    with pytest.raises(LabError, match="choose a folder of your own"):
        copy_notebooks(source.parent / inside, source)
    assert not (source.parent / "solutions").exists()


def test_the_folder_that_git_ignores_is_allowed(source):
    assert copy_notebooks(source.parent / "my-notebooks", source)


def test_a_file_in_place_of_the_folder_is_explained(source, folder):
    folder.parent.mkdir()
    folder.write_text("not a folder")
    with pytest.raises(LabError, match=r"cannot write to .*; choose another one with --folder"):
        copy_notebooks(folder, source)
    assert folder.read_text() == "not a folder"


def test_read_only_releases_give_writable_copies(source, folder):
    (source / NOTEBOOK).chmod(0o444)
    copy_notebooks(folder, source)
    assert (folder / NOTEBOOK).stat().st_mode & stat.S_IWUSR


def test_an_interrupted_copy_leaves_no_half_file(source, folder, monkeypatch):
    copy_notebooks(folder, source)
    (source / NOTEBOOK).write_text("second release")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        copy_notebooks(folder, source)
    assert (folder / NOTEBOOK).read_text() == f"{NOTEBOOK}, first release"
    assert files(folder) == [NOTEBOOK, PICTURE]


def test_no_open_copies_and_says_where(source, folder, monkeypatch, capsys):
    monkeypatch.setattr(lab, "released", lambda: source)
    assert lab.main(folder, no_open=True) == 0
    said = capsys.readouterr().out.replace("\n", "")
    assert str(folder) in said
    assert NOTEBOOK in said
    assert files(folder) == [NOTEBOOK, PICTURE]


def test_trouble_is_one_sentence_and_exit_code_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lab, "_PACKAGE", tmp_path / "nowhere" / "course")
    assert lab.main(tmp_path / "x", no_open=True) == 1
    assert "course build" in capsys.readouterr().err


def test_the_installed_package_brings_its_notebooks(tmp_path, monkeypatch):
    inside = tmp_path / "site-packages" / "course" / "_notebooks" / "03_descent"
    inside.mkdir(parents=True)
    (inside / "descent.ipynb").touch()
    monkeypatch.setattr(lab, "_PACKAGE", inside.parents[1])
    assert lab.released() == inside.parent


def test_jupyterlab_gets_the_folder_and_further_options(folder):
    assert lab.command(folder, ["--port", "9999"]) == [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        "--port",
        "9999",
    ]


def test_the_environments_own_scripts_come_first(folder):
    variables = lab.environment(folder, {"PATH": "/usr/bin", "JUPYTER_CONFIG_PATH": "/mine"})
    assert variables["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/usr/bin"]
    assert variables["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [str(folder / ".cv-course"), "/mine"]


ASK = """
import json, sys
from jupyter_client.kernelspec import KernelSpecManager
from nbgrader.apps import NbGrader
app = NbGrader()
app.load_config_file()
timeout = app.config.ExecutePreprocessor.timeout
print(json.dumps([KernelSpecManager().get_kernel_spec("python3").argv[0], timeout]))
"""


@pytest.mark.slow
def test_another_installations_kernel_does_not_win_and_validate_has_patience(source, folder, tmp_path):
    copy_notebooks(folder, source)
    foreign = tmp_path / "home/.local/share/jupyter/kernels/python3"
    foreign.mkdir(parents=True)
    (foreign / "kernel.json").write_text(json.dumps({"argv": ["/other/python"], "display_name": "?", "language": "?"}))
    inherited = {
        "HOME": str(tmp_path / "home"),
        "JUPYTER_DATA_DIR": str(foreign.parents[1]),
        "JUPYTER_PREFER_ENV_PATH": "0",  # as outside of a venv
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=lab.environment(folder, inherited),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    kernel, timeout = json.loads(done.stdout.splitlines()[-1])
    assert kernel in ("python", "python3", sys.executable), done.stderr
    assert timeout == 180
