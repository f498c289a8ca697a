"""Frames on a socket: one letter, a length, that many bytes. The reader says how many it is willing to take."""

from __future__ import annotations

import select
import socket
import struct
import time

HEAD = struct.Struct("<cI")
RUN, ASK = b"R", b"A"  # requests: run a cell, answer a test
READY = b"r"  # comes first, by itself
DONE, ANSWER, FAILED = b"d", b"a", b"f"  # replies


class Broken(ConnectionError):
    """The other side is gone, or speaks something else."""


class TooLong(Broken):
    """The other side wants to send more than is taken."""


def send(channel: socket.socket, kind: bytes, content: bytes) -> None:
    """Send a frame."""
    channel.sendall(HEAD.pack(kind, len(content)) + content)


def readable(channel: socket.socket, deadline: float) -> bool:
    """Whether something comes, or the other side is gone, before the deadline."""
    waiting = select.poll()
    waiting.register(channel, select.POLLIN)
    return bool(waiting.poll(max(0.0, deadline - time.monotonic()) * 1000))


def receive(channel: socket.socket, most: int, deadline: float | None = None) -> tuple[bytes, bytes]:
    """The next frame.

    Args:
        channel: a stream socket.
        most: how many bytes are taken.
        deadline: on `time.monotonic`'s clock.

    Raises:
        TooLong: the frame is longer than that; the connection is of no use any more.
        Broken: the other side is gone.
        TimeoutError: the deadline has passed; what came of the frame so far is lost.
    """
    kind, length = HEAD.unpack(_exactly(channel, HEAD.size, deadline))
    if length > most:
        raise TooLong(f"it wants to send {length:,} bytes; {most:,} are taken")
    return kind, bytes(_exactly(channel, length, deadline))


def _exactly(channel: socket.socket, length: int, deadline: float | None) -> bytearray:
    content = bytearray(length)
    view, filled = memoryview(content), 0
    while filled < length:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 1e-3))
        try:
            got = channel.recv_into(view[filled:])
        except TimeoutError:
            raise
        except OSError as error:
            raise Broken(str(error)) from error
        if not got:
            raise Broken("it hung up")
        filled += got
    return content
