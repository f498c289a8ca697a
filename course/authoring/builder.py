"""`course build`: all sources → instructor notebooks in `build/instructor` → student notebooks in `notebooks`.

Everything is made in a temporary directory first; files come into the checkout one by one, each complete,
when all of it is known to be right.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import nbformat

from course.authoring.cells import AuthoringError, Registry, Source
from course.authoring.notebook import instructor_notebook, text_of
from course.authoring.regions import student_text
from course.authoring.release import RELEASE_DIRECTORY, SOURCE_DIRECTORY, generate
from course.authoring.source import load
from course.files import write

Status = Literal["current", "written", "missing", "stale", "surplus"]
_FOLDER = re.compile(r"\d\d_([a-z][a-z0-9_]*)")
_ORDER = ("missing", "stale", "surplus", "written", "current")


@dataclass(frozen=True)
class Built:
    """What a build did, or a check found, for one folder of `notebooks`.

    `files` gives the status of each file below `notebooks`, `status` the most remarkable of them; `path` is the
    student notebook, `instructor` the instructor's.
    """

    folder: str
    section: str
    path: Path
    instructor: Path
    exercises: int = 0
    points: float = 0.0
    files: dict[str, Status] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """missing, stale, surplus, written, or current when nothing had to be done."""
        return min(self.files.values(), key=_ORDER.index, default="current")

    @property
    def ok(self) -> bool:
        """Whether `notebooks` now holds exactly what the source gives."""
        return self.status in ("written", "current")

    def advice(self) -> str:
        """One sentence for whoever has to act; empty if nobody has to."""
        of = {status: [f for f, s in self.files.items() if s == status] for status in _ORDER}
        parts = [f"{', '.join(of[s])} {'is' if len(of[s]) == 1 else 'are'} {s}" for s in ("missing", "stale") if of[s]]
        advice = [f"{'; '.join(parts)}: run `course build` and commit."] if parts else []
        if of["surplus"]:
            advice.append(f"No source gives {', '.join(of['surplus'])}: remove it, or move it away.")
        return " ".join(advice)


def build(
    root: Path | str,
    sections: Iterable[str] | None = None,
    check: bool = False,
    exercises: Registry | None = None,
    progress: Callable[[str], Any] = lambda _: None,
) -> list[Built]:
    """Build the notebooks of a checkout, or with `check` only compare them with the sources.

    Args:
        root: the checkout, with `solutions` and `notebooks` in it.
        sections: names such as `descent` or `03_descent`; none means all.
        check: write nothing (neither student nor instructor notebooks).
        exercises: where exercises are looked up; `course.exercises` unless given.
        progress: called with the folder's name before each.

    Raises:
        SourceError: sources are broken. AuthoringError: anything else that prevents a build.
    """
    root = Path(root)
    registry = exercises if exercises is not None else _exercises()
    wanted = tuple(sections or ())
    sources = _load_all(find_sources(root, wanted), registry, root)
    built = []
    with tempfile.TemporaryDirectory(prefix="cv-course-build-") as temporary:
        made = []
        for source in sources:
            progress(source.folder)
            made.append((source, make(source, registry, Path(temporary))))
        for source, files in made:
            if not check:
                _sync_instructor(root, source, Path(temporary))
            built.append(_deliver(root, source, files, registry, check))
    return built + ([] if wanted else _without_source(root, sources))


def find_sources(root: Path, sections: Iterable[str] = ()) -> list[Path]:
    """The sources of a checkout: `solutions/<nn_name>/<name>.py`, in order, all or those asked for.

    Raises:
        AuthoringError: there are none, a section is unknown, or a folder's source is missing.
    """
    folders = _folders(root / "solutions")
    by_name = folders | {p.name: p for p in folders.values()}
    chosen: list[Path] = []
    for section in sections:
        name = section.rstrip("/").split("/")[-1].removesuffix(".py")
        if name not in by_name:
            near = get_close_matches(name, by_name, n=3) or list(folders)
            raise AuthoringError(f"no section {section!r} in solutions; did you mean {' or '.join(near)}?")
        chosen.append(by_name[name])
    paths = [p / f"{_name(p)}.py" for p in dict.fromkeys(chosen or folders.values())]
    for path in paths:
        if not path.is_file():
            raise AuthoringError(f"{path.relative_to(root).as_posix()} is missing; it is the source of that section")
    return paths


def _folders(solutions: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(solutions.glob("[!._]*")):
        match = _FOLDER.fullmatch(path.name)
        if path.is_dir() and (match is None or match[1] in found):
            why = f"{found[match[1]]} has that name too" if match else "names look like 03_descent"
            raise AuthoringError(f"{path}: rename this folder, {why}")
        if path.is_dir() and match:
            found[match[1]] = path
    if not found:
        raise AuthoringError(f"no sources in {solutions.absolute()}: expected folders such as solutions/03_descent")
    return found


def make(source: Source, exercises: Registry, course: Path) -> dict[str, bytes]:
    """Both notebooks of a source, below the temporary directory `course`; the student folder's files.

    Raises:
        AuthoringError: nbgrader failed, or the student notebook is not what the source says.
    """
    instructor, notebook = course / SOURCE_DIRECTORY / source.folder, f"{source.section}.ipynb"
    files = {notebook: text_of(instructor_notebook(source, exercises)).encode()}
    files |= {name: path.read_bytes() for name, path in source.figures.items()}
    for name, content in files.items():
        write(instructor / name, content)
    released = generate(course, source.folder)
    student = {p.relative_to(released).as_posix(): p.read_bytes() for p in released.rglob("*") if p.is_file()}
    if set(student) != set(files):
        raise AuthoringError(f"{source.folder}: nbgrader released {sorted(student)}, not {sorted(files)}")
    student[notebook] = student[notebook].replace(b"\r\n", b"\n")  # nbconvert writes the machine's line ends
    _compare_versions(source, files[notebook], student[notebook])
    return student


def _compare_versions(source: Source, instructor: bytes, student: bytes) -> None:
    """Whatever nbgrader did: each cell must read as the rules of `regions` say, and carry no output."""
    pairs = zip(_notebook(instructor).cells, _notebook(student).cells, strict=True)
    for cell, (theirs, ours) in zip(source.cells, pairs, strict=True):
        if ours.source != student_text(theirs.source, theirs.cell_type) or ours.get("outputs"):
            raise AuthoringError(f"{source.shown}:{cell.line}: nbgrader did not make the student version as expected")


def _notebook(content: bytes) -> Any:
    return nbformat.reads(content.decode(), as_version=4)


def _load_all(paths: list[Path], exercises: Registry, root: Path) -> list[Source]:
    sources, broken = [], []
    for path in paths:
        try:
            sources.append(load(path, exercises, root))
        except AuthoringError as e:
            broken.append(e)
    if len(broken) == 1:
        raise broken[0]
    if broken:
        raise AuthoringError("\n".join(map(str, broken)))
    return sources


def _deliver(root: Path, source: Source, files: dict[str, bytes], exercises: Registry, check: bool) -> Built:
    folder = root / RELEASE_DIRECTORY / source.folder
    statuses: dict[str, Status] = {}
    for name in sorted(files, key=lambda n: n.endswith(".ipynb")):  # the notebook last, when its pictures are there
        path = folder / name
        if path.is_file() and path.read_bytes() == files[name]:
            statuses[f"{source.folder}/{name}"] = "current"
        elif check:
            statuses[f"{source.folder}/{name}"] = "stale" if path.exists() else "missing"
        else:
            write(path, files[name])
            statuses[f"{source.folder}/{name}"] = "written"
    statuses |= {f"{source.folder}/{name}": "surplus" for name in _visible(folder) if name not in files}
    checks = [c for c in source.cells if c.role == "check"]
    points = sum(exercises.get(c.subject).points for c in checks) + sum(q.options["points"] for q in source.questions)
    name = f"{source.section}.ipynb"
    instructor = root / SOURCE_DIRECTORY / source.folder / name
    return Built(source.folder, source.section, folder / name, instructor, len(checks), float(points), statuses)


def _without_source(root: Path, sources: list[Source]) -> list[Built]:
    known = {s.folder for s in sources}
    found = []
    for folder in sorted((root / RELEASE_DIRECTORY).glob("[!.]*")):
        if folder.name not in known:
            names = [f"{folder.name}/{n}" for n in _visible(folder)] if folder.is_dir() else [folder.name]
            section = folder.name.split("_", 1)[-1]
            statuses: dict[str, Status] = dict.fromkeys(names, "surplus")
            found.append(Built(folder.name, section, folder / f"{section}.ipynb", Path(), files=statuses))
    return [b for b in found if b.files]


def _visible(folder: Path) -> list[str]:
    below = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return [p.as_posix() for p in below if not any(part.startswith(".") for part in p.parts)]


def _sync_instructor(root: Path, source: Source, temporary: Path) -> None:
    """A build product: replaced whole, since nbgrader would hand every old file in it to the students."""
    made, target = (base / SOURCE_DIRECTORY / source.folder for base in (temporary, root))
    names = _visible(made)
    for name in names:
        write(target / name, (made / name).read_bytes())
    for old in set(_visible(target)) - set(names):
        (target / old).unlink()
    for checkpoints in target.rglob(".ipynb_checkpoints"):
        shutil.rmtree(checkpoints)


def _name(folder: Path) -> str:
    return folder.name.split("_", 1)[1]


def _exercises() -> Registry:
    import course.exercises

    return course.exercises
