"""Seeds: nobody can guess them, and a regrade finds them again."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.grading.verdict.examination import Examination
from course.grading.verdict.seeds import SECRET, beside, content_of, secret_of, seed_for

PARTS = ("ada", "03_descent", "descent", "0f", "descent.gd_step")


def test_the_same_parts_give_the_same_seed_and_others_another() -> None:
    secret = b"s" * 32
    seeds = {seed_for(secret, *PARTS), seed_for(b"t" * 32, *PARTS)}
    seeds |= {seed_for(secret, *PARTS[:i], "other", *PARTS[i + 1 :]) for i in range(len(PARTS))}
    seeds |= {seed_for(secret, "ada03", "_descent", *PARTS[2:])}
    assert len(seeds) == 2 + len(PARTS) + 1
    assert seed_for(secret, *PARTS) == seed_for(secret, *PARTS)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_secret_is_made_once_and_is_its_owner_s(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: secret_of(tmp_path), range(40)))
    assert len(secrets) == 1
    assert len(secrets.pop()) == 32
    assert stat.S_IMODE((tmp_path / SECRET).stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [SECRET]
    (tmp_path / "second").mkdir()
    assert secret_of(tmp_path / "second") != secret_of(tmp_path)


def test_a_damaged_secret_is_not_used(tmp_path: Path) -> None:
    (tmp_path / SECRET).write_bytes(b"short")
    with pytest.raises(ValueError, match="is damaged: it has 5 bytes"):
        secret_of(tmp_path)


def test_content_is_texts_and_types_of_cells_in_order() -> None:
    first, second = new_code_cell("x = 1"), new_code_cell("y")
    digests = {content_of(new_notebook(cells=cells)) for cells in ([first, second], [second, first], [first])}
    digests.add(content_of(new_notebook(cells=[new_markdown_cell("x = 1"), second])))
    assert len(digests) == 4
    other = new_code_cell("x = 1", id="renamed", metadata={"tags": ["a"]})
    assert content_of(new_notebook(cells=[first])) == content_of(new_notebook(cells=[other]))


@pytest.mark.parametrize(("folder", "secret"), [(0o755, 0o600), (0o775, 0o600), (0o2775, 0o640)])
def test_in_a_folder_that_instructors_share_their_group_reads_it_too(folder: int, secret: int, tmp_path: Path) -> None:
    tmp_path.chmod(folder)
    secret_of(tmp_path)
    assert (tmp_path / SECRET).stat().st_mode & 0o777 == secret


def test_answers_that_are_handed_in_beside_the_same_notebook_are_answers_to_other_inputs() -> None:
    """Feedback tells some of the inputs, and what was right."""
    first = new_notebook(cells=[new_code_cell("from mine import f"), new_markdown_cell("![a](attachment:a.png)")])
    files = {"n.ipynb": b"1", "timestamp.txt": b"2026-01-02 03:04:05.6 UTC"}
    assert beside(files, "n.ipynb") == beside({}, "n.ipynb") == ""
    others = [
        {**files, name: text} for name, text in (("a", b""), ("a", b"x"), ("b", b"x"), ("timestamp.txt", b"x" * 99))
    ]
    assert len({beside(each, "n.ipynb") for each in others}) == 4
    about = {"student": "ada", "assignment": "a", "notebook": "n"}
    before = content_of(first)
    first.cells[1].attachments = {"a.png": {"image/png": "AAAA"}}
    assert content_of(first) != before
    cell = new_code_cell('check("descent.gd_step", gd_step)')
    seeds = {Examination(b"s", about, first, beside(each, "n.ipynb")).seed(cell) for each in (files, *others)}
    assert len(seeds) == 5
