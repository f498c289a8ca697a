"""A filter of system calls, assembled by hand: libseccomp is no part of a Python environment.

The tables below are the policy. A filter is classic BPF (Linux: Documentation/userspace-api/seccomp_filter.rst,
linux/filter.h), run by the kernel on each system call's number and arguments; it cannot follow pointers. Calls that
are not named are allowed: namespaces, Landlock and limits do the main work, this takes away what they do not cover.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable

# name: (x86_64, aarch64); None where an architecture has no such call. From the kernel's syscall tables.
Numbers = tuple[int | None, int | None]

FORBIDDEN: dict[str, Numbers] = {
    # other file systems, other namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # large or young parts of the kernel that a notebook does not need
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "personality": (135, 92),
    # the machine
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "vhangup": (153, 58),
}
# Answered "no such call", so that libraries take their older way: clone3's flags lie behind a pointer; files of
# memory belong to no mount, and only a cgroup would count them.
UNKNOWN: dict[str, Numbers] = {"clone3": (435, 435), "memfd_create": (319, 279), "memfd_secret": (447, 447)}
# The kernel may share out processor time by session (sched_autogroup): who makes many would get many shares. And where
# there are no namespaces, who leaves the session and its process group would not end with it. Let it believe.
PRETENDED: dict[str, Numbers] = {"setsid": (112, 157)}

# Only where there are no namespaces: what reaches other processes and files of the same user past Landlock.
FORBIDDEN_WITHOUT_NAMESPACES: dict[str, Numbers] = {
    "connect": (42, 203),  # a session's message bus starts programs for whoever connects
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "setpgid": (109, 154),  # who cannot leave the process group ends with it
    # not only their making: those of the same user are there already, with numbers that can be guessed
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "inotify_add_watch": (254, 27),  # names of files come and go in folders that cannot be listed
    "fanotify_init": (300, 262),
    "truncate": (76, 45),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
}
# Landlock leaves modes, owners, times and attributes of files alone. Much copies them in passing: let it believe.
PRETENDED_WITHOUT_NAMESPACES: dict[str, Numbers] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
# The disk is the machine's own there, and the watchdog's looks are far between: this would fill it in between.
UNSUPPORTED_WITHOUT_NAMESPACES: dict[str, Numbers] = {"fallocate": (285, 47)}
CLONE: Numbers = (56, 220)
SOCKET: Numbers = (41, 198)
IOCTL: Numbers = (16, 29)
FCNTL: Numbers = (72, 25)
KILL: Numbers = (62, 129)
TGKILL: Numbers = (234, 131)
SOCKETPAIR: Numbers = (53, 199)
PRCTL: Numbers = (157, 167)
PRLIMIT: Numbers = (302, 261)
# Scheduling of other processes, by number. Libraries set that of their threads, and stop where they cannot.
SCHEDULING: dict[str, Numbers] = {
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}

NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, …CGROUP, …UTS, …IPC, …USER, …PID, …NET
CLONE_PARENT = 0x8000  # a child of its parent's: of the fork server, where there are no namespaces
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, SOCK_STREAM = 1, 2, 10, 16, 1
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
# Requests for terminals and all descriptors. Others set attributes of files, whose owner may be ours, room for them on
# the disk, whom to signal.
PLAIN_REQUESTS = 0x5400
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, ERROR, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER_AT, ARCH_AT, ARGUMENTS_AT = 0, 4, 16  # offsets in struct seccomp_data; all known machines are little-endian

Instruction = tuple[int, int, int, int]
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 1, 38, 22, 2


def supported() -> bool:
    """Whether the tables know this machine."""
    return platform.machine() in AUDIT_ARCH and struct.calcsize("P") == 8


def program(pid: int | None = None, machine: str | None = None) -> list[Instruction]:
    """The filter.

    Args:
        pid: given where there are no namespaces: the only process that may be signalled.
        machine: x86_64 or aarch64; this one unless given.
    """
    machine = machine or platform.machine()
    which = list(AUDIT_ARCH).index(machine)
    code: list[Instruction] = [
        (LOAD, 0, 0, ARCH_AT),
        (EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER_AT),
    ]
    if machine == "x86_64":
        code += [(AT_LEAST, 0, 1, X32), _error(errno.EPERM)]

    def rule(numbers: Numbers, *body: Instruction) -> None:
        if (number := numbers[which]) is not None:
            code.extend([(EQUAL, 0, len(body), number), *body])

    for numbers in UNKNOWN.values():
        rule(numbers, _error(errno.ENOSYS))
    for numbers in FORBIDDEN.values():
        rule(numbers, _error(errno.EPERM))
    rule(CLONE, *_argument(0), (AND, 0, 0, NEW_NAMESPACES | CLONE_PARENT), *_only([0]))
    for numbers in PRETENDED.values():
        rule(numbers, _error(0))
    never = [*_argument(1), *_never([TIOCSTI, TIOCLINUX])]
    if pid is None:
        rule(IOCTL, *never)
        # The network namespace is empty, but not every family obeys it (vsock), and some are large (alg, packet).
        rule(SOCKET, *_argument(0), *_only([AF_UNIX, AF_INET, AF_INET6, AF_NETLINK]))
    else:
        other = [*_argument(1), (AND, 0, 0, 0xFFFFFF00), (EQUAL, 1, 0, PLAIN_REQUESTS), _error(errno.ENOTTY)]
        rule(IOCTL, *other, *never)
        for numbers in FORBIDDEN_WITHOUT_NAMESPACES.values():
            rule(numbers, _error(errno.EPERM))
        for numbers in PRETENDED_WITHOUT_NAMESPACES.values():
            rule(numbers, _error(0))
        for numbers in UNSUPPORTED_WITHOUT_NAMESPACES.values():
            rule(numbers, _error(errno.EOPNOTSUPP))
        # Datagrams need no connection: they would reach any socket in the file system, from a pair too.
        stream = [*_argument(1), (AND, 0, 0, 0xF), *_only([SOCK_STREAM])]
        rule(SOCKET, *_argument(0), (EQUAL, 1, 0, AF_UNIX), _error(errno.EACCES), *stream)
        rule(SOCKETPAIR, *stream)
        # To end with its parent is not its own choice.
        rule(PRCTL, *_argument(0), (EQUAL, 0, 1, PR_SET_PDEATHSIG), _error(0), (RETURN, 0, 0, ALLOW))
        rule(FCNTL, *_argument(1), *_never([F_SETOWN, F_SETSIG, F_SETOWN_EX]))
        for numbers in (KILL, TGKILL):
            rule(numbers, *_argument(0), *_only([pid]))
        rule(PRLIMIT, *_argument(0), *_only([0, pid]))
        for numbers in SCHEDULING.values():
            rule(numbers, *_argument(0), *_only([0, pid], otherwise=0))
    return [*code, (RETURN, 0, 0, ALLOW)]


def apply(pid: int | None = None) -> None:
    """Put the filter on this process and all it will start, for good.

    Raises:
        OSError: the machine or its kernel does not know seccomp filters.
    """
    if not supported():
        raise OSError(errno.ENOSYS, f"no system call table for {platform.machine()}")
    code = program(pid)
    filled = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *instruction) for instruction in code))
    sock_fprog = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(code), ctypes.addressof(filled)))
    libc = ctypes.CDLL(None, use_errno=True)
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    mode = ctypes.c_ulong(SECCOMP_MODE_FILTER)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, one, none, none, none) or libc.prctl(
        PR_SET_SECCOMP, mode, sock_fprog, none, none
    ):
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def _error(number: int) -> Instruction:
    return (RETURN, 0, 0, ERROR | number)


def _argument(index: int) -> Iterable[Instruction]:
    """Load the lower half of an argument: all that the kernel looks at where it wants an int."""
    return [(LOAD, 0, 0, ARGUMENTS_AT + 8 * index)]


def _only(values: list[int], otherwise: int = errno.EPERM) -> Iterable[Instruction]:
    """Allow these values; for others do nothing and answer with an error, or with 0 for success."""
    n = len(values)
    tests = [(EQUAL, n - i, 0, value) for i, value in enumerate(values)]
    return [*tests, _error(otherwise), (RETURN, 0, 0, ALLOW)]


def _never(values: list[int]) -> Iterable[Instruction]:
    """Allow all but these values."""
    n = len(values)
    tests = [(EQUAL, n - i, 0, value) for i, value in enumerate(values)]
    return [*tests, (RETURN, 0, 0, ALLOW), _error(errno.EPERM)]
