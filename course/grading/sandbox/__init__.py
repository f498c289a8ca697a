"""Where students' code runs: it sees a read-only system and its own files, and has no network and limited means.

launch.py     the trusted side: prepares a kernel's folder, starts it, watches it, ends it
confined.py   the same for a function of ours instead of a kernel
inside.py     the last steps on the other side, before a student's first line
view.py       what can be seen: files, environment
limits.py     how much can be used: cgroups, and a watchdog where there are none
seccomp.py    which system calls can be made
landlock.py   files, where namespaces are forbidden
interrupts.py the end of a cell that will not end
leftovers.py  what a cell left behind, put right
kernel.py     a Jupyter kernel that bears these walls
proof.py      a trial of all that, before it is trusted
"""

from course.grading.sandbox.errors import SandboxError, SandboxUnavailable

__all__ = ["SandboxError", "SandboxUnavailable"]
