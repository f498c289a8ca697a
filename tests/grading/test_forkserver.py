"""Kernels that are forked behave as kernels that are started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbclient
import pytest
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from course.grading.ahead import usual_server
from course.grading.execute import Execute, KernelLost
from course.grading.forkserver import ForkedProcess, ForkServer, ForkUnavailable, Server
from course.grading.provisioner import GradingProvisioner
from course.grading.runner.session import Patience, Session
from course.grading.sandbox.launch import Sandbox, obstacle
from course.grading.sandbox.limits import Limits

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="kernels fork on Linux"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """One without walls: what is tested here is forking."""
    with ForkServer() as server:
        yield server


def run(address: str, *cells: str, cwd: Path | None = None, fork: bool = True) -> NotebookNode:
    """Run cells in a kernel of the server's."""

    class Client(nbclient.NotebookClient):
        def create_kernel_manager(self) -> Any:
            manager = super().create_kernel_manager()
            manager.provisioner = GradingProvisioner(
                kernel_spec=manager.kernel_spec, parent=manager, address=address, fork=fork, unsafe_no_sandbox=True
            )
            return manager

    notebook = new_notebook(cells=[new_code_cell(text) for text in cells])
    resources = {"metadata": {"path": str(cwd)}} if cwd else {}
    client = Client(notebook, kernel_name="python3", shutdown_kernel="immediate", resources=resources, timeout=60)
    return client.execute()


def printed(notebook: NotebookNode, cell: int = 0) -> str:
    return "".join(o.get("text", "") for o in notebook.cells[cell].outputs).strip()


def test_a_server_that_was_killed_comes_back_at_its_address(server: ForkServer) -> None:
    os.kill(server._process.pid, signal.SIGKILL)
    server._process.wait(10)
    with pytest.raises(ForkUnavailable):
        ForkedProcess(server.address)
    server.revive()
    assert printed(run(server.address, "print('told')")) == "told"


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def forked(server: ForkServer, code: str, folder: Path) -> ForkedProcess:
    """A forked kernel that runs `code` as soon as it is up."""
    info = {f"{name}_port": 0 for name in ("shell", "iopub", "stdin", "control", "hb")}
    (folder / "c.json").write_text(json.dumps({**info, "ip": "127.0.0.1", "transport": "tcp", "key": "k"}))
    argv = ["-f", str(folder / "c.json"), "--HistoryManager.enabled=False", f"--IPKernelApp.exec_lines={code}"]
    return ForkedProcess(server.address, argv, str(folder), {**os.environ, "IPYTHONDIR": str(folder)})


def test_it_has_torch_and_is_otherwise_like_any_kernel(
    server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_VARIABLE", "of today")
    (tmp_path / "neighbour.py").write_text("answer = 42")
    notebook = run(
        server.address,
        "import sys; before = set(sys.modules); import torch; from torch import nn, optim; model = nn.Linear(2, 1); "
        "model(torch.ones(1, 2)).sum().backward(); optim.SGD(model.parameters()).step(); "
        "print({m for m in sys.modules if m.startswith('torch')} - before)",
        "import os; print(os.getcwd(), os.environ['A_VARIABLE'])",
        "import neighbour; print(neighbour.answer)",
        "import matplotlib.pyplot as plt; plt.plot([1, 2]);",
        "print(__name__, 'Server' in globals(), get_ipython().__class__.__name__)",
        cwd=tmp_path,
    )
    assert printed(notebook, 0) == "set()"  # none is left to be imported
    assert printed(notebook, 1) == f"{tmp_path} of today"
    assert printed(notebook, 2) == "42"
    assert any("image/png" in o.get("data", {}) for o in notebook.cells[3].outputs)
    assert printed(notebook, 4) == "__main__ False ZMQInteractiveShell"


def test_two_kernels_share_nothing(server: ForkServer) -> None:
    draw = "import numpy, random, os; print(numpy.random.rand(), random.random(), os.getpid())"
    first, second = (printed(run(server.address, draw)).split() for _ in range(2))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_exit_codes_and_signals_are_reported(server: ForkServer, tmp_path: Path) -> None:
    leaves = forked(server, "import os; os._exit(7)", tmp_path)
    assert leaves.wait(20) == 7
    assert leaves.poll() == 7
    stays = forked(server, "", tmp_path)
    assert stays.poll() is None
    assert within(10, lambda: os.getsid(stays.pid) == stays.pid), "a share of the processors like anybody's"
    stays.send_signal(signal.SIGKILL)
    assert stays.wait(20) == -signal.SIGKILL
    stays.kill()  # once more does no harm


def test_what_a_kernel_started_ends_with_it(server: ForkServer, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"import subprocess as s; open({str(note)!r}, 'w').write(str(s.Popen(['sleep', '600']).pid))"
    kernel = forked(server, code, tmp_path)
    assert within(20, lambda: note.is_file() and note.read_text().isdigit())
    child = int(note.read_text())
    assert running(child)
    kernel.kill()
    kernel.wait(20)
    assert within(10, lambda: not running(child))


def test_a_kernel_nobody_waits_for_is_ended(server: ForkServer, tmp_path: Path) -> None:
    kernel = forked(server, "", tmp_path)
    assert running(kernel.pid)
    kernel._lines.close()
    kernel._socket.close()
    assert within(10, lambda: not running(kernel.pid))


def test_a_kernel_that_ends_with_its_server_is_nobody_s_fault(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "s"))
        door.listen()

        def serve() -> None:
            connection, _ = door.accept()
            with connection, connection.makefile("rb") as request:
                request.readline()  # who hangs up before it is asked breaks the client's pipe
                connection.sendall(b'{"pid": 1}\n')

        thread = threading.Thread(target=serve)
        thread.start()
        kernel = ForkedProcess(str(tmp_path / "s"), [], str(tmp_path), {})
        thread.join()
    assert kernel.wait(5) == -signal.SIGKILL
    assert kernel.lost
    execute = Execute()
    execute.km = SimpleNamespace(provisioner=SimpleNamespace(process=kernel))
    with pytest.raises(KernelLost):
        execute._event(DeadKernelError("Kernel died"))


def test_without_a_server_a_plain_kernel_starts(tmp_path: Path) -> None:
    notebook = run(str(tmp_path / "gone" / "s"), "import sys; print('torch' in sys.modules)")
    assert printed(notebook) == "False"


def test_a_server_that_is_gone_says_so(tmp_path: Path) -> None:
    server = ForkServer()
    assert server.alive
    server.close()
    assert not server.alive
    with pytest.raises(ForkUnavailable, match="no fork server"):
        ForkedProcess(server.address, [], str(tmp_path), {})


def test_a_server_that_cannot_start_gives_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('numpy is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with ForkServer() as server, pytest.raises(ForkUnavailable, match="numpy is broken here"):
        ForkedProcess(server.address, [], str(tmp_path), {})


def test_it_refuses_to_fork_with_a_second_thread(tmp_path: Path) -> None:
    """A thread that holds a lock would hold it for ever in the child."""
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        with socket.socket(socket.AF_UNIX) as door, socket.socket(socket.AF_UNIX) as client:
            door.bind(str(tmp_path / "s"))
            door.listen()
            client.connect(str(tmp_path / "s"))
            client.sendall(b'{"argv": []}\n')
            assert Server(door, 1.0)._admit() is None
            assert "threads" in json.loads(client.makefile("rb").readline())["error"]
    finally:
        release.set()
        thread.join()


def test_a_server_serves_those_who_want_its_walls() -> None:
    walls = Sandbox("bubblewrap", readable=("/usr",))
    server = ForkServer.__new__(ForkServer)
    server._sandbox = walls
    assert server.serves(replace(walls, limits=Limits(memory=1 << 30)))  # each kernel's own affair
    assert not server.serves(replace(walls, readable=()))
    assert not server.serves(replace(walls, method="landlock"))
    assert not server.serves(None)


def test_what_starts_ahead_waits_for_no_imports() -> None:
    program = "import sys, course.grading.ahead; print({'torch', 'nbgrader', 'nbformat', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_server_ahead_of_its_class_forks_what_the_class_wants(tmp_path: Path) -> None:
    if obstacle("bubblewrap"):
        pytest.skip("no bubblewrap here")
    with usual_server() as server:
        assert server is not None
        sandbox = Sandbox("bubblewrap", Limits(wall=60))
        assert server.serves(sandbox)
        with Session(tmp_path, sandbox, server.address, Patience()) as session:
            (output,) = session.run("import sys; print('torch' in sys.modules)")
    assert output.text == "True\n"
    assert not server.alive


def test_without_bubblewrap_nothing_starts_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with usual_server() as server:
        assert server is None
