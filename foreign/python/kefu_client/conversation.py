"""What a client knows of one conversation: the cursor, what was said, who has read it, the session.

No I/O here. `apply` takes events in order of `rev`, skips those it has, and says where one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Event type to the status that the session has after it.
SESSION_STATUS = {
    "session_opened": "waiting",
    "session_queued": "waiting",
    "session_assigned": "active",
    "session_transferred": "active",
    "session_requeued": "waiting",
    "session_ended": "ended",
}


def user_key(user: dict[str, str]) -> tuple[str, str]:
    return user["type"], user["id"]


@dataclass
class Conversation:
    id: str
    #: The cursor: None until a page of history was loaded or the first `attached` came.
    epoch: int | None = None
    #: Attached on the present connection: new events come by themselves.
    live: bool = False
    rev: int = 0
    #: How often it was loaded from history since it was live last.
    reloads: int = 0
    #: Messages and events by `rev`, without the hidden ones. A message: content, by, seq?, at, edited_at?, recalled_at?
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    #: (type, id) of a member to {"read", "delivered"}.
    marks: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    session: dict[str, Any] | None = None

    @property
    def seq(self) -> int:
        """The last message's address, 0 without any."""
        return max((item.get("seq", 0) for item in self.items.values()), default=0)

    @property
    def cursor(self) -> dict[str, Any]:
        cursor: dict[str, Any] = {"conversation": self.id}
        if self.epoch is not None:
            cursor.update(epoch=self.epoch, rev=self.rev)
        return cursor

    def messages(self) -> list[dict[str, Any]]:
        """In order; recalled ones have no `content`."""
        return [self.items[rev] for rev in sorted(self.items) if self.items[rev]["type"] == "message"]

    def texts(self) -> list[str]:
        contents = (message.get("content") or {} for message in self.messages())
        return [content["text"] for content in contents if content.get("type") == "text"]

    def load(self, page: dict[str, Any]) -> None:
        """Starts over from the last page of history."""
        self.epoch, self.rev = page["epoch"], page["rev"]
        self.items = {item["rev"]: dict(item) for item in page["items"]}
        self.session = page.get("session")
        self._take_members(page.get("members", []))

    def attached(self, summary: dict[str, Any]) -> None:
        """The answer to an attach that was recovered. Without a cursor of ours it is where we start."""
        if self.epoch is None:
            self.epoch, self.rev = summary["epoch"], summary["rev"]
        self.live, self.reloads = True, 0
        self.session = summary.get("session", self.session)
        self._take_members(summary["members"])

    def apply(self, epoch: int, events: list[dict[str, Any]]) -> bool:
        """False if something is missing: attach again from the cursor."""
        if epoch != self.epoch:
            return False
        for event in events:
            if event["rev"] <= self.rev:
                continue
            if event["rev"] != self.rev + 1:
                return False
            self.rev = event["rev"]
            self._take(event)
        return True

    def mark(self, user: dict[str, str], read: int, delivered: int) -> None:
        known = self.marks.setdefault(user_key(user), {"read": 0, "delivered": 0})
        known["read"] = max(known["read"], read)
        known["delivered"] = max(known["delivered"], delivered)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "edited":
            self._change(event["seq"], content=event["content"], edited_at=event["at"])
        elif kind == "recalled":
            self._change(event["seq"], content=None, recalled_at=event["at"])
        elif kind != "hidden":
            self.items[event["rev"]] = event
            self._follow_session(event)

    def _change(self, seq: int, **fields: Any) -> None:
        for item in self.items.values():
            if item.get("seq") == seq:
                item.update(fields)

    def _follow_session(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "session_rated" and self.session:
            self.session["rating"] = event["score"]
        if kind not in SESSION_STATUS:
            return
        if self.session is None or self.session["ordinal"] != event["session"]:
            self.session = {"ordinal": event["session"]}
        self.session["status"] = SESSION_STATUS[kind]
        if "agent" in event:
            self.session["agent"] = event["agent"]
        if kind == "session_requeued":
            self.session.pop("agent", None)

    def _take_members(self, members: list[dict[str, Any]]) -> None:
        for member in members:
            self.mark(member["user"], member["read"], member["delivered"])
