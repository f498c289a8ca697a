"""A real JupyterLab on loopback, driven in a real Chromium; both are started once per test module and leave nothing.

Skipped, with the reason, where Chromium or Playwright is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
START_SECONDS = 60

IDLE = """() => {
  const session = window.jupyterapp.shell.currentWidget?.sessionContext, kernel = session?.session?.kernel;
  return session?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""

# From the control's event to the frame that shows the new picture, as the page itself sees it.
STOPWATCH = """() => {
  let start = null;
  window.measured = [];
  document.addEventListener('input', () => { start = performance.now(); }, true);
  const stop = () => requestAnimationFrame(() => setTimeout(() => {
    if (start !== null) window.measured.push(performance.now() - start);
    start = null;
  }));
  const fronts = [...document.querySelectorAll('.explorable .front')];
  for (const front of fronts) new MutationObserver(stop).observe(front, { childList: true, subtree: true });
}"""


# Contrast (WCAG 2.2) of every text against the page (class "on": against what it is written on, which the widgets'
# own tests look after); the canvas mixes translucent colours as the page does.
CONTRAST = """() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
  const paper = getComputedStyle(document.querySelector('.explorable')).getPropertyValue('--paper').trim();
  const luminance = colour => {
    for (const layer of [paper, colour]) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ratio = colour => {
    const [dark, light] = [luminance(colour), luminance(paper)].sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
  };
  const texts = [...document.querySelectorAll('.explorable text:not(.on)')].map(t => getComputedStyle(t).fill);
  const rest = [...document.querySelectorAll('.explorable :is(button, label, figcaption, output)')];
  return Math.min(...[...texts, ...rest.map(e => getComputedStyle(e).color)].map(ratio));
}"""

OVERFLOW = """() => {
  const root = document.querySelector('.explorable');
  const box = root.closest('.jp-OutputArea-child').getBoundingClientRect();
  const out = [...root.querySelectorAll('svg, label, input, select, button, output, figcaption')]
    .filter(e => e.getBoundingClientRect().right > box.right + 1).map(e => e.outerHTML.slice(0, 80));
  return root.scrollWidth > root.clientWidth ? ['the widget itself', ...out] : out;
}"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab, and what one does with it."""

    page: Any
    outside: list[str] = field(default_factory=list)

    def command(self, name: str, **arguments: object) -> None:
        """A JupyterLab command, until its promise is kept."""
        self.page.evaluate(
            "([name, a]) => window.jupyterapp.commands.execute(name, a).then(() => 0)", [name, arguments]
        )

    def wait_idle(self, timeout: float = 60) -> None:
        """Until the kernel is connected and has nothing to do; seconds."""
        self.page.wait_for_function(IDLE, timeout=timeout * 1e3)

    def run_all(self) -> None:
        """Run every cell, from the top."""
        self.wait_idle()
        self.command("notebook:run-all-cells")
        self.wait_idle(300)

    def complaints(self) -> list[str]:
        """The text of everything in the outputs that is an error or went to stderr."""
        kinds = [f'.jp-OutputArea-output[data-mime-type$="{kind}"]' for kind in ("stderr", "error")]
        return self.page.locator(", ".join(kinds)).all_inner_texts()

    def control(self, label: str) -> Any:
        """The widget's slider, menu or switch with this accessible name."""
        return self.page.locator(f'.explorable [aria-label="{label}"]')

    def picture(self) -> str:
        """What the widget shows, as SVG text."""
        return self.page.locator(".explorable .front").evaluate_all("layers => layers.map(l => l.innerHTML).join()")

    def changes(self, act: Callable[[], object]) -> None:
        """Do something, and wait until the picture is another one."""
        before = self.picture()
        act()
        now = "[...document.querySelectorAll('.explorable .front')].map(l => l.innerHTML).join()"
        self.page.wait_for_function(f"before => {now} !== before", arg=before, timeout=10_000)

    def latencies(self, act: Callable[[], object], times: int) -> list[float]:
        """Milliseconds from the control's event to the frame with the new picture, for each time."""
        self.page.evaluate(STOPWATCH)
        for n in range(times):
            act()
            self.page.wait_for_function("n => window.measured.length > n", arg=n, timeout=10_000)
        return sorted(self.page.evaluate("window.measured"))

    def cell(self, grade_id: str) -> Any:
        """The cell that nbgrader knows by this id, scrolled into view: a far-away cell is not in the page at all."""
        index = self.page.evaluate(
            """id => {
              const { content } = window.jupyterapp.shell.currentWidget;
              const at = content.widgets.findIndex(c => c.model.getMetadata('nbgrader')?.grade_id === id);
              if (at >= 0) content.activeCellIndex = at;
              return at < 0 ? at : content.scrollToItem(at).then(() => at);
            }""",
            grade_id,
        )
        assert index >= 0, f"the notebook has no cell with the nbgrader id {grade_id!r}"
        return self.page.locator(".jp-Notebook .jp-Cell.jp-mod-active")

    def write_and_run(self, grade_id: str, source: str | None = None) -> Any:
        """Give a cell this source (or leave it as it is), run it, and return its outputs as a locator."""
        cell = self.cell(grade_id)
        if source is not None:
            set_source = "s => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(s)"
            self.page.evaluate(set_source, source)
        self.command("notebook:run-cell")
        self.wait_idle()
        return cell.locator(".jp-OutputArea-output")

    def outputs(self) -> list[dict[str, Any]]:
        """The outputs of the active cell, as in the notebook's file."""
        active = "window.jupyterapp.shell.currentWidget.content.activeCell"
        return self.page.evaluate(f"() => {active}.model.outputs.toJSON()")

    def dark(self, on: bool) -> None:
        """JupyterLab's dark or light theme."""
        self.command("apputils:change-theme", theme="JupyterLab Dark" if on else "JupyterLab Light")
        self.page.locator(f'body[data-jp-theme-light="{str(not on).lower()}"]').wait_for(state="attached")

    def contrast(self) -> float:
        """The lowest contrast of any text of the widget."""
        return self.page.evaluate(CONTRAST)

    def overflow(self) -> list[str]:
        """What sticks out of the widget's cell."""
        return self.page.evaluate(OVERFLOW)

    def keep(self, name: str, selector: str = ".explorable") -> Path:
        """A screenshot under artefacts/, for people to look at."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.locator(selector).first.screenshot(path=ARTEFACTS / f"{name}.png")
        return ARTEFACTS / f"{name}.png"


@dataclass
class Lab:
    """A running JupyterLab server: its address and the folder that it shows."""

    url: str
    root: Path


def _environment(home: Path) -> dict[str, str]:
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "COURSE_HOME": "progress",  # hints depend on what was tried before
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {k: v for k, v in os.environ.items() if k not in ("JPY_PARENT_PID", "NBGRADER_EXECUTION")}
    # Models of a few hundred weights gain nothing from threads, and lose much where these must wait for a core.
    more = {"PATH": path, "JUPYTER_PLATFORM_DIRS": "1", "OMP_NUM_THREADS": "1"}
    return {**kept, **{k: str(home / v) for k, v in places.items()}, **more}


def _quiet_settings(home: Path) -> None:
    """No news, no update checks, and every cell in the page at once, so that a test finds what it looks for."""
    settings = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "notebook-extension/tracker": {"windowingMode": "none", "recordTiming": False},
    }
    for name, values in settings.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/api/status", timeout=1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}") from None
            time.sleep(0.1)


@contextlib.contextmanager
def jupyterlab(home: Path, root: Path) -> Iterator[Lab]:
    """JupyterLab on a free loopback port, started in `root`, with settings and data of its own in `home`."""
    port = _free_port()
    log, url = home / "server.log", f"http://127.0.0.1:{port}"
    _quiet_settings(home)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", "--IdentityProvider.token=", "--expose-app-in-browser"]
    command += [f"--ServerApp.root_dir={root}", "--LabApp.extension_manager=readonly"]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, cwd=root, env=_environment(home), stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait_until_up(url, server, log)
        yield Lab(url, root)
    finally:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(15)
        with contextlib.suppress(ProcessLookupError):  # kernels that outlived it
            os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab in an empty folder."""
    home = tmp_path_factory.mktemp("lab")
    (home / "root").mkdir()
    with jupyterlab(home, home / "root") as lab:
        yield lab


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    """A Chromium without a window.

    Module scope on purpose: Playwright keeps an event loop running in this thread, and other tests need it free.
    """
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: install the dev group")
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: run ci/system-packages, or install the package chromium")
    flags = FLAGS + (["--no-sandbox"] if os.geteuid() == 0 else [])  # its sandbox refuses to start as root
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_notebook(chrome: Any, lab: Lab) -> Iterator[Callable[[str], Notebook]]:
    """Opens a notebook of the lab's folder in a page of its own, and waits for its kernel."""
    context = chrome.new_context(viewport={"width": 1280, "height": 1000})

    def open_it(path: str) -> Notebook:
        page = context.new_page()
        page.set_default_timeout(30_000)
        notebook = Notebook(page)
        local = (lab.url, lab.url.replace("http", "ws"), "data:", "blob:")
        for event in ("request", "websocket"):
            page.on(event, lambda r: None if r.url.startswith(local) else notebook.outside.append(r.url))
        page.goto(f"{lab.url}/lab/tree/{path}?reset")
        page.wait_for_function("() => window.jupyterapp && !document.querySelector('#jupyterlab-splash')")
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook").wait_for()
        if page.locator("#jp-left-stack").is_visible():
            notebook.command("application:toggle-left-area")
        notebook.wait_idle()
        return notebook

    yield open_it
    context.close()
