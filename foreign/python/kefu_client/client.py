"""The client: one connection at a time, kept up for as long as the numbers allow; what it knows outlives it.

`Client.follow` keeps a conversation up to date, `Client.send` gives a command and waits for its answer across
reconnects, `Client.listen` hears every frame. Everything runs in one asyncio event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from .api import Api, ApiError
from .commands import Commands
from .conversation import Conversation
from .reaction import ELSEWHERE_DELAY_S, Reaction, delay_s, is_retryable, reaction
from .transport import MOST_FRAMES, Blocked, Closed, Frame, StreamTransport, WebSocketTransport

NAME = "kefu-python/1"
WELCOME_TIMEOUT_S = 15.0
MOST_ATTACHED_AT_ONCE = 200
FIRST_PAGE_ATTEMPTS = 5
FIRST_PAGE_WAIT_S = 0.03

Transport = WebSocketTransport | StreamTransport
Listener = Callable[[Frame], None]


class LoginNeeded(Exception):
    """The credential is not valid any more, and nobody gave a way to get another one."""


class NotFollowed(Exception):
    """A conversation cannot be attached, or not any more; `code` says why."""

    def __init__(self, conversation: str, code: int | None) -> None:
        super().__init__(f"{conversation}: {code}")
        self.conversation, self.code = conversation, code


class GaveUp(Exception):
    """Connecting again by itself would not help; the number says why."""


class Client:
    """`saved` is what `saved()` gave earlier: with it a restarted program sends again what was not answered.

    `listener` hears every frame from the first one on (an agent is `added` right after `welcome`).
    `renew` gets a new credential into the `Api` when the old one is refused. `transport` is "auto" (a WebSocket, and
    SSE + POST where that is blocked), "websocket" or "sse"; `encoding`, of WebSockets, is "json" or "msgpack".
    """

    def __init__(
        self,
        api: Api,
        *,
        saved: dict[str, Any] | None = None,
        renew: Callable[[Api], Awaitable[Any]] | None = None,
        listener: Listener | None = None,
        transport: str = "auto",
        encoding: str = "json",
    ) -> None:
        self.api, self.encoding, self.transport = api, encoding, transport
        self.conversations: dict[str, Conversation] = {}
        #: The last `welcome`, while there is a connection.
        self.welcome: Frame | None = None
        #: "websocket" or "sse", of the connection there is or was last.
        self.connected_by: str | None = None
        self._renew = renew
        self._listeners: list[Listener] = [listener] if listener else []
        self._changed = asyncio.Condition()
        self._outgoing: asyncio.Queue[Frame] = asyncio.Queue()
        self._running: asyncio.Task[None] | None = None
        self._side_tasks: set[asyncio.Task[Any]] = set()
        self._blocked = False
        self._leaving: float | None = None
        #: Conversations that could not be followed any longer, and why.
        self._lost: dict[str, int | None] = {}
        self._attaches: dict[int, set[str]] = {}
        self._last_attach = 0
        self._last_heard = self._last_sent = 0.0
        self._commands = Commands(saved, self._tell, self._aside)

    # What a program calls.

    @property
    def device(self) -> str:
        """This client instance with its outbox."""
        return self._commands.device

    async def start(self) -> None:
        """Connects, and returns when the first `welcome` is there."""
        self._running = asyncio.create_task(self._keep_connected())
        await self.until(lambda: self.welcome is not None, WELCOME_TIMEOUT_S)

    async def close(self) -> None:
        for task in [self._running, *self._side_tasks]:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, GaveUp, LoginNeeded):
                    await task

    def saved(self) -> dict[str, Any]:
        """What has to be kept if the program may restart: the device and its unanswered commands."""
        return self._commands.saved()

    def listen(self, listener: Listener) -> None:
        """Calls it with every frame, after the client has taken it in."""
        self._listeners.append(listener)

    async def until(self, condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
        """Waits until something holds; it is looked at after every frame. Ends early if the client gave up."""
        async with asyncio.timeout(timeout_s), self._changed:
            while not condition():
                if self._running is not None and self._running.done():
                    self._running.result()
                    raise GaveUp("the client is closed")
                await self._changed.wait()

    async def follow(self, conversation: str) -> Conversation:
        """Loads the last page of a conversation and keeps it up to date from there; returns when it is attached."""
        if conversation not in self.conversations:
            known = Conversation(conversation)
            known.load(await self._first_page(conversation))
            self.conversations[conversation] = known
            self._attach([known])
        known = self.conversations[conversation]
        await self.until(lambda: known.live or known.id not in self.conversations)
        if known.id not in self.conversations:
            raise NotFollowed(conversation, self._lost.pop(conversation, None))
        return known

    async def _first_page(self, conversation: str) -> dict[str, Any]:
        """History is a moment behind the log: who was added just now is not a member there yet."""
        attempt = 0
        while True:
            try:
                return await self.api.history(conversation)
            except ApiError as error:
                if error.status != 404 or attempt == FIRST_PAGE_ATTEMPTS:
                    raise
            await asyncio.sleep(FIRST_PAGE_WAIT_S * 2**attempt)
            attempt += 1

    def unfollow(self, conversation: str) -> None:
        if self.conversations.pop(conversation, None):
            self._tell({"t": "detach", "items": [conversation]})

    async def send(self, conversation: str, body: dict[str, Any]) -> Frame:
        """Gives a command; returns its `ack`, however many reconnects that takes, or raises `Rejected`."""
        return await self.post(conversation, body)

    def post(self, conversation: str, body: dict[str, Any]) -> asyncio.Task[Frame]:
        """The same without waiting: the command is in the outbox when this returns."""
        return self._commands.post(conversation, body)

    async def say(self, conversation: str, text: str) -> Frame:
        return await self.send(conversation, {"type": "message", "content": {"type": "text", "text": text}})

    def mark(self, conversation: str, *, read: int | None = None, delivered: int | None = None) -> None:
        marks = {"read": read, "delivered": delivered}
        known = {name: seq for name, seq in marks.items() if seq is not None}
        self._tell({"t": "mark", "conversation": conversation, **known})

    def typing(self, conversation: str, on: bool, preview: str | None = None) -> None:
        frame = {"t": "typing", "conversation": conversation, "on": on}
        self._tell(frame if preview is None else {**frame, "preview": preview})

    def status(self, status: str) -> None:
        """An agent's: online, away, busy or offline."""
        self._tell({"t": "status", "status": status})

    # One connection after the other.

    async def _keep_connected(self) -> None:
        attempt = 0
        try:
            while True:
                try:
                    await self._connection()
                except Blocked:
                    # Once by a stream; the connection after that tries a WebSocket again.
                    self._blocked = True
                except Closed as closed:
                    attempt = 0 if self.welcome else attempt + 1
                    self._blocked = False
                    await self._disconnected()
                    await self._react(closed, attempt)
        except (GaveUp, LoginNeeded) as end:
            self._commands.fail(end)
            raise
        finally:
            # Whoever waits for something hears that nothing comes any more.
            asyncio.get_running_loop().call_soon(lambda: self._aside(self._tell_waiters()))

    async def _connection(self) -> None:
        transport = self._next_transport()
        try:
            await transport.open()
            self._outgoing = asyncio.Queue()
            self._last_heard = self._last_sent = time.monotonic()
            parts = [self._read(transport), self._write(transport), self._beat()]
            await first_to_fail([asyncio.create_task(part) for part in parts])
        finally:
            await transport.close()

    def _next_transport(self) -> Transport:
        by_stream = self.transport == "sse" or (self.transport == "auto" and self._blocked)
        self.connected_by = "sse" if by_stream else "websocket"
        if by_stream:
            return StreamTransport(self.api, self._commands.device, NAME)
        return WebSocketTransport(self.api, self._commands.device, NAME, self.encoding)

    async def _disconnected(self) -> None:
        self.welcome = None
        self._attaches.clear()
        for known in self.conversations.values():
            known.live = False
        self._commands.disconnected()
        await self._tell_waiters()

    async def _react(self, closed: Closed, attempt: int) -> None:
        leaving, self._leaving = self._leaving, None
        what = reaction(closed.code)
        if what is Reaction.GIVE_UP:
            raise GaveUp(str(closed))
        if what is Reaction.LOG_IN:
            if self._renew is None:
                raise LoginNeeded(str(closed))
            await self._renew(self.api)
        wait = delay_s(attempt)
        if what is Reaction.ELSEWHERE:
            wait += ELSEWHERE_DELAY_S
        # What the server asked for counts, and so does a new credential that was refused at once: no busy loop.
        await asyncio.sleep(next((said for said in (leaving, closed.retry_after_s) if said is not None), wait))

    async def _read(self, transport: Transport) -> None:
        async with asyncio.timeout(WELCOME_TIMEOUT_S) as limit:
            while True:
                for frame in await transport.receive():
                    self._last_heard = time.monotonic()
                    if frame["t"] == "welcome":
                        limit.reschedule(None)
                        transport.frame_bytes = frame["limits"]["frame_bytes"]
                    self._take(frame)
                    for listener in self._listeners:
                        listener(frame)
                await self._tell_waiters()
                if self._leaving is not None and not self._commands.in_flight():
                    raise Closed(None, "left as asked")
                if self._commands.lost_count and not self._commands.in_flight():
                    self._commands.become_another_device()
                    raise Closed(None, "another device from here on")

    async def _write(self, transport: Transport) -> None:
        while True:
            frames = [await self._outgoing.get()]
            while not self._outgoing.empty() and len(frames) < MOST_FRAMES:
                frames.append(self._outgoing.get_nowait())
            await transport.send(frames)
            self._last_sent = time.monotonic()

    async def _beat(self) -> None:
        while True:
            every = self.welcome["heartbeat_s"] if self.welcome else WELCOME_TIMEOUT_S
            now = time.monotonic()
            if now - self._last_heard > 2 * every:
                raise Closed(None, "nothing was heard for too long")
            if self.welcome and now - self._last_sent >= every:
                self._tell({"t": "ping"})
                self._last_sent = now
            await asyncio.sleep(min(1.0, every / 2))

    # Frames.

    def _take(self, frame: Frame) -> None:
        match frame["t"]:
            case "welcome":
                self._welcomed(frame)
            case "attached":
                for item in frame["items"]:
                    self._attached(frame["id"], item)
            case "deliver":
                self._delivered(frame)
            case "ack" | "rejected":
                self._commands.settle(frame)
            case "marks":
                if known := self.conversations.get(frame["conversation"]):
                    known.mark(frame["user"], frame["read"], frame["delivered"])
            case "goaway":
                self._leaving = frame["reconnect_after_ms"] / 1000
                self._commands.leaving()
            case "error":
                if frame["fatal"]:
                    raise Closed(frame["code"], frame["title"])

    def _welcomed(self, frame: Frame) -> None:
        self.welcome = frame
        if frame.get("token"):
            self.api.token = frame["token"]
        self._attach(list(self.conversations.values()))
        self._commands.welcomed(frame["limits"]["in_flight"])

    def _attach(self, conversations: list[Conversation]) -> None:
        """From the cursors; the answers come as `attached`."""
        if self.welcome is None:
            return
        for start in range(0, len(conversations), MOST_ATTACHED_AT_ONCE):
            some = conversations[start : start + MOST_ATTACHED_AT_ONCE]
            self._last_attach += 1
            self._attaches[self._last_attach] = {conversation.id for conversation in some}
            items = [conversation.cursor for conversation in some]
            self._tell({"t": "attach", "id": self._last_attach, "items": items})

    def _attached(self, attach: int, item: dict[str, Any]) -> None:
        waiting = self._attaches.get(attach, set())
        waiting.discard(item["conversation"])
        if not waiting:
            self._attaches.pop(attach, None)
        known = self.conversations.get(item["conversation"])
        if known is None:
            return
        if "error" in item:
            self._not_attached(known, item["error"])
        elif item["recovered"]:
            known.attached(item)
        else:
            self._aside(self._reload(known))

    def _not_attached(self, known: Conversation, code: int) -> None:
        if is_retryable(code):
            self._aside(self._attach_later(known))
        else:
            self._lose(known, code)

    def _lose(self, known: Conversation, code: int | None) -> None:
        self.conversations.pop(known.id, None)
        self._lost[known.id] = code

    async def _attach_later(self, known: Conversation) -> None:
        await asyncio.sleep(delay_s(2))
        self._attach([known])

    async def _reload(self, known: Conversation) -> None:
        """Continuity was lost: the last page of history, and on from there."""
        while self.conversations.get(known.id) is known:
            # History may still be too far behind: then the attach is not recovered either, and this comes again.
            if known.reloads:
                await asyncio.sleep(delay_s(known.reloads))
            known.reloads += 1
            try:
                known.load(await self.api.history(known.id))
            except (ApiError, httpx.TransportError) as error:
                if isinstance(error, ApiError) and error.status < 500 and error.status != 429:
                    self._lose(known, error.code)
                    await self._tell_waiters()
                    return
                continue
            # Without a connection the next `welcome` attaches it.
            self._attach([known])
            return

    def _delivered(self, frame: Frame) -> None:
        known = self.conversations.get(frame["conversation"])
        if known is None or known.apply(frame["epoch"], frame["events"]):
            return
        if not any(known.id in waiting for waiting in self._attaches.values()):
            self._attach([known])

    def _tell(self, frame: Frame) -> None:
        """Queues a frame; without a connection it is dropped: only commands and attaches outlive one."""
        if self.welcome is not None:
            self._outgoing.put_nowait(frame)

    def _aside(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
        return task

    async def _tell_waiters(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def first_to_fail(tasks: list[asyncio.Task[None]]) -> None:
    """Until one of them ends; then the others are ended too. Of several reasons the one with a number counts."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    broken = Closed(None, "no welcome in time")
    reasons = [broken if isinstance(end, TimeoutError) else end for end in ends if isinstance(end, Exception)]
    raise max(reasons, key=lambda reason: getattr(reason, "code", None) or 0)
