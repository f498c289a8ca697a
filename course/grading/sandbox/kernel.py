"""An IPython kernel that opens no TCP socket: where there is no network namespace, seccomp forbids them all.

ipykernel binds one on localhost, by which forked children would send what they print. They now print nowhere.
"""

from __future__ import annotations

import sys


def without_tcp() -> None:
    """Keep kernels of this process off TCP."""
    from ipykernel.iostream import IOPubThread

    def no_pipe(self: IOPubThread) -> None:
        self._pipe_flag = False

    IOPubThread._setup_pipe_in = no_pipe  # type: ignore[method-assign]


if __name__ == "__main__":
    if sys.path[0] == "":
        del sys.path[0]  # as ipykernel_launcher does; a kernel adds its own
    without_tcp()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
