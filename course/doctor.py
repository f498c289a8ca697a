"""`course doctor`: what is missing in an environment, and how to mend it.

Each examination is a function that returns rows; what it looks at can be handed in, so that tests can show it an
ill environment. Whatever might crash or hang (a torchvision for another torch, a kernel) runs in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from course.files import write_rows
from course.lab import FOLDER, environment

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Who = Literal["students", "instructors", "tests", "information"]

DISTRIBUTION = "cv-course"
GIGABYTES = 1.0
"""Free disk that a student needs: notebooks, data sets, a cache or two."""

PROMINENT = ("torch", "torchvision", "jupyterlab", "nbgrader", "ipywidgets", "anywidget")
LAB_EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": ("widgets in Lab", "jupyterlab_widgets"),
    "anywidget": ("anywidget in Lab", "anywidget"),
    "@jupyter/nbgrader": ("nbgrader in Lab", "nbgrader"),
}
SERVER_EXTENSION = "nbgrader.server_extensions.validate_assignment"

TORCH_PROBE = """
import json
said = {}
try:
    import torch
    said["torch"] = float(torch.ones(2) @ torch.ones(2)) == 2.0
    said["cuda"] = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
except Exception as error:
    said["torch_error"] = f"{type(error).__name__}: {error}"
else:
    try:
        from torchvision.ops import nms
        said["torchvision"] = nms(torch.tensor([[0.0, 0, 1, 1]]), torch.ones(1), 0.5).tolist() == [0]
    except Exception as error:
        said["torchvision_error"] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""

KERNEL_PROBE = """
import json
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="python3", startup_timeout=90)
said = []
try:
    client.execute_interactive(
        "import sys; print(sys.prefix)", timeout=60, output_hook=lambda m: said.append(m["content"].get("text", ""))
    )
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps({"prefix": "".join(said).strip()}))
"""


@dataclass(frozen=True)
class Row:
    """One thing that was looked at.

    `who` needs it: students (without it nobody can work on the notebooks), instructors, tests, or nobody
    (information). `mend` says what to do if it is not `ok`.
    """

    name: str
    found: str
    needed: str
    ok: bool
    mend: str = ""
    who: Who = "students"


def main(json_file: Path | None = None) -> int:
    """Examine, show a table (or write JSON rows to a file, `-` for the terminal), and return the exit code."""
    from rich.console import Console

    console = Console(highlight=False)
    with Console(stderr=True).status("examining …") as status:
        rows = examine(lambda name: status.update(f"examining {name} …"))
    if json_file is not None:
        write_rows([asdict(r) for r in rows], json_file)
        return exit_code(rows)
    console.print(_table(rows))
    for row in rows:
        if not row.ok:
            console.print(f"{row.name} (for {row.who}): {row.mend}", markup=False)
    console.print("Something is missing for students." if exit_code(rows) else "Ready for the notebooks.")
    return exit_code(rows)


def examine(progress: Callable[[str], Any] = lambda _: None, folder: Path = FOLDER) -> list[Row]:
    """All examinations, in the order in which things must be mended. Takes some seconds: torch and a kernel start."""
    examinations: dict[str, Callable[[], Sequence[Row]]] = {
        "Python": lambda: [python()],
        "packages": packages,
        "torch": torch_and_torchvision,
        "JupyterLab": lambda: [*lab_extensions(), server_extension()],
        "the kernel": lambda: [kernel(folder)],
        "folders": lambda: [writable(folder), disk(folder)],
        "tools": lambda: [alembic(), bubblewrap(), website(), chromium()],
    }
    rows: list[Row] = []
    for name, examination in examinations.items():
        progress(name)
        rows += examination()
    return [replace(r, mend="") if r.ok else r for r in rows]


def exit_code(rows: Sequence[Row]) -> int:
    """1 if a student could not work here, else 0."""
    return int(any(not r.ok and r.who == "students" for r in rows))


# ------------------------------------------------------------------------------------------------ packages


def python(version: Sequence[int] = sys.version_info[:3], lowest: tuple[int, int] = (3, 11)) -> Row:
    """The interpreter's version."""
    found, needed = ".".join(map(str, version[:3])), ".".join(map(str, lowest))
    mend = f"make a new environment with Python {needed} or newer, e.g. `uv venv --python {needed}`"
    return Row("Python", found, f"≥ {needed}", tuple(version[:2]) >= lowest, mend)


def packages(requirements: Sequence[str] | None = None) -> list[Row]:
    """The packages that this one says it needs: the important ones, those that are amiss, and a count of the rest."""
    from packaging.requirements import Requirement

    if requirements is None:
        try:
            requirements = metadata.requires(DISTRIBUTION) or []
        except metadata.PackageNotFoundError:
            return [Row(DISTRIBUTION, "not installed", "installed", False, "in the checkout: `pip install -e .`")]
    needed = [r for r in map(Requirement, requirements) if r.marker is None or r.marker.evaluate({"extra": ""})]
    rows = [_package(r) for r in needed]
    shown = [r for r in rows if r.name in PROMINENT or not r.ok]
    rest = len(rows) - len(shown)
    return shown + ([Row("other packages", f"{rest} of {rest}", "all", True)] if rest else [])


def _package(requirement: Requirement) -> Row:
    name, needed = requirement.name, ",".join(sorted(map(str, requirement.specifier), reverse=True))
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Row(name, "not installed", needed, False, f"`pip install '{name}{needed}'`")
    fits = requirement.specifier.contains(version, prereleases=True)
    return Row(name, version, needed, fits, f"`pip install -U '{name}{needed}'`")


def torch_and_torchvision(said: Mapping[str, Any] | None = None) -> list[Row]:
    """Whether torch computes, whether torchvision was made for this torch, and whether there is a GPU."""
    said = _probe(TORCH_PROBE) if said is None else said
    again = "`pip install --force-reinstall torch torchvision`"
    both = f"{again}: both from one index. A CPU-only torch needs the CPU-only torchvision of the same release"
    if not said.get("torch"):
        return [Row("torch works", _short(said.get("torch_error") or said.get("error", "")), "computes", False, again)]
    fits, trouble = bool(said.get("torchvision")), said.get("torchvision_error") or said.get("error", "")
    found = "imports, fits torch" if fits else _short(trouble)
    return [
        Row("torch works", "computes", "computes", True),
        Row("torchvision works", found, "fits torch", fits, both),
        Row("CUDA device", said.get("cuda") or "none (everything runs on the CPU)", "–", True, who="information"),
    ]


# ------------------------------------------------------------------------------------------------ Jupyter


def lab_extensions(paths: Sequence[str] | None = None) -> list[Row]:
    """JupyterLab's parts for widgets and for nbgrader's buttons: present, and not disabled."""
    try:
        from jupyter_core.paths import jupyter_path
        from jupyterlab_server.config import get_page_config
    except ImportError as error:
        return [Row("JupyterLab's extensions", _short(str(error)), "present", False, "`pip install jupyterlab`")]
    page = get_page_config(list(paths) if paths is not None else jupyter_path("labextensions"))
    present = {e["name"] for e in page.get("federated_extensions", [])}
    disabled = {str(name).split(":")[0] for name in page.get("disabledExtensions", [])}
    rows = []
    for name, (label, package) in LAB_EXTENSIONS.items():
        found = "missing" if name not in present else "disabled" if name in disabled else "enabled"
        enable = f"`jupyter labextension enable {name}`"
        mend = enable if found == "disabled" else f"`pip install --force-reinstall --no-deps {package}`"
        who: Who = "instructors" if "nbgrader" in name else "students"
        rows.append(Row(label, found, "enabled", found == "enabled", mend, who))
    return rows


def server_extension(paths: Sequence[str] | None = None) -> Row:
    """The server's half of nbgrader's Validate button."""
    try:
        from jupyter_core.paths import jupyter_config_path
        from jupyter_server.extension.config import ExtensionConfigManager
    except ImportError as error:
        return Row("nbgrader's server part", _short(str(error)), "enabled", False, "`pip install jupyterlab`")
    where = list(paths) if paths is not None else jupyter_config_path()
    enabled = bool(ExtensionConfigManager(read_config_path=where).enabled(SERVER_EXTENSION))
    mend = f"`jupyter server extension enable --sys-prefix {SERVER_EXTENSION}`"
    found = "enabled" if enabled else "not enabled"
    return Row("nbgrader's server part", found, "enabled (Validate button)", enabled, mend, "instructors")


def kernel(folder: Path = FOLDER, said: Mapping[str, Any] | None = None) -> Row:
    """Whether the kernel `python3`, as `course lab` starts it, runs in this environment."""
    said = _probe(KERNEL_PROBE, environment(folder.expanduser())) if said is None else said
    prefix = said.get("prefix", "")
    needed = "starts, with this interpreter"
    mend = "`python -m pip install --force-reinstall --no-deps ipykernel`"
    if not prefix:
        return Row("kernel python3", f"does not start: {_short(said.get('error', ''))}", needed, False, mend)
    ours = Path(prefix).resolve() == Path(sys.prefix).resolve()
    found = "starts" if ours else f"is another Python's: {prefix}"
    return Row("kernel python3", found, needed, ours, "`python -m ipykernel install --sys-prefix`")


# ------------------------------------------------------------------------------------------------ the machine


def writable(folder: Path = FOLDER, others: Sequence[Path] | None = None) -> Row:
    """Whether notebooks, temporary files and Jupyter's own files can be written."""
    if others is None:
        from jupyter_core.paths import jupyter_runtime_dir

        others = (Path(tempfile.gettempdir()), Path(jupyter_runtime_dir()))
    barred = [str(p) for p in (folder.expanduser(), *others) if not _can_write(_existing(p))]
    mend = f"make {', '.join(barred)} writable, or use another place (`course lab --folder DIR`, TMPDIR)"
    found = f"not to {', '.join(barred)}" if barred else f"{folder}, temporary files, Jupyter's files"
    return Row("write access", found, "writable", not barred, mend)


def disk(folder: Path = FOLDER, needed: float = GIGABYTES) -> Row:
    """Free space where the notebooks go."""
    free = shutil.disk_usage(_existing(folder.expanduser())).free / 1e9
    mend = "free some space, or use another disk: `course lab --folder DIR`"
    return Row("free disk", f"{free:.1f} GB", f"≥ {needed:g} GB", free >= needed, mend)


def alembic(path: str | None = None, scripts: str | None = None) -> Row:
    """The program that nbgrader calls to set up a gradebook."""
    scripts = scripts or sysconfig.get_path("scripts")
    on_path, beside = shutil.which("alembic", path=path), shutil.which("alembic", path=scripts)
    found = "on PATH" if on_path else "beside this Python; our commands put it on PATH" if beside else "not found"
    mend = "`pip install --force-reinstall --no-deps alembic`"
    return Row("alembic", found, "for gradebooks", bool(on_path or beside), mend, "instructors")


def bubblewrap(run: Callable[..., Any] = subprocess.run) -> Row:
    """Whether student code could be graded in a sandbox here."""
    mend = "install bubblewrap with the system's packages, e.g. `apt install bubblewrap`"
    program, needed = shutil.which("bwrap"), "for sandboxed grading"
    if program is None:
        return Row("bubblewrap", "not found", needed, False, mend, "instructors")
    try:
        tried = run([program, "--ro-bind", "/", "/", "--unshare-all", "true"], capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Row("bubblewrap", _short(str(error)), needed, False, mend, "instructors")
    if tried.returncode:
        forbidden = "this system forbids user namespaces; ask whoever runs it to allow them"
        return Row("bubblewrap", "cannot start a sandbox", needed, False, forbidden, "instructors")
    return Row("bubblewrap", "starts a sandbox", needed, True, mend, "instructors")


def website(requirements: Sequence[str] | None = None) -> Row:
    """What `course site` needs besides: the packages of the extra `site`."""
    from packaging.requirements import Requirement

    if requirements is None:
        try:
            requirements = metadata.requires(DISTRIBUTION) or []
        except metadata.PackageNotFoundError:
            requirements = []
    markers = ((r, r.marker) for r in map(Requirement, requirements))
    rows = [_package(r) for r, m in markers if m and m.evaluate({"extra": "site"}) and not m.evaluate({"extra": ""})]
    amiss = [f"{r.name} {r.found}" for r in rows if not r.ok]
    found = ", ".join(amiss) or (f"all {len(rows)} packages" if rows else "not known: cv-course is not installed")
    mend = "`uv sync --extra site`, or in the checkout `pip install '.[site]'`"
    return Row("course site", found, "the extra site", bool(rows) and not amiss, mend, "instructors")


def chromium() -> Row:
    """What the browser tests drive."""
    from course.bench.browser import program

    missing = [n for n, there in (("chromium", program()), ("playwright", find_spec("playwright"))) if not there]
    mend = "`apt install chromium` and `pip install playwright`; without them the browser tests are skipped"
    found = f"no {' and no '.join(missing)}" if missing else str(program())
    return Row("browser tests", found, "chromium, playwright", not missing, mend, "tests")


# ------------------------------------------------------------------------------------------------ shared


def _probe(code: str, env: Mapping[str, str] | None = None, seconds: float = 180) -> dict[str, Any]:
    """What a small program prints as JSON on its last line; `error` says why there is none."""
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=seconds, env=env)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {seconds:g} seconds"}
    try:
        said: Any = json.loads(done.stdout.strip().splitlines()[-1])
        return dict(said)
    except (IndexError, ValueError, TypeError):
        if done.returncode < 0:
            return {"error": f"crashed (signal {-done.returncode})"}
        return {"error": (done.stderr.strip().splitlines() or ["said nothing"])[-1]}


def _short(text: str, width: int = 110) -> str:
    line = " ".join(text.split()) or "no reason given"
    return line if len(line) <= width else line[: width - 1] + "…"


def _existing(path: Path) -> Path:
    return next((p for p in (path, *path.parents) if p.exists()), Path("/"))


def _can_write(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _table(rows: Sequence[Row]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "what", "found", "needed", header_style="bold", box=None, pad_edge=False)
    for r in rows:
        mark = "[green]✓[/green]" if r.ok else "[red]✗[/red]" if r.who == "students" else "[yellow]–[/yellow]"
        table.add_row(mark, *map(escape, (r.name, r.found, r.needed)))
    return table
