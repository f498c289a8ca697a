"""Memory in large pages is the same memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such pages, or others")

PROGRAM = """
import os
from course.grading.large_pages import collapse

def large():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))

size = 64 << 20
kept = bytearray(os.urandom(1 << 20) * (size >> 20))
digest, before = hash(bytes(kept)), large()
collapse()
print(large() - before, hash(bytes(kept)) == digest)
if not (child := os.fork()):
    kept[:] = bytes(size)
    os._exit(0)
os.waitpid(child, 0)
print(hash(bytes(kept)) == digest)
"""


def test_memory_is_as_it_was_in_fewer_pages_and_a_child_writes_into_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    larger, same, untouched = done.stdout.split()
    assert (same, untouched) == ("True", "True")
    if int(larger) == 0:
        pytest.skip("this system has no large pages to give")
    assert int(larger) >= 48 << 10  # kilobytes; its ends are in no large page
