"""The house is in order: style, types, current notebooks, nothing that ties it to one machine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def test_style():
    run("ruff", "check", ".")


def test_format():
    run("ruff", "format", "--check", ".")


@pytest.mark.slow
def test_types():
    run("mypy")


@pytest.mark.slow
def test_notebooks_are_current():
    run("course.cli", "build", "--check")


def test_no_lock_file_and_no_registry_host():
    for path in tracked():
        assert path.name not in ("uv.lock", "poetry.lock", "package-lock.json"), f"{path} must not be committed"
        if path.suffix in (".py", ".toml", ".md", ".yml", ".json", ".ipynb", "") and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            hosts = re.findall(r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|debian)\b[\w.-]*", text)
            assert not hosts, f"{path} names a registry: {hosts[0]}"


def test_student_notebooks_hold_no_solution():
    for path in (ROOT / "notebooks").rglob("*"):
        assert path.suffix != ".py", f"{path}: text sources stay in solutions/"
        if path.suffix == ".ipynb":
            text = path.read_text(encoding="utf-8")
            assert "BEGIN SOLUTION" not in text
            assert '"outputs": []' in text
            assert not re.search(r'"output_type"', text), f"{path} has outputs"


def test_markdown_links_lead_somewhere():
    for page in (p for p in tracked() if p.suffix == ".md"):
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_the_ledger_in_the_docs_is_that_of_the_present_claims():
    from course import effects

    rows = json.loads((ROOT / "docs" / "ledger.json").read_text(encoding="utf-8"))
    recorded = {row["effect"]: row["claim"] for row in rows}
    # The pretrained network is optional: its experiment exists only where the weights are installed.
    present = {effect.name: effect.claim for effect in effects.every()}
    stale = [name for name in present if recorded.get(name) != present[name]]
    assert not stale, f"run `course effects --ledger docs` for {', '.join(stale)}"
    assert set(recorded) - set(present) <= {"tour.names"}
    assert all(row["seeds"] >= 5 for row in rows)
    assert (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8") == effects.page(rows)


def test_a_share_is_written_with_a_space_before_its_sign():
    """84 %, as the notebooks typeset it; what an experiment says passes through `typeset`."""
    ours = [path for path in tracked() if path.suffix == ".py" and "effects" not in path.parts]
    for path in ours:
        if path.is_relative_to(ROOT / "course") or path.is_relative_to(ROOT / "solutions"):
            found = re.findall(r"\{[^{}]*:[^{}]*%\}", path.read_text(encoding="utf-8"))
            assert not found, f"{path}: write {{100 * share:.0f}} % for {found[0]}"
