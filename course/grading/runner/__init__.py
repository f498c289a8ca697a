"""Runs notebooks without Jupyter: one confined process a submission, forked where torch is imported already.

inside   in the sandbox: IPython's shell, which runs cells and answers tests
session  outside: starts such a process, speaks with it, watches its time
wire     frames between the two
"""

ENTRY, WARM = f"{__name__}.inside:serve", f"{__name__}.inside:warm"
"""What a confined process runs, and what a fork server does before it forks any."""
