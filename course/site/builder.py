"""`course site`: notebooks run, pages gathered, Sphinx asked to make HTML of them, the old site replaced."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat

from course.authoring import solved
from course.authoring.notebook import text_of
from course.authoring.release import RELEASE_DIRECTORY
from course.files import write
from course.site.errors import SiteError
from course.site.execute import Executed, Page, Told, execute

MARK = ".cv-course-site"
NEEDED = {
    "sphinx": "Sphinx",
    "myst_nb": "MyST-NB",
    "furo": "Furo",
    "math_core": "math-core",
    "ziamath": "ziamath",
    "fontTools": "fonttools",
}
_SETTINGS = "from course.site.extension import CONFIGURATION\n\nglobals().update(CONFIGURATION)\n"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Site:
    """What was built: where, of which notebooks, and what Sphinx complained about (nothing, if all is well)."""

    folder: Path
    notebooks: Sequence[Executed]
    warnings: Sequence[str]

    @property
    def start(self) -> Path:
        """The page to open first."""
        return self.folder / "index.html"


def build(
    root: Path,
    output: Path,
    sections: Iterable[str] = (),
    solutions: bool = True,
    workers: int = 0,
    kept: Path | None = None,
    told: Told = lambda *_: None,
    written: Callable[[str], Any] = lambda _: None,
) -> Site:
    """Build the site of a checkout.

    Args:
        root: the checkout.
        output: the site's folder; an older site there is replaced when the new one is whole.
        sections: whose notebooks; all if empty.
        solutions: show the solved notebooks and what is for instructors, or the notebooks as students get them.
        workers: kernels at once; 0: one per processor.
        kept: where notebooks that have run are kept; `build/site-notebooks` of the checkout unless given.
        told: is told how far each notebook is.
        written: is told each page's name.

    Raises:
        SiteError: a library is missing, a notebook does not run, or `output` holds something else.
        AuthoringError: a section is unknown, its source broken, or its notebook not built.
    """
    _check_libraries()
    _check_output(output)
    from course.site import pages

    listed = pages.chapters(root)
    chosen = pages.chapters(root, tuple(sections)) or listed
    wanted = [_page(root, chapter.section, chapter.folder, solutions) for chapter in chosen]
    executed = execute(wanted, root, kept or root / "build" / "site-notebooks", workers, told)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=output.parent) as temporary:
        source, made = Path(temporary, "source"), Path(temporary, "html")
        for name, text in pages.texts(root, listed, wanted, solutions).items():
            write(source / name, text)
        _add_notebooks(source, root, executed)
        warnings = _sphinx(source, made, Path(temporary, "doctrees"), written)
        write(made / MARK, "Made by `course site`, which replaces this folder when it is run again.\n")
        if output.exists():
            output.rename(Path(temporary, "old"))
        made.rename(output)
    return Site(output, executed, warnings)


def _check_libraries() -> None:
    missing = [name for module, name in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise SiteError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: "
            "`uv sync --extra site` (or `pip install '.[site]'`) installs what a site needs"
        )


def _check_output(output: Path) -> None:
    """Never replace what is no site of ours."""
    if output.exists() and not (output / MARK).is_file() and (not output.is_dir() or any(output.iterdir())):
        raise SiteError(f"{output} holds something else than a site: give --output a folder that is new, or empty")


def _page(root: Path, section: str, folder: str, solutions: bool) -> Page:
    path = root / RELEASE_DIRECTORY / folder / f"{section}.ipynb"
    if not path.is_file():
        raise SiteError(f"{path} is missing; run `course build {section}` first")
    notebook = solved(section, root) if solutions else nbformat.read(path, as_version=4)
    return Page(section, folder, notebook, solutions)


def _add_notebooks(source: Path, root: Path, executed: Sequence[Executed]) -> None:
    from course.site.notebook import page_of

    static = source / "_static"
    static.mkdir(parents=True)
    shutil.copy(_HERE / "site.css", static)
    for done in executed:
        folder = source / done.page.folder
        write(folder / f"{done.page.section}.ipynb", text_of(page_of(done.notebook, static)))
        figures = root / RELEASE_DIRECTORY / done.page.folder / "figures"
        if figures.is_dir():
            shutil.copytree(figures, folder / "figures")


def _sphinx(source: Path, made: Path, doctrees: Path, written: Callable[[str], Any]) -> list[str]:
    """Make HTML; what Sphinx complains about, a line each."""
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    write(source / "conf.py", _SETTINGS)
    complaints = io.StringIO()
    with patch_docutils(), docutils_namespace():
        try:
            app = Sphinx(source, source, made, doctrees, "html", status=None, warning=complaints)
            app.connect("html-page-context", lambda app, page, *_: written(page))
            app.build(force_all=True)
        except SphinxError as error:
            raise SiteError(f"Sphinx gave up: {error}\n{complaints.getvalue()}") from error
    shutil.rmtree(made / "_sources", ignore_errors=True)
    told = re.sub(r"\x1b\[[\d;]*m", "", complaints.getvalue()).replace(f"{source}/", "")
    return [line for line in told.splitlines() if line.strip()]
