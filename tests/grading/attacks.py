"""What hostile submissions try, and what must come of each; and how to try some of it without grading anything.

`attempt` prints a word when something got out. `python tests/grading/attacks.py` reads cells from standard input, runs
them as whoever calls it, and prints what they printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbclient
from nbformat.v4 import new_code_cell, new_notebook

from course.bench.hostile.attacks import DEADLOCK, daemon
from course.grading.provisioner import GradingProvisioner

OUT = "ESCAPED"
_TRY = """
import ctypes, os, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what, action):
    try:
        print("ESC" "APED", what, repr(action())[:200])
    except Exception as error:
        print("held:", what, type(error).__name__, getattr(error, "errno", ""))
def call(name, *arguments):
    result = getattr(libc, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result
"""


@dataclass(frozen=True)
class Attack:
    """One cell, put behind the first exercise of a solved notebook.

    Attributes:
        cell: the code.
        fatal: whether the kernel ends by it: what was earned before stays, what comes after is lost.
        reason: what the student is told then, as a regular expression.
        told: what the cell must have printed, as a regular expression.
        spoils: whether it may leave too little to the kernel for what comes after.
    """

    cell: str
    fatal: bool = False
    reason: str = ""
    told: str = ""
    spoils: bool = False


def reading(*paths: object) -> str:
    """Try to read files and list folders, also those of other processes."""
    return f"""{_TRY}
for path in {[str(p) for p in paths]}:
    attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(20))
for path in {[str(p) for p in paths]}:
    os.symlink(path, "a-link")
    attempt("link to " + path, lambda: os.listdir("a-link") if os.path.isdir("a-link") else open("a-link").read(20))
    os.remove("a-link")
others = []
attempt("list processes", lambda: others.extend(n for n in os.listdir("/proc") if n.isdecimal()) or 1 / 0)
for other in others:
    for name in ("environ", "mem", "maps", "fd/0", "root", "cwd", "exe") if other != str(os.getpid()) else ():
        path = f"/proc/{{other}}/{{name}}"
        attempt(path, lambda: os.listdir(path) if name in ("root", "cwd") else open(path, "rb").read(20) or 1 / 0)
"""


def writing(*paths: object) -> str:
    """Try to write, replace, remove and hide files."""
    return f"""{_TRY}
for path in {[str(p) for p in paths]}:
    attempt("write " + path, lambda: open(path, "a").write("was here"))
    attempt("truncate " + path, lambda: os.truncate(path, 0))
    attempt("remove " + path, lambda: os.remove(path))
    attempt("rename " + path, lambda: os.rename(path, path + "2"))
    attempt("link " + path, lambda: os.link(path, "mine"))
    attempt("make beside " + path, lambda: os.mkdir(path + ".d"))
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/overcommit_memory", "/sys/kernel/x"):
    attempt("write " + path, lambda: open(path, "w").write("1"))
"""


def connecting(port: int, path: object, datagrams: object, abstract: str) -> str:
    """Try to reach servers on this machine, one outside, the machine's interfaces."""
    return f"""{_TRY}
def send(kind, address, family=socket.AF_UNIX):
    return socket.socket(family, kind).sendto(b"x", address)
def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
attempt("TCP", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
attempt("TCP outside", lambda: socket.create_connection(("1.1.1.1", 53), 2))
attempt("TCP 6", lambda: socket.socket(socket.AF_INET6).connect(("::1", {port})))
attempt("UDP", lambda: send(socket.SOCK_DGRAM, ("1.1.1.1", 53), socket.AF_INET))
attempt("unix", lambda: socket.socket(socket.AF_UNIX).connect({str(path)!r}))
attempt("unix datagram", lambda: send(socket.SOCK_DGRAM, {str(datagrams)!r}))
attempt("pair to unix", lambda: pair()[0].sendto(b"x", {str(datagrams)!r}))
attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect({abstract!r}))
attempt("abstract datagram", lambda: send(socket.SOCK_DGRAM, {abstract + "-d"!r}))
attempt("pair to abstract", lambda: pair()[0].sendto(b"x", {abstract + "-d"!r}))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("alg", lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET))
attempt("bluetooth", lambda: socket.socket(31, socket.SOCK_RAW))
def netlink():
    line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)  # add an address to the loopback interface
    line.send(struct.pack("=IHHIIBBBBIHHI", 32, 20, 5, 1, 0, 2, 8, 0, 0, 1, 8, 2, 0x0100000A))
    (error,) = struct.unpack_from("=i", line.recv(4096), 16)
    if error:
        raise OSError(-error, "netlink")
attempt("netlink", netlink)
names = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else []
attempt("interfaces", lambda: 1 / 0 if set(names) <= {{"lo"}} else names)
"""


PRIVILEGES = f"""{_TRY}
attempt("setuid", lambda: os.setuid(0) if os.getuid() else 1 / 0)
attempt("groups", lambda: os.setgroups([0]))
for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    attempt(f"namespace {{flag:x}}", lambda: call("unshare", flag))
attempt("clone a namespace", lambda: call("syscall", 56 if sys.maxsize and os.uname().machine == "x86_64" else 220,
                                          0x10000011, 0, 0, 0, 0))
attempt("clone3", lambda: call("syscall", 435, ctypes.create_string_buffer(struct.pack("<11Q", 0x10000000, 0, 0, 0, 17,
                               0, 0, 0, 0, 0, 0)), 88))
attempt("setns", lambda: call("setns", os.open("/proc/self/ns/net", 0), 0))
attempt("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("remount", lambda: call("mount", b"none", b"/run/kernel", None, 4096 | 32, None))
attempt("unmount", lambda: call("umount2", b"/jobs", 2))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("ptrace", lambda: call("ptrace", 16, os.getppid(), 0, 0))
attempt("another's memory", lambda: call("process_vm_readv", os.getppid(), None, 0, None, 0, 0))
if os.uname().machine == "x86_64":
    for name, number, *arguments in (("keyctl", 250, 0, -3, 1), ("add_key", 248, b"user", b"a", b"b", 1, -3),
                                     ("request_key", 249, b"user", b"a", None, 0), ("io_uring", 425, 1, 0),
                                     ("userfaultfd", 323, 1), ("bpf", 321, 5, None, 0), ("memfd", 319, b"x", 0),
                                     ("perf_event_open", 298, None, 0, -1, -1, 0), ("personality", 135, 0x40000),
                                     ("x32", 0x40000000 + 39), ("kexec", 246, 0, 0, None, 0),
                                     ("open_by_handle_at", 304, -100, None, 0), ("reboot", 169, 0, 0, 0, None)):
        attempt(name, lambda: call("syscall", number, *arguments))
import fcntl
attempt("push into the terminal", lambda: fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), 0x5412, b"x"))
attempt("push into a terminal", lambda: fcntl.ioctl(os.openpty()[1], 0x5412, b"x"))
attempt("init's memory", lambda: open("/proc/1/mem", "rb").read(1))
attempt("device", lambda: os.mknod("a-disk", 0o60600, os.makedev(254, 0)))
attempt("the machine's name", lambda: socket.sethostname("x"))
attempt("the clock", lambda: time.clock_settime(time.CLOCK_REALTIME, 0))
attempt("more memory", lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_DATA, (1 << 50, 1 << 50)))
os.system("chmod u+s /bin/true 2>/dev/null")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("caps", status["CapEff"].strip(), "new privileges", status["NoNewPrivs"].strip(), status["Seccomp"].strip())
"""

# The kernels of others: their sockets, and the server that forks kernels.
NEIGHBOURS = f"""{_TRY}
import glob
own = os.path.dirname(os.getcwd()) + "/"
seen = [p for top in ("/jobs", "/run", "/tmp", "/dev/shm", "/var") for p in glob.glob(f"{{top}}/**", recursive=True)]
others = [p for p in seen if p.startswith(("/jobs/", "/tmp/")) and p[-1] != "/" and not p.startswith(own)]
attempt("others' files", lambda: others or 1 / 0)
attempt("others' sockets", lambda: "cv-" in open("/proc/net/unix").read() or 1 / 0)
attempt("a new file beside our sockets", lambda: open("/run/kernel/new", "w"))
attempt("the server", lambda: socket.socket(socket.AF_UNIX).connect("/jobs/s"))
def room():
    for name in ("room", "room2", "room3"):
        call("fallocate", os.open(name, os.O_CREAT | os.O_RDWR), 0, ctypes.c_long(0), ctypes.c_long(250 << 20))
attempt("room on the machine's disk", room)
for name in glob.glob("room*"):
    os.remove(name)
def session():
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
        finally:
            os._exit(os.getsid(0) == os.getpid())
    return os.waitpid(pid, 0)[1] or 1 / 0
attempt("one more share of the processors", session)
attempt("slow others down", lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19))
"""

# Where sockets of kernels are made, on the machine's disk without namespaces; they take up no bytes.
SOCKET_FILES = f"""{_TRY}
def sockets():
    for number in range(30_000):
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"../s/{{number}}")
    time.sleep(3)
attempt("files that are sockets", sockets)
"""

FORK_BOMB = """
import os, time
children = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        children += 1
except OSError as error:
    print("children", children, type(error).__name__)
"""

MEMORY_BOMB = """
blocks = []
try:
    while True:
        blocks.append(bytearray(100_000_000))
except MemoryError:
    print("blocks", len(blocks))
del blocks
"""

MANY_MEMORY_BOMBS = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        block = bytearray(b"x") * 400_000_000
        time.sleep(600)
time.sleep(20)
"""

DISK_BOMB = """
import os
written = 0
for folder in (".", "/tmp", os.path.expanduser("~"), "/dev/shm"):
    try:
        for i in range(1000):
            with open(f"{folder}/{i}", "wb", buffering=0) as file:
                for _ in range(20):
                    written += file.write(bytes(1_000_000))
    except OSError as error:
        print(folder, type(error).__name__)
print("megabytes", written // 1_000_000)
try:
    for i in range(1_000_000):
        open(f"empty-{i}", "w").close()
except OSError as error:
    print("empty files", i, type(error).__name__)
"""

# On a busy machine its time is up before it is too much.
TOO_MUCH = "bytes of output|did not answer any more"
FLOOD = """
import os
for _ in range(200):
    os.write(1, b"y" * 1_000_000)
    print("z" * 5_000_000, flush=True)
"""

_SEND = """
kernel = get_ipython().kernel
def send(kind, content, parent=None, **more):
    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent or kernel.get_parent(), **more)
"""
# Messages that no notebook shows, for a cell that does not exist.
SILENT_FLOOD = f"""{_SEND}
nobody = {{**kernel.get_parent(), "msg_id": "x", "header": {{**kernel.get_parent()["header"], "msg_id": "x"}}}}
while True:
    send("comm_msg", {{"comm_id": "x", "data": {{}}}}, nobody, buffers=[bytes(1_000_000)])
"""
HUGE_MESSAGE = f"""{_SEND}
send("stream", {{"name": "stdout", "text": "z" * 80_000_000}})
"""

LACKING_MESSAGE = f"""{_SEND}
send("stream", {{}})
"""
# Signed as it must be, and no JSON that a parser gets through.
GARBLED_MESSAGE = f"""{_SEND}
parts = [*[kernel.session.pack({{}})] * 3, b"[" * 1_000_000]
kernel.iopub_socket.send_multipart([b"stream", b"<IDS|MSG>", kernel.session.sign(parts), *parts])
import time
time.sleep(1)
"""

ODD_BUNDLE = f"""{_SEND}
send("display_data", {{"data": 7, "metadata": {{}}}})
"""

# Half a megabyte that keeps a parser of HTML busy for minutes, and the grader must clean it.
HTML_BOMB = """
from IPython.display import HTML, display
display(HTML("<div>" * 100_000))
"""

HANGS_UP = """
import os, time
os.closerange(3, 1024)
while True:
    try:
        time.sleep(600)
    except BaseException:
        pass
"""

# Honest, and forgetful: all of it is still so when the next test is asked.
FORGETFUL = """
import os, sys, threading, time, warnings
import numpy as np
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
inference, mixed = torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16)
inference.__enter__()
mixed.__enter__()
torch.autograd.set_detect_anomaly(True)
torch.manual_seed(0)
np.seterr(all="raise")
warnings.simplefilter("error")
os.makedirs("gone")
os.chdir("gone")
os.rmdir("../gone")
os.environ.clear()
sys.stdout = open("/tmp/log", "w")
threading.Thread(target=lambda: [time.sleep(0.01) for _ in range(10**6)]).start()
"""

# And worse: timers, no output to write to, hardly a call within a call.
LEFTOVERS = """
import inspect, signal, sys
def late(*_):
    raise TimeoutError
signal.signal(signal.SIGALRM, late)
signal.setitimer(signal.ITIMER_REAL, 0.2, 0.05)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.2)  # the system ends a process that has no handler for it
print("left alone")
sys.stdout = sys.stderr = None
sys.setrecursionlimit(len(inspect.stack()) + 6)
"""

COMMANDS = """
!echo from a command
%cd /
"""

EXITS = """
import os, time
print("goes now", flush=True)
time.sleep(1)
os._exit(0)
"""

STACK_OVERFLOW = """
import sys
sys.setrecursionlimit(1_000_000_000)
def deeper(_):
    return list(map(deeper, [0]))
deeper(0)
"""

# Signed and well-formed, but what counts cells is no number: a page would show it as it is.
FORGED_COUNT = f"""{_SEND}
send("execute_input", {{"code": "", "execution_count": "<script>alert(1)</script>"}})
"""

# What a cell shows of it would not end; nor do what it is told to do at an interrupt, and its loop with a bare except.
ENDLESS_WORDS = """
import time
class Endless(Exception):
    def __str__(self):
        while True:
            time.sleep(0.01)
raise Endless
"""
STUBBORN = """
import signal, time
def never(*_):
    while True:
        time.sleep(0.01)
signal.signal(signal.SIGINT, never)
while True:
    try:
        while True:
            time.sleep(0.01)
    except:
        pass
"""
# Keys that JSON has not, and an object within itself.
ODD_DISPLAYS = """
from IPython.display import display
around = {}
around["x"] = around
for bundle in ({("a", 1): "x"}, {"application/json": around}, {"text/plain": "told"}):
    try:
        display(bundle, raw=True)
    except Exception as error:
        print(type(error).__name__)
print("still here")
"""
# A child of its parent's: of the fork server, which does not know it, where there are no namespaces.
STRANGER = f"""{_TRY}
number = 56 if os.uname().machine == "x86_64" else 220
def stranger():
    pid = call("syscall", number, 0x8000 | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid
attempt("a child of its parent's", stranger)
"""

KILLER = f"""{_TRY}
for pid in (os.getppid(), 1, -1):
    for number in (signal.SIGKILL, signal.SIGSTOP):
        if pid > 0 and os.getppid() != 1 or pid == -1:
            continue
        attempt("kill", lambda: os.kill(pid, number) or 1 / 0)  # a namespace's first process cannot be killed within
        print("still here", pid, number)
sys.stdout.flush()
time.sleep(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def odd_files(canary: object) -> str:
    """Fill the working directory with names and links that might trip who looks at it afterwards."""
    return f"""{_TRY}
for name in ("-rf", "new\\nline", "a'b", "$(id)", "é", "\\udcff", ".." + "." * 200, "x" * 255):
    open(name, "w").close()
up = "../../../../../.."
for name, target in (("to-canary", {str(canary)!r}), ("loop", "loop"), ("up", up), ("proc", "/proc/1/root")):
    os.symlink(target, name)
os.mkfifo("pipe")
here = os.getcwd()
for _ in range(1200):  # deeper than Python can follow
    os.mkdir("d")
    os.chdir("d")
os.chdir(here)
os.chmod("d", 0)
attempt("through a link", lambda: open("to-canary").read())
attempt("up", lambda: os.listdir("up/root") + os.listdir("up/home"))
"""


def table(
    reads: Iterable[object],
    writes: Iterable[object],
    canary: object,
    connections: tuple[int, object, object, str],
    marker: str,
) -> dict[str, Attack]:
    """All of them, by name."""
    return {
        "reads": Attack(reading(*reads), told="held:"),
        "writes": Attack(writing(*writes), told="held:"),
        "connects": Attack(connecting(*connections), told="held: netlink"),
        "neighbours": Attack(NEIGHBOURS, told="held: slow"),
        "privileges": Attack(PRIVILEGES, told="caps 0000000000000000 new privileges 1 2"),
        "odd-files": Attack(odd_files(canary), told="held: up"),
        "daemon": Attack(daemon(marker), told="started"),
        "fork-bomb": Attack(FORK_BOMB, told=r"children ([1-5]\d|6[0-3]|[1-9]) BlockingIOError", spoils=True),
        "memory-bomb": Attack(MEMORY_BOMB, told=r"blocks (\d|1[012])\b"),
        "memory-bombs": Attack(MANY_MEMORY_BOMBS, fatal=True, reason="memory"),
        "disk-bomb": Attack(DISK_BOMB, told=r"(?s)megabytes 6[0-9]\b.*empty files \d{1,5} OSError"),
        "socket-files": Attack(SOCKET_FILES, told="held:"),
        "endless-loop": Attack("while True: pass"),
        "deadlock": Attack(DEADLOCK),
        "endless-words": Attack(ENDLESS_WORDS),
        "stubborn": Attack(STUBBORN),
        "odd-displays": Attack(ODD_DISPLAYS, told="still here"),
        "forged-count": Attack(FORGED_COUNT),
        "stranger": Attack(STRANGER, told="held: a child"),
        "floods": Attack(FLOOD, fatal=True, reason=TOO_MUCH),
        "silent-flood": Attack(SILENT_FLOOD, fatal=True, reason=TOO_MUCH),
        "huge-message": Attack(HUGE_MESSAGE, fatal=True, reason="did not answer any more"),
        "lacking-message": Attack(LACKING_MESSAGE, fatal=True, reason="cannot be understood"),
        "garbled-message": Attack(GARBLED_MESSAGE, fatal=True, reason="cannot be understood"),
        "odd-bundle": Attack(ODD_BUNDLE, fatal=True, reason="cannot be understood"),
        "html-bomb": Attack(HTML_BOMB),
        "hangs-up": Attack(HANGS_UP, fatal=True, reason="broke the connection|did not answer any more|SIGABRT"),
        "forgetful": Attack(FORGETFUL),
        "leftovers": Attack(LEFTOVERS, told="left alone"),
        "commands": Attack(COMMANDS, told="from a command"),
        "exits": Attack(EXITS, fatal=True, reason="exit code 0", told="goes now"),
        "overflows": Attack(STACK_OVERFLOW, fatal=True, reason="SIGSEGV"),
        "kills": Attack(KILLER, fatal=True, reason="SIGKILL", told="still here 1 9"),
    }


# Those that leave the kernel as it was.
HELD = ("reads", "writes", "connects", "neighbours", "privileges", "odd-files", "daemon", "stranger")
NAMES = tuple(table((), (), "", (0, "", "", ""), ""))


def run(cells: dict[str, str], folder: Path, **traits: Any) -> dict[str, str]:
    """What each cell printed, run in one kernel in `folder`."""

    class Client(nbclient.NotebookClient):
        def create_kernel_manager(self) -> Any:
            manager = super().create_kernel_manager()
            manager.provisioner = GradingProvisioner(kernel_spec=manager.kernel_spec, parent=manager, **traits)
            return manager

    notebook = new_notebook(cells=[new_code_cell(text) for text in cells.values()])
    client = Client(
        notebook,
        kernel_name="python3",
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
        timeout=60,
        allow_errors=True,
    )
    done = client.execute()
    texts = ["".join(o.get("text", o.get("evalue", "")) for o in c.outputs) for c in done.cells]
    return dict(zip(cells, texts, strict=True))


if __name__ == "__main__":
    request = json.loads(sys.stdin.read())
    print(json.dumps(run(request["cells"], Path(request["folder"]), **request["traits"])))
