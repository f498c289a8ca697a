"""Hostile submissions: each ends in a score, the run goes on, and nothing outside is read, changed or left behind."""

from __future__ import annotations

import errno
import json
import mmap
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory
from traitlets.config import Config

from course.grading import provisioner
from course.grading.classroom import Classroom, Outcome
from course.grading.forkserver import ForkServer
from course.grading.provisioner import UNSAFE, WARNING, GradingProvisioner
from course.grading.sandbox import SandboxError, SandboxUnavailable, landlock, launch, proof, seccomp, view
from course.grading.sandbox.confined import start
from course.grading.sandbox.limits import (
    SOCKET_BYTES,
    Cgroup,
    Limits,
    Watchdog,
    deleted_size,
    descendants,
    memory_of,
    remove,
    size_of,
    sockets_of,
    threads_of,
)
from course.grading.workers import grade_all
from tests.grading import attacks
from tests.grading.conftest import ASSIGNMENT, FILE, Notebooks

ROOT = Path(__file__).parents[2]
MARKER = f"left-behind-{secrets.token_hex(8)}"
bubblewrap_works = pytest.mark.skipif(bool(launch.obstacle("bubblewrap")), reason=launch.obstacle("bubblewrap"))


@dataclass
class Outside:
    """What submissions must not reach."""

    canary: Path
    connections: tuple[int, str, str, str]
    doors: tuple[socket.socket, ...]

    def untouched(self) -> bool:
        """Whether the file is as it was, and nobody knocked."""
        for door in self.doors:
            with suppress(TimeoutError):
                door.recv(1) if door.type == socket.SOCK_DGRAM else door.accept()
                return False
        return self.canary.read_text() == "canary" and os.listdir(self.canary.parent) == ["canary"]


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    """Open to everybody who gets there: not permissions must hold, but walls."""
    place = Path(tempfile.mkdtemp(prefix="cv-outside-"))
    canary, abstract = place / "private" / "canary", f"\0cv-outside-{secrets.token_hex(6)}"
    canary.parent.mkdir()
    canary.write_text("canary")
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        doors = [tcp]
        for kind, addresses in (
            (socket.SOCK_STREAM, (str(place / "s"), abstract)),
            (socket.SOCK_DGRAM, (str(place / "d"), abstract + "-d")),
        ):
            for address in addresses:
                door = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
                door.bind(address)
                if kind == socket.SOCK_STREAM:
                    door.listen()
                doors.append(door)
        for opened in (place, *place.rglob("*")):
            opened.chmod(0o777)
        for door in doors:
            door.settimeout(0.05)
        connections = (tcp.getsockname()[1], str(place / "s"), str(place / "d"), abstract)
        yield Outside(canary, connections, tuple(doors))
    shutil.rmtree(place)


def hand_in_links(classroom: Classroom, student: str, canary: Path) -> None:
    """What a student's archive may hold beside the notebook: links to what is not theirs, pipes, odd names."""
    folder = classroom.folder / "submitted" / student / ASSIGNMENT
    for name, target in (("canary", canary), ("book.csv", classroom.folder / "gradebook.db"), ("up", classroom.folder)):
        (folder / name).symlink_to(target)
    for name in ("-rf", "new\nline.csv", "$(id)", "[a-z]*.csv", "é.csv"):
        (folder / name).write_text("1")


@dataclass
class Hostile:
    """A class of hostile submissions and one honest one, graded side by side."""

    attacks: dict[str, attacks.Attack]
    outcomes: dict[str, Outcome]
    classroom: Classroom | None = None


@pytest.fixture(scope="module")
def hostile(classroom: Classroom, notebooks: Notebooks, root: Path, server: ForkServer, outside: Outside) -> Hostile:
    """All attacks in one run, with small limits."""
    classroom.submit("neighbour", {FILE: notebooks.solved})
    others = classroom.folder / "submitted" / "neighbour" / ASSIGNMENT / FILE
    private = [classroom.folder, classroom.folder / "gradebook.db", classroom.folder / "source", others]
    checkout = [root / "solutions", ROOT / "solutions", ROOT / ".git", Path.home() / ".bashrc", "/home", "/etc/passwd"]
    table = attacks.table(
        reads=[outside.canary, *private, *checkout, f"/proc/{os.getppid()}/environ", server.address],
        writes=[outside.canary, classroom.folder / "gradebook.db", Path(sys.prefix) / "new", "/new", "/jobs/new"],
        canary=outside.canary,
        connections=outside.connections,
        marker=MARKER,
    )
    for name, attack in table.items():
        classroom.submit(name, {FILE: notebooks.with_cell(attack.cell, after="check-cross_entropy")})
    hand_in_links(classroom, "odd-files", outside.canary)
    limits = {"memory_mb": 1200, "disk_mb": 64, "processes": 64, "wall_seconds": 60}
    settings = Config(GradingProvisioner=limits, Execute={"timeout": 8, "iopub_timeout": 2, "max_flood": 100_000_000})
    strict = Classroom(classroom.folder, ASSIGNMENT, settings)
    outcomes = grade_all(strict, [*table, "neighbour"], workers=2, server=server)
    return Hostile(table, {o.student: o for o in outcomes})


def printed(classroom: Classroom, student: str) -> str:
    """All that a submission's cells printed."""
    graded = classroom.folder / "autograded" / student / ASSIGNMENT / FILE
    outputs = [o for c in nbformat.read(graded, as_version=4).cells for o in c.get("outputs", ())]
    return "".join(o.get("text", "") for o in outputs)


@pytest.mark.slow
@bubblewrap_works
class TestHostileClass:
    @pytest.mark.parametrize("name", attacks.NAMES)
    def test_each_ends_in_a_correct_score_and_a_reason(self, name: str, hostile: Hostile, classroom: Classroom) -> None:
        attack, outcome, told = hostile.attacks[name], hostile.outcomes[name], printed(classroom, name)
        earned = {f.exercise for f in outcome.findings if f.points == f.max_points}
        assert not outcome.failed, outcome.reason
        assert re.search(attack.told, told), told
        assert attacks.OUT not in told
        if attack.fatal:
            assert outcome.score == outcome.max_score, "the attack is left out, and the rest counts"
            assert re.search(attack.reason, outcome.reason), outcome.reason
        elif attack.spoils:
            assert earned >= {"descent.cross_entropy"}, outcome.reason
        else:
            assert outcome.score == outcome.max_score, outcome.reason
        assert len(told) < 6_000_000

    def test_the_run_goes_on_and_others_lose_nothing(self, hostile: Hostile) -> None:
        assert set(hostile.outcomes) == {*attacks.NAMES, "neighbour"}
        assert hostile.outcomes["neighbour"].score == hostile.outcomes["neighbour"].max_score

    def test_nothing_outside_is_touched(self, hostile: Hostile, outside: Outside, classroom: Classroom) -> None:
        assert outside.untouched()
        copied = classroom.folder / "autograded" / "odd-files" / ASSIGNMENT
        assert not [p for p in copied.rglob("*") if p.is_symlink() or p.name in ("canary", "book.csv", "up")]

    def test_nothing_is_left_running(self, hostile: Hostile) -> None:
        assert not left_running(MARKER)

    def test_a_function_of_ours_is_forked_into_the_same_walls(self, server: ForkServer, tmp_path: Path) -> None:
        home = Path(server.address).parent
        before = set(home.iterdir())
        entry = "course.grading.sandbox.proof:probe"
        with (
            proof.outside(str(tmp_path)) as wanted,
            start(entry, tmp_path, launch.available(), server.address) as process,
        ):
            assert set(home.iterdir()) > before
            assert proof.judge(process.channel, wanted) == ""
            assert process.wait(20) == 0
        assert set(home.iterdir()) == before

    def test_nbgrader_s_own_command_has_the_same_walls(
        self, classroom: Classroom, notebooks: Notebooks, server: ForkServer, outside: Outside
    ) -> None:
        cell = attacks.reading(classroom.folder / "gradebook.db", outside.canary)
        classroom.submit("by-nbgrader", {FILE: notebooks.with_cell(cell)})
        nbgrader = shutil.which("nbgrader", path=sysconfig.get_path("scripts"))
        assert nbgrader
        command = [nbgrader, "autograde", ASSIGNMENT, "--student", "by-nbgrader", "--force"]
        command.append(f"--GradingProvisioner.address={server.address}")
        done = subprocess.run(command, cwd=classroom.folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        told = printed(classroom, "by-nbgrader")
        assert "held:" in told
        assert attacks.OUT not in told


@pytest.mark.slow
@pytest.mark.parametrize("method", launch.METHODS)
def test_an_ordinary_user_has_the_same_walls(method: str, outside: Outside) -> None:
    """In a kernel of its own; where the tests run as root, as somebody else."""
    view_of_user = ordinary_user()
    folder = Path(tempfile.mkdtemp(prefix="cv-ordinary-"))
    marker = f"left-behind-{secrets.token_hex(8)}"
    try:
        (folder / "data.csv").write_text("1,2")
        os.symlink(outside.canary, folder / "link")
        for path in (folder, folder / "data.csv"):
            os.chown(path, *((1000, 1000) if os.getuid() == 0 else (-1, -1)))
        table = attacks.table(
            reads=[outside.canary, ROOT / "solutions", folder, f"/proc/{os.getpid()}/environ"],
            writes=[outside.canary, folder / "data.csv"],
            canary=outside.canary,
            connections=outside.connections,
            marker=marker,
        )
        tried = {n: a.cell for n, a in table.items() if n in attacks.HELD}
        cells = {
            "own": "import os; print(sorted(f for f in os.listdir('.') if f[0] != '.'), os.getuid())",
            "environment": "import os; print(sorted(os.environ), open('/proc/self/environ').read())",
            **tried,
        }
        request = {"cells": cells, "folder": str(folder), "traits": {"fork": False, "method": method}}
        done = subprocess.run(
            [*view_of_user, sys.executable, str(Path(attacks.__file__))],
            input=json.dumps(request),
            env={**os.environ, "A_SECRET": "of-the-instructor", "HOME": str(folder)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=200,
        )
        if "in a sandbox only" in done.stderr:
            pytest.skip(f"no {method} for an ordinary user here")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
    finally:
        shutil.rmtree(folder)
    assert told["own"].split("]")[0] == "['data.csv'"
    for name in tried:
        assert attacks.OUT not in told[name], told[name]
        assert re.search(table[name].told, told[name]), told[name]
    assert "A_SECRET" not in told["environment"]
    assert "of-the-instructor" not in told["reads"] + told["environment"]
    assert not left_running(marker)
    assert outside.untouched()


def ordinary_user() -> list[str]:
    """What makes a command run as somebody without privileges, who can read this Python environment."""
    if os.getuid():
        return []
    if not shutil.which("bwrap") or not shutil.which("setpriv"):
        pytest.skip("as root, this test needs bwrap and setpriv")
    needed = [p for p in (*view.readable(), str(ROOT / "tests")) if not p.startswith(("/usr", "/etc", "/sys"))]
    closed = {str(d) for p in needed for d in Path(p).parents if not d.stat().st_mode & 0o001}
    line = ["bwrap", "--dev-bind", "/", "/"]
    for folder in sorted(closed):
        line += ["--perms", "0755", "--tmpfs", folder]
    for path in needed:
        for parent in reversed(Path(path).parents):
            if any(parent.is_relative_to(folder) and str(parent) != folder for folder in closed):
                line += ["--perms", "0755", "--dir", str(parent)]
        line += ["--ro-bind", path, path]
    return [*line, "--", "setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]


def left_running(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [str(path)] if marker.encode() in path.read_bytes() else []
        except OSError:
            continue
    return found


# ------------------------------------------------------------------------------------------------ no sandbox


@pytest.fixture
def nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "obstacle", lambda method: f"no {method} on this machine")


@pytest.mark.usefixtures("nothing_works")
def test_where_nothing_works_it_refuses_and_says_what_to_do() -> None:
    with pytest.raises(SandboxUnavailable) as refused:
        GradingProvisioner().sandbox()
    for words in ("no bubblewrap on this machine", "no landlock", "apt install", "podman run", "--unsafe-no-sandbox"):
        assert words in str(refused.value)


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_works")
def test_nobody_gets_0_points_for_a_missing_sandbox(classroom: Classroom, notebooks: Notebooks) -> None:
    classroom.submit("unlucky", {FILE: notebooks.solved})
    with pytest.raises(SandboxUnavailable):
        next(grade_all(classroom, ["unlucky"]))
    with pytest.raises(SandboxUnavailable):
        classroom.grade("unlucky")
    assert classroom.outcome("unlucky") is None


@pytest.mark.usefixtures("nothing_works")
def test_doing_without_is_possible_and_loud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(provisioner, "_warned", [])  # it says so once in a process
    monkeypatch.setenv(UNSAFE, "1")
    assert GradingProvisioner().sandbox() is None
    assert WARNING in capsys.readouterr().err
    monkeypatch.setenv(UNSAFE, "0")
    with pytest.raises(SandboxUnavailable):
        GradingProvisioner().sandbox()
    assert GradingProvisioner(config=Config(GradingProvisioner={"unsafe_no_sandbox": True})).sandbox() is None


def test_jupyter_finds_the_provisioner() -> None:
    manager = KernelManager(kernel_name="python3")
    assert manager.kernel_spec is not None
    factory = KernelProvisionerFactory(default_provisioner_name="cv-course-sandbox")
    made = factory.create_provisioner_instance("id", manager.kernel_spec, manager)
    assert type(made) is GradingProvisioner


# --------------------------------------------------------------------------------------------- single pieces


def test_only_regular_files_are_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deeper").mkdir(parents=True)
    (source / "deeper" / "data.csv").write_text("1")
    (source / "link").symlink_to("/etc/passwd")
    (source / "folder").symlink_to("/etc")
    os.mkfifo(source / "pipe")
    view.copy_submission(str(source), str(tmp_path / "target"))
    found = [str(p.relative_to(tmp_path / "target")) for p in sorted((tmp_path / "target").rglob("*"))]
    assert found == ["deeper", "deeper/data.csv"]


def test_too_much_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "COPIED_BYTES", 10)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_text("more than ten bytes")
    with pytest.raises(SandboxError, match="larger than"):
        view.copy_submission(str(tmp_path / "source"), str(tmp_path / "target"))


def test_the_environment_is_not_the_grader_s() -> None:
    env = view.environment({"A_SECRET": "x", "HOME": "/root", "LD_PRELOAD": "x", "TZ": "UTC"}, "/h", "/t")
    assert (env["HOME"], env["TMPDIR"], env["TZ"]) == ("/h", "/t", "UTC")
    assert not {"A_SECRET", "LD_PRELOAD"} & set(env)


def test_solutions_are_not_shown_and_homes_are_refused() -> None:
    shown = view.readable()
    assert not any((ROOT / "solutions").is_relative_to(path) for path in shown)
    assert str(ROOT / "course") in shown
    with pytest.raises(SandboxError, match="name smaller folders"):
        view.readable([str(Path.home())])
    with pytest.raises(SandboxError, match="move the class elsewhere"):
        view.refuse_exposed("/usr/share/class", shown)


def test_the_watchdog_counts_all_processes_and_ends_them() -> None:
    code = "import sys; block = bytearray(b'x') * 120_000_000; sys.stdin.read()"
    many = f"import subprocess, sys; all = [subprocess.Popen([sys.executable, '-c', {code!r}]) for _ in range(3)]"
    many += "; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", many], stdin=subprocess.PIPE) as process:
        dog = Watchdog(Limits(memory=300_000_000), process.terminate, process.pid)
        dog.start()
        dog.join(30)
        assert "memory" in dog.verdict
        assert process.stdin is not None
        process.stdin.close()
    assert memory_of(process.pid) == 0
    assert "seconds" in Watchdog(Limits(wall=0), lambda: None).look()


def test_what_sockets_hold_back_is_memory_too() -> None:
    before, dog = sockets_of(os.getpid()), Watchdog(Limits(memory=100 * SOCKET_BYTES), lambda: None, os.getpid())
    assert dog.look() == ""
    with ExitStack() as stack:
        for _ in range(60):
            for end in socket.socketpair():
                stack.enter_context(end)
        assert sockets_of(os.getpid()) == before + 120
        assert "memory" in dog.look()


# As many descriptors on their way as a user may have, and then one more of the grader's.
IN_FLIGHT = """
import resource, socket, sys
from course.grading.sandbox.limits import hand_over
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
held = [socket.socketpair() for _ in range(8)]
try:
    for ours, _ in held:
        socket.send_fds(ours, [b"x"], [0] * 60)
except OSError as error:
    print(error.errno)
ours, theirs = socket.socketpair()
print(hand_over(ours, b"yes", [0]), theirs.recv(3))
"""


@pytest.mark.slow
def test_descriptors_reach_a_submission_whatever_others_leave_on_their_way() -> None:
    done = subprocess.run(
        [*ordinary_user(), sys.executable, "-c", IN_FLIGHT], capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert done.stdout == f"{errno.ETOOMANYREFS}\n3 b'yes'\n", done.stderr


def test_adopted_processes_count_and_others_of_the_user_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = "import os, sys; os.fork() and os._exit(0); print(os.getpid(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", f"import os, sys; os.fork() or exec({orphan!r}); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        adopted = int(process.stdout.readline())
        assert launch.parent_of(adopted) != process.pid
        assert adopted in descendants(process.pid)
        assert threads_of(process.pid) >= 2
        assert memory_of(process.pid, shared_once=True) <= memory_of(process.pid)
        one = Watchdog(Limits(processes=1), lambda: None, folder="/nowhere", writer=process.pid)
        assert one.look() == "it started more than 1 processes and threads"
        process.stdin.close()
    limits = Limits(processes=64)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(Path.home()).st_uid)
    assert launch.Sandbox("landlock", limits)._own_limits(None)["processes"] > 2 * 64
    assert launch.Sandbox("landlock", limits)._own_limits(4711)["processes"] == 64


def test_the_watchdog_finds_files_that_were_deleted_too(tmp_path: Path) -> None:
    folder, me = str(tmp_path), os.getpid()

    def look(**limits: int) -> str:
        return Watchdog(Limits(**limits), lambda: None, folder=folder, writer=me).look()

    assert look(disk=1_000_000, inodes=1) == ""
    before = deleted_size(me)
    with (tmp_path / "file").open("w+b") as file:
        file.write(bytes(2_000_000))
        file.flush()
        assert 2_000_000 <= size_of(folder)[0] < 3_000_000
        os.remove(tmp_path / "file")
        assert size_of(folder) == (0, 0)
        assert "files" in look(disk=1_000_000)
        mapped = mmap.mmap(file.fileno(), 0)
    assert deleted_size(me) - before >= 2_000_000, "a mapping holds a file as well"
    mapped.close()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert look(inodes=1) == "it made more than 1 files"
    here = os.getcwd()
    try:
        os.chdir(folder)
        for _ in range(1500):
            os.mkdir("deep")
            os.chdir("deep")
    finally:
        os.chdir(here)
    assert look() == "it nested folders too deeply"
    remove(folder)
    assert not tmp_path.exists()


def test_without_cgroups_nothing_is_claimed(tmp_path: Path) -> None:
    group = Cgroup(Limits(), tmp_path)
    assert group.made == set()
    group.prepare()
    group.close()
    assert not list(tmp_path.rglob("cv-grading-*"))


def test_preparing_cgroups_moves_nobody() -> None:
    before = Path("/proc/self/cgroup").read_text()
    group = Cgroup(Limits())
    group.prepare()
    group.close()
    assert Path("/proc/self/cgroup").read_text() == before


def decide(program: list[seccomp.Instruction], arch: int, number: int, *arguments: int) -> int:
    """Run a filter as the kernel would."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    value = at = 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        if code == seccomp.RETURN:
            return k
        if code == seccomp.LOAD:
            (value,) = struct.unpack_from("<I", data, k)
        elif code == seccomp.AND:
            value &= k
        elif code == seccomp.EQUAL:
            at += yes if value == k else no
        else:
            assert code == seccomp.AT_LEAST
            at += yes if value >= k else no


@pytest.mark.parametrize(("machine", "arch"), seccomp.AUDIT_ARCH.items())
def test_the_filter_decides_as_its_tables_say(machine: str, arch: int) -> None:
    which = list(seccomp.AUDIT_ARCH).index(machine)
    walls, alone = seccomp.program(None, machine), seccomp.program(4711, machine)
    for numbers in seccomp.FORBIDDEN.values():
        if (number := numbers[which]) is not None:
            assert decide(walls, arch, number) == decide(alone, arch, number) == seccomp.ERROR | errno.EPERM
    for numbers in seccomp.FORBIDDEN_WITHOUT_NAMESPACES.values():
        if (number := numbers[which]) is not None:
            assert decide(alone, arch, number) == seccomp.ERROR | errno.EPERM
    for (session,) in [numbers[which : which + 1] for numbers in seccomp.PRETENDED.values()]:
        assert session is not None
        assert decide(walls, arch, session) == decide(alone, arch, session) == seccomp.ERROR
    room, ioctl = seccomp.UNSUPPORTED_WITHOUT_NAMESPACES["fallocate"][which], seccomp.IOCTL[which]
    assert room is not None
    assert ioctl is not None
    assert decide(walls, arch, room) == seccomp.ALLOW
    assert decide(alone, arch, room) == seccomp.ERROR | errno.EOPNOTSUPP
    for request, answer in ((0x5401, seccomp.ALLOW), (0x5451, seccomp.ALLOW), (0x5412, seccomp.ERROR | errno.EPERM)):
        assert decide(walls, arch, ioctl, 0, request) == decide(alone, arch, ioctl, 0, request) == answer
    for request in (0x40086602, 0x401C5820, 0x40305828, 0x8901, 0x8902):  # flags of files, room for them, signals
        assert decide(alone, arch, ioctl, 0, request) == seccomp.ERROR | errno.ENOTTY
    clone, openat = seccomp.CLONE[which], (257, 56)[which]
    kill, sock = seccomp.KILL[which], seccomp.SOCKET[which]
    assert clone is not None
    assert kill is not None
    assert sock is not None
    for program in (walls, alone):
        assert decide(program, arch, openat) == seccomp.ALLOW
        assert decide(program, arch, clone, 0x3D0F00) == seccomp.ALLOW  # a thread
        assert decide(program, arch, clone, 0x10000011) == seccomp.ERROR | errno.EPERM  # a user namespace
        assert decide(program, arch, clone, 0x8011) == seccomp.ERROR | errno.EPERM  # a child of its parent's
        assert decide(program, arch, 435) == seccomp.ERROR | errno.ENOSYS
        assert decide(program, arch ^ 1, openat) == seccomp.KILL_PROCESS
        assert decide(program, arch, sock, 40, 1) == seccomp.ERROR | errno.EPERM or program is alone
    assert decide(walls, arch, kill, 1, 9) == seccomp.ALLOW  # in a namespace of its own
    assert decide(alone, arch, kill, 1, 9) == seccomp.ERROR | errno.EPERM
    assert decide(alone, arch, kill, 4711, 9) == seccomp.ALLOW
    assert decide(alone, arch, sock, 1, 1 | 0o2000000) == seccomp.ALLOW  # AF_UNIX, a stream
    assert decide(alone, arch, sock, 1, 2) == seccomp.ERROR | errno.EPERM  # a datagram could be sent anywhere
    assert decide(alone, arch, sock, 2, 1) == seccomp.ERROR | errno.EACCES


def test_old_landlock_is_asked_for_what_it_knows() -> None:
    assert landlock.handled(1) == (1 << 13) - 1
    assert landlock.handled(3) == (1 << 15) - 1
    assert landlock.handled(7) == (1 << 16) - 1
