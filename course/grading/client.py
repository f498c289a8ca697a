"""The grader's end of a kernel's sockets: whatever a submission sends, only so much of it comes in.

ZeroMQ takes messages of any size and queues a thousand of them before anybody looks; that would be the grader's memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

from course.grading.structure import is_modest

# More than any figure or print. After a larger one ZeroMQ hears no more of that kernel, which then counts as deaf.
MESSAGE_BYTES, QUEUED_MESSAGES = 64_000_000, 16
# Taking a message in costs time, however short it is.
SMALLEST_MESSAGE = 1_000


class Garbled(ValueError):
    """What came from a kernel is no message of Jupyter's."""


class BoundedChannel(AsyncZMQSocketChannel):
    """Counts what comes in, of whatever kind and for whichever cell; says so when it is too much."""

    received = 0
    most: float = float("inf")
    too_much: Callable[[], None] | None = None

    async def _recv(self, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        frames = await self.socket.recv_multipart(**kwargs)
        self.received += max(SMALLEST_MESSAGE, sum(map(len, frames)))
        if self.received > self.most and self.too_much:
            self.too_much()
        # As long as messages are waiting, nothing above gives a turn to what watches the clock.
        await asyncio.sleep(0)
        try:
            _, message = self.session.feed_identities(frames)
            if not all(is_modest(bytes(part)) for part in message[1:5]):  # type: ignore[arg-type]
                raise ValueError("it consists of too many parts")
            return self.session.deserialize(message)
        except Exception as error:  # signatures, JSON, fields, depth: whatever a submission may think of
            raise Garbled(f"{type(error).__name__}: {error}") from error


class BoundedClient(AsyncKernelClient):
    """A client of one kernel whose messages are bounded in size, number and sum."""

    shell_channel_class = Type(BoundedChannel)
    iopub_channel_class = Type(BoundedChannel)

    def _context_default(self) -> zmq.asyncio.Context:
        context = super()._context_default()
        context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        context.setsockopt(zmq.RCVHWM, QUEUED_MESSAGES)
        return context

    def bound(self, most: int, too_much: Callable[[], None]) -> None:
        """Call `too_much` when more than `most` bytes have come, small messages counted as `SMALLEST_MESSAGE`."""
        for channel in (self.shell_channel, self.iopub_channel):
            assert isinstance(channel, BoundedChannel)
            channel.most, channel.too_much = most, too_much
