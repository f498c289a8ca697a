"""`course doctor` shown ill environments: it names what is wrong and how to mend it."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from course import doctor
from course.doctor import Row, exit_code


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {r.name: r for r in rows}


def test_an_old_python():
    old = doctor.python((3, 10, 4))
    assert (old.ok, old.found) == (False, "3.10.4")
    assert "3.11" in old.mend
    assert doctor.python((3, 14, 0)).ok


def test_missing_and_old_packages_are_named_and_the_rest_counted():
    wanted = ["no-such-package>=1", "pytest<1", "numpy>=2", "typer", "timm>=1; extra == 'bench'"]
    rows = by_name(doctor.packages(wanted))
    assert set(rows) == {"no-such-package", "pytest", "other packages"}
    assert rows["no-such-package"].found == "not installed"
    assert "pip install 'no-such-package>=1'" in rows["no-such-package"].mend
    assert "pip install -U 'pytest<1'" in rows["pytest"].mend
    assert rows["other packages"].found == "2 of 2"
    assert exit_code(list(rows.values())) == 1


def test_our_own_requirements_are_the_ones_looked_at():
    rows = by_name(doctor.packages())
    assert set(doctor.PROMINENT) <= set(rows)
    assert rows["nbgrader"].needed == ">=0.9.6,<0.10"


def test_a_package_that_is_not_installed_itself(monkeypatch):
    monkeypatch.setattr(doctor, "DISTRIBUTION", "no-such-distribution")
    (row,) = doctor.packages()
    assert not row.ok
    assert "pip install -e ." in row.mend


def test_a_torchvision_for_another_torch():
    said = {"torch": True, "cuda": "", "torchvision_error": "RuntimeError: operator torchvision::nms does not exist"}
    rows = by_name(doctor.torch_and_torchvision(said))
    assert rows["torch works"].ok
    assert not rows["torchvision works"].ok
    assert "nms does not exist" in rows["torchvision works"].found
    assert "both from one index" in rows["torchvision works"].mend
    assert exit_code(list(rows.values())) == 1


def test_a_gpu_is_information():
    said = {"torch": True, "torchvision": True, "cuda": "Some GPU"}
    rows = by_name(doctor.torch_and_torchvision(said))
    assert rows["CUDA device"].found == "Some GPU"
    assert exit_code(list(rows.values())) == 0


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("import os; os.abort()", "crashed (signal 6)"),
        ("raise ImportError('libcudart.so is missing')", "ImportError: libcudart.so is missing"),
    ],
)
def test_a_torch_that_breaks_does_not_break_the_doctor(tmp_path, monkeypatch, module, says):
    (tmp_path / "torch.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (row,) = doctor.torch_and_torchvision()
    assert not row.ok
    assert says in row.found


def lab_extension(place: Path, name: str) -> None:
    folder = place / name
    folder.mkdir(parents=True)
    package = {"name": name, "version": "1.0", "jupyterlab": {"_build": {"load": "static/x.js"}}}
    (folder / "package.json").write_text(json.dumps(package))


def test_lab_extensions_missing_disabled_enabled(tmp_path, monkeypatch):
    lab_extension(tmp_path / "ext", "anywidget")
    lab_extension(tmp_path / "ext", "@jupyter-widgets/jupyterlab-manager")
    config = tmp_path / "config" / "labconfig"
    config.mkdir(parents=True)
    (config / "page_config.json").write_text('{"disabledExtensions": {"anywidget": true}}')
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(config.parent))

    rows = by_name(doctor.lab_extensions([str(tmp_path / "ext")]))
    assert [rows[n].found for n in ("widgets in Lab", "anywidget in Lab", "nbgrader in Lab")] == [
        "enabled",
        "disabled",
        "missing",
    ]
    assert rows["anywidget in Lab"].mend == "`jupyter labextension enable anywidget`"
    assert rows["nbgrader in Lab"].who == "instructors"


def test_the_validate_button_needs_its_server_part(tmp_path):
    assert not doctor.server_extension([str(tmp_path)]).ok
    settings = tmp_path / "jupyter_server_config.d"
    settings.mkdir()
    enabled = {"ServerApp": {"jpserver_extensions": {doctor.SERVER_EXTENSION: True}}}
    (settings / "nbgrader.json").write_text(json.dumps(enabled))
    assert doctor.server_extension([str(tmp_path)]).ok


def test_kernels_that_do_not_start_or_belong_to_another_python():
    dead = doctor.kernel(said={"error": "RuntimeError: Kernel died before replying to kernel_info"})
    assert not dead.ok
    assert "Kernel died" in dead.found
    foreign = doctor.kernel(said={"prefix": "/opt/another"})
    assert not foreign.ok
    assert "/opt/another" in foreign.found
    assert doctor.kernel(said={"prefix": sys.prefix}).ok


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    row = doctor.writable(tmp_path / "file" / "below", others=[tmp_path])
    assert not row.ok
    assert "below" in row.mend
    assert str(tmp_path) + "," not in row.found
    assert doctor.writable(tmp_path / "new" / "folder", others=[]).ok


def test_a_full_disk(tmp_path):
    assert doctor.disk(tmp_path / "new").ok
    row = doctor.disk(tmp_path, needed=1e9)
    assert not row.ok
    assert exit_code([row]) == 1


def test_alembic_beside_this_python_is_enough(tmp_path):
    empty = str(tmp_path)
    assert not doctor.alembic(path=empty, scripts=empty).ok
    program = tmp_path / "scripts" / "alembic"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    beside = doctor.alembic(path=empty, scripts=str(program.parent))
    assert beside.ok
    assert "beside" in beside.found


def test_sandboxes_that_are_missing_or_forbidden(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda *_, **__: None)
    assert "apt install bubblewrap" in doctor.bubblewrap().mend
    monkeypatch.setattr(doctor.shutil, "which", lambda *_, **__: "/usr/bin/bwrap")
    assert "forbids" in doctor.bubblewrap(lambda *_, **__: SimpleNamespace(returncode=1)).mend
    assert doctor.bubblewrap(lambda *_, **__: SimpleNamespace(returncode=0)).ok


def test_a_missing_extra_for_the_website_is_named_and_stops_no_student():
    wanted = ["numpy>=2", "no-such-theme>=1; extra == 'site'", "pytest<1; extra == 'site'", "timm>=1; extra == 'bench'"]
    row = doctor.website(wanted)
    assert (row.ok, row.who) == (False, "instructors")
    assert row.found.startswith("no-such-theme not installed, pytest ")
    assert "uv sync --extra site" in row.mend
    assert exit_code([row]) == 0
    assert doctor.website(["typer; extra == 'site'"]).found == "all 1 packages"
    assert not doctor.website([]).ok


def test_the_website_needs_what_our_own_extra_names():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    count = len(project["project"]["optional-dependencies"]["site"])
    assert doctor.website().found == f"all {count} packages"


def test_without_chromium_only_the_browser_tests_are_missing(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(doctor, "find_spec", lambda *_: None)
    row = doctor.chromium()
    assert (row.ok, row.who, row.found) == (False, "tests", "no chromium and no playwright")
    assert exit_code([row]) == 0


ILL = [
    Row("fine", "1", "1", True),
    Row("chromium [x]", "no", "yes", False, "`apt install chromium`", "tests"),
    Row("torch", "no", "yes", False, "`pip install torch`"),
]


@pytest.mark.parametrize(("rows", "code"), [(ILL, 1), (ILL[:2], 0)])
def test_the_table_shows_what_to_mend(monkeypatch, capsys, rows, code):
    monkeypatch.setattr(doctor, "examine", lambda _: rows)
    assert doctor.main() == code
    said = capsys.readouterr().out
    assert "chromium [x] (for tests): `apt install chromium`" in said
    assert ("Ready for the notebooks" in said) == (code == 0)


def test_json_rows(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(doctor, "examine", lambda _: ILL)
    assert doctor.main(tmp_path / "rows.json") == 1
    written = json.loads((tmp_path / "rows.json").read_text())
    assert [r["name"] for r in written] == ["fine", "chromium [x]", "torch"]
    assert set(written[0]) == {"name", "found", "needed", "ok", "mend", "who"}
    doctor.main(Path("-"))
    assert json.loads(capsys.readouterr().out) == written


@pytest.mark.slow
def test_the_environment_that_runs_the_tests_is_healthy():
    seen: list[str] = []
    rows = doctor.examine(seen.append)
    assert not [r for r in rows if not r.ok and r.who in ("students", "instructors") and r.name != "bubblewrap"]
    assert len(seen) >= 5
    assert all(not r.mend for r in rows if r.ok)
