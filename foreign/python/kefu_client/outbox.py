"""The numbered commands of one device in one conversation: what was asked for and is not answered yet.

No I/O here: the client asks what is due, and tells what came back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from . import reaction

N_IS_NOT_NEXT = 1001
N_WAS_USED = 1002


@dataclass
class Entry:
    n: int
    body: dict[str, Any]
    #: Resolved with the `ack`, or with the `rejected` that is final.
    answer: asyncio.Future[dict[str, Any]] | None = None
    #: Sent on the present connection and not answered there.
    sent: bool = False


@dataclass
class Outbox:
    """Sends in order, at most `window` unanswered; after a "not now" everything unanswered goes again, in order."""

    window: int = 32
    last_n: int = 0
    entries: list[Entry] = field(default_factory=list)
    #: An ack has shown that both sides count alike. Until then one goes at a time: none overtakes a refused one.
    counted: bool = False
    stalled: bool = False

    def put(self, body: dict[str, Any]) -> Entry:
        self.last_n += 1
        entry = Entry(self.last_n, body)
        self.entries.append(entry)
        return entry

    def due(self) -> list[Entry]:
        """What may be sent now; it counts as sent from here on."""
        if self.stalled:
            return []
        due = [entry for entry in self.entries[: self.window if self.counted else 1] if not entry.sent]
        for entry in due:
            entry.sent = True
        return due

    def disconnected(self) -> None:
        """Nothing that is unanswered will be answered on that connection any more."""
        self.stalled = False
        for entry in self.entries:
            entry.sent = False

    def acked(self, n: int) -> Entry | None:
        self.counted = True
        return self._remove(n)

    def rejected(self, n: int, code: int, expected_n: int | None) -> Entry | None:
        """The entry if the refusal is final. None if it has to be sent again (or is not known here).

        With `N_WAS_USED` that is under another device id: this one has lost count.
        """
        if code == N_IS_NOT_NEXT and expected_n is not None:
            self._go_on_from(n, expected_n)
        elif code == N_WAS_USED or reaction.is_retryable(code):
            self._keep(n)
        else:
            return self._remove(n)
        return None

    def fail(self, why: Exception) -> None:
        """Nothing will be answered any more; what is unanswered stays, to be saved."""
        for entry in self.entries:
            if entry.answer is not None and not entry.answer.done():
                entry.answer.set_exception(why)

    def in_flight(self) -> bool:
        return any(entry.sent for entry in self.entries)

    def can_go_on(self) -> bool:
        """Whether an outbox that stalled has heard of everything it had sent, so that sending again is in order."""
        return self.stalled and not self.in_flight()

    def renumber_from(self, first: int) -> None:
        """Gives what is unanswered the numbers from `first` on."""
        for offset, entry in enumerate(self.entries):
            entry.n = first + offset
        self.last_n = first + len(self.entries) - 1
        self.counted = False

    def _go_on_from(self, n: int, expected_n: int) -> None:
        """Those behind a command that was not taken are refused too; only the first one tells where to go on."""
        self._keep(n)
        if self.can_go_on() and self.entries[0].n != expected_n:
            self.renumber_from(expected_n)

    def _keep(self, n: int) -> None:
        """It goes again, once everything that is in flight was answered."""
        for entry in self.entries:
            if entry.n == n:
                entry.sent = False
                self.stalled = True

    def _remove(self, n: int) -> Entry | None:
        for index, entry in enumerate(self.entries):
            if entry.n == n:
                return self.entries.pop(index)
        return None
