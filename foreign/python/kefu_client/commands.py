"""The commands of one device in all its conversations: hands them to the connection and settles their answers."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from .outbox import N_WAS_USED, Entry, Outbox
from .reaction import delay_s

Frame = dict[str, Any]


class Rejected(Exception):
    """A command was refused for good; `code` says why."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"{frame['code']} {frame['title']}")
        self.code: int = frame["code"]
        self.frame = frame


class Commands:
    """`tell` queues a frame; `aside` runs something beside."""

    def __init__(
        self,
        saved: dict[str, Any] | None,
        tell: Callable[[Frame], None],
        aside: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
    ) -> None:
        self.device: str = saved["device"] if saved else secrets.token_urlsafe(12)
        #: No number of this device is worth anything any more; once nothing is in flight it becomes another one.
        self.lost_count = False
        self._outboxes = {id: restored(outbox) for id, outbox in saved["outboxes"].items()} if saved else {}
        self._tell, self._aside = tell, aside
        self._open = False
        self._failed: Exception | None = None
        self._stalls: dict[str, int] = {}

    def saved(self) -> dict[str, Any]:
        outboxes = {
            id: {"last_n": box.last_n, "unanswered": [{"n": entry.n, "body": entry.body} for entry in box.entries]}
            for id, box in self._outboxes.items()
        }
        return {"device": self.device, "outboxes": outboxes}

    def post(self, conversation: str, body: dict[str, Any]) -> asyncio.Task[Frame]:
        entry = self._outbox(conversation).put(body)
        entry.answer = asyncio.get_running_loop().create_future()
        if self._failed is not None:
            entry.answer.set_exception(self._failed)
        self._push(conversation)
        return self._aside(answer_of(entry))

    def welcomed(self, window: int) -> None:
        """Sends again, in order, what was not answered."""
        self._open = True
        for conversation, outbox in self._outboxes.items():
            outbox.window = window
            self._push(conversation)

    def leaving(self) -> None:
        """Nothing new goes out; what is in flight may still be answered."""
        self._open = False

    def disconnected(self) -> None:
        self._open = self.lost_count = False
        for outbox in self._outboxes.values():
            outbox.disconnected()

    def fail(self, why: Exception) -> None:
        """There will be no connection any more."""
        self._failed = why
        for outbox in self._outboxes.values():
            outbox.fail(why)

    def in_flight(self) -> bool:
        return any(outbox.in_flight() for outbox in self._outboxes.values())

    def become_another_device(self) -> None:
        """The numbers were used for something else (a lost or copied outbox): a new device starts at 1."""
        self.device = secrets.token_urlsafe(12)
        for outbox in self._outboxes.values():
            outbox.renumber_from(1)

    def settle(self, frame: Frame) -> None:
        """Takes an `ack` or a `rejected`."""
        conversation = frame["conversation"]
        outbox = self._outbox(conversation)
        if frame["t"] == "ack":
            entry = outbox.acked(frame["n"])
            self._stalls.pop(conversation, None)
        else:
            entry = outbox.rejected(frame["n"], frame["code"], frame.get("expected_n"))
            self.lost_count |= frame["code"] == N_WAS_USED
        if entry is not None and entry.answer is not None and not entry.answer.done():
            entry.answer.set_result(frame)
        if outbox.can_go_on():
            stalls = self._stalls[conversation] = self._stalls.get(conversation, 0) + 1
            self._aside(self._go_on(conversation, delay_s(stalls)))
        else:
            self._push(conversation)

    async def _go_on(self, conversation: str, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        outbox = self._outbox(conversation)
        if outbox.can_go_on():
            outbox.stalled = False
            self._push(conversation)

    def _outbox(self, conversation: str) -> Outbox:
        return self._outboxes.setdefault(conversation, Outbox())

    def _push(self, conversation: str) -> None:
        if not self._open or self.lost_count:
            return
        for entry in self._outbox(conversation).due():
            self._tell({"t": "command", "conversation": conversation, "n": entry.n, "body": entry.body})


async def answer_of(entry: Entry) -> Frame:
    assert entry.answer is not None
    answer = await entry.answer
    if answer["t"] == "rejected":
        raise Rejected(answer)
    return answer


def restored(saved: dict[str, Any]) -> Outbox:
    return Outbox(last_n=saved["last_n"], entries=[Entry(each["n"], each["body"]) for each in saved["unanswered"]])
