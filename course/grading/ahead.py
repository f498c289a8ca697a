"""A fork server that starts before anything is known about the class, and imports while we read and import ourselves.

For this, the module must be imported without nbgrader and torch.
"""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from course.grading.forkserver import ForkServer, ForkUnavailable
from course.grading.runner import WARM
from course.grading.sandbox import SandboxError
from course.grading.sandbox.launch import Sandbox, look_ahead


@contextmanager
def usual_server() -> Iterator[ForkServer | None]:
    """A fork server within the walls that most classes have; it ends with the context at the latest.

    The collector rests until whoever has imported everything wakes it, or the context ends.

    None where there is no bubblewrap. Whether it works here is being tried at the same time: whoever wants to use the
    server asks `launch.available` first, and `ForkServer.serves`.
    """
    with ExitStack() as stack:
        gc.disable()  # imports make much that stays; to look through it again and again is a tenth of their time
        stack.callback(gc.enable)
        server = None
        if sys.platform == "linux" and shutil.which("bwrap"):
            with suppress(ForkUnavailable, SandboxError, OSError):  # those who need one will say what is wrong
                server = stack.enter_context(ForkServer(Sandbox("bubblewrap"), warm=WARM))
                look_ahead("bubblewrap")
        yield server
