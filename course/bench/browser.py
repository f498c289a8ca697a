"""A real JupyterLab on loopback, driven in a real Chromium: for measuring widgets, and for the browser tests.

Both are started for one purpose and leave nothing behind. Playwright is imported when a browser is started, not before.
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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from course.bench import BenchError

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
START_SECONDS = 60

IDLE = """() => {
  const session = window.jupyterapp.shell.currentWidget?.sessionContext, kernel = session?.session?.kernel;
  return session?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""

# When each key and pointer event came, when each new picture was on the screen: as the page itself sees it. A picture
# counts when its images are decoded and a frame with it has been made; what merely changes a read-out does not count.
STOPWATCH = """root => {
  const watch = { events: [], pictures: [] };
  for (const kind of ['keydown', 'input', 'change', 'pointerdown', 'pointermove'])
    document.addEventListener(kind, e => watch.events.push(e.timeStamp), true);
  const drawn = r => r.target.closest?.('.panels') || r.target.nodeName === 'IMG' ||
    [...r.addedNodes].some(n => n.nodeName === 'IMG' || n.querySelector?.('img'));
  new MutationObserver(async records => {
    if (!records.some(drawn)) return;
    await Promise.all([...root.querySelectorAll('image, img')].map(i => i.decode?.().catch(() => 0)));
    requestAnimationFrame(() => setTimeout(() => watch.pictures.push(performance.now())));
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ['src'] });
  root.stopwatch = watch;
}"""


class BrowserMissing(BenchError):
    """There is no browser to drive; the message says what to install."""


def program() -> str | None:
    """A Chromium on the search path."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def obstacle() -> str:
    """Why no browser can be driven here, and what to install; empty if one can."""
    if find_spec("playwright") is None:
        return "Playwright is missing: pip install 'cv-course[bench]'"
    if program() is None:
        return "Chromium is missing: install the system's package (on Debian: apt install chromium)"
    return ""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A Chromium without a window, as Playwright's browser.

    Playwright keeps an event loop running in this thread until it is left.

    Raises:
        BrowserMissing: Playwright or Chromium is missing.
    """
    if why := obstacle():
        raise BrowserMissing(why)
    from playwright.sync_api import sync_playwright

    flags = FLAGS + (["--no-sandbox"] if os.geteuid() == 0 else [])  # its sandbox refuses to start as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


# ------------------------------------------------------------------------------------------------ JupyterLab


@dataclass
class Lab:
    """A running JupyterLab server: its address and the folder that it shows."""

    url: str
    root: Path


@contextlib.contextmanager
def jupyterlab(home: Path, root: Path) -> Iterator[Lab]:
    """JupyterLab on a free loopback port, started in `root`, with settings and data of its own in `home`.

    Raises:
        BenchError: it does not start; the message is the end of its log.
    """
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
    """No news, no update checks, and every cell in the page at once, so that one finds what one looks for."""
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
                raise BenchError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}") from None
            time.sleep(0.1)


# ------------------------------------------------------------------------------------------------ a notebook


@dataclass
class Notebook:
    """A notebook that is open in JupyterLab, and what one does with it; `outside` are addresses beyond loopback."""

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

    def set_source(self, source: str) -> None:
        """What stands in the active cell."""
        active = "window.jupyterapp.shell.currentWidget.content.activeCell"
        self.page.evaluate(f"s => {active}.model.sharedModel.setSource(s)", source)

    def run_cell(self, index: int, source: str) -> Any:
        """Give a cell this source and run it; the cell, as a locator."""
        self.page.evaluate("i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", index)
        self.set_source(source)
        self.command("notebook:run-cell")
        self.wait_idle(120)
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def complaints(self) -> list[str]:
        """The text of everything in the outputs that is an error or went to stderr."""
        kinds = [f'.jp-OutputArea-output[data-mime-type$="{kind}"]' for kind in ("stderr", "error")]
        return self.page.locator(", ".join(kinds)).all_inner_texts()

    def dark(self, on: bool) -> None:
        """JupyterLab's dark or light theme, applied."""
        self.command("apputils:change-theme", theme="JupyterLab Dark" if on else "JupyterLab Light")
        self.page.locator(f'body[data-jp-theme-light="{str(not on).lower()}"]').wait_for(state="attached")
        # The theme's style sheet follows its name.
        paper = "getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim()"
        self.page.wait_for_function(f"dark => {paper}.startsWith('#1') === dark", arg=on)


@contextlib.contextmanager
def window(browser: Any, lab: Lab, kind: type[Notebook] = Notebook) -> Iterator[Callable[[str], Any]]:
    """A browser window; what it yields opens a notebook of the lab's folder and waits for its kernel."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})

    def open_it(path: str) -> Notebook:
        page = context.new_page()
        page.set_default_timeout(30_000)
        notebook = kind(page)
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


# ------------------------------------------------------------------------------------------------ a picture


@dataclass
class Watched:
    """Part of the page that shows a picture which follows controls: a widget of ours, or a cell's output."""

    page: Any
    root: Any

    def control(self, label: str) -> Any:
        """The slider, menu or switch with this accessible name."""
        return self.root.locator(f'[aria-label="{label}"]')

    def picture(self) -> str:
        """What is shown, as text."""
        return self.root.evaluate(
            "r => [...r.querySelectorAll('.panels g.back, .panels g.front, img')].map(e => e.src || e.innerHTML).join()"
        )

    def start(self) -> None:
        """Start the stopwatch anew; see `STOPWATCH`."""
        self.root.evaluate(
            f"root => {{ if (!root.stopwatch) ({STOPWATCH})(root);"
            " root.stopwatch.events.length = root.stopwatch.pictures.length = 0; }"
        )

    def read(self) -> tuple[list[float], list[float]]:
        """Milliseconds at which events came, and at which new pictures were seen, since the start."""
        events, pictures = self.root.evaluate("root => [root.stopwatch.events, root.stopwatch.pictures]")
        return events, pictures

    def latency(self, act: Callable[[], object], patience: float = 5) -> float | None:
        """Milliseconds from the first event of what is done to the first new picture; None if there is none.

        Args:
            act: moves a control.
            patience: how many seconds an idle kernel may take for a new picture.
        """
        self.start()
        act()
        since = time.monotonic()
        end = since + 120
        while time.monotonic() < min(since + patience, end):
            events, pictures = self.read()
            if pictures:
                return pictures[0] - events[0]
            if not self.page.evaluate(IDLE):
                since = time.monotonic()
            time.sleep(0.01)
        return None

    def settle(self, quiet: float = 0.25, patience: float = 30) -> None:
        """Wait until the kernel has had nothing to do, and no picture has come, for so many seconds.

        The stopwatch must have been started.
        """
        seen, since, end = -1, time.monotonic(), time.monotonic() + patience
        while time.monotonic() < end:
            count = len(self.read()[1])
            if count != seen or not self.page.evaluate(IDLE):
                seen, since = count, time.monotonic()
            elif time.monotonic() - since > quiet:
                return
            time.sleep(0.02)
