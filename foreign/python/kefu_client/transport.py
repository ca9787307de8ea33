"""The two ways to an edge. Both open, send frames, receive frames, and end with `Closed` and its number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx_sse
import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from .api import Api, ApiError, problem

Frame = dict[str, Any]

#: Until `welcome` says more: as much as `hello` and what may follow it take.
FIRST_FRAME_BYTES = 16 * 1024

OPEN_TIMEOUT_S = 10.0
#: A peer that does not answer is left soon.
CLOSE_TIMEOUT_S = 1.0
#: A comment comes every 15 s; without one for this long the stream is dead.
STREAM_SILENCE_S = 45.0
MOST_FRAMES = 64


class Closed(Exception):
    """The connection is over; `code` is Kefu's number, a number of WebSockets, or None if it just broke."""

    def __init__(self, code: int | None, reason: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(f"{code or 'broken'} {reason}".strip())
        self.code, self.reason, self.retry_after_s = code, reason, retry_after_s


class Blocked(Exception):
    """Somebody on the way does not let WebSockets through."""


def messages(encoded: list[bytes], most_bytes: int) -> list[list[bytes]]:
    """Frames in messages: at most 64 in one, and together no more than `limits.frame_bytes`, brackets included."""
    groups: list[list[bytes]] = []
    size = 0
    for frame in encoded:
        if not groups or len(groups[-1]) == MOST_FRAMES or size + len(frame) + 1 > most_bytes:
            groups.append([])
            size = 8
        groups[-1].append(frame)
        size += len(frame) + 1
    return groups


def as_json(frame: Frame) -> bytes:
    # Without escapes for what is not ASCII: they would take up to three times the room.
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()


def json_array(group: list[bytes]) -> bytes:
    return group[0] if len(group) == 1 else b"[" + b",".join(group) + b"]"


def msgpack_array(group: list[bytes]) -> bytes:
    return group[0] if len(group) == 1 else msgpack.Packer().pack_array_header(len(group)) + b"".join(group)


class WebSocketTransport:
    """`kefu.v1.json` or `kefu.v1.msgpack`. The credential travels in `hello`."""

    def __init__(self, api: Api, device: str, client: str, encoding: str) -> None:
        self.frame_bytes = FIRST_FRAME_BYTES
        self._api, self._device, self._client, self._encoding = api, device, client, encoding
        self._socket: ClientConnection | None = None

    async def open(self) -> None:
        url = self._api.base_url.replace("http", "ws", 1) + "/ws"
        protocol = Subprotocol(f"kefu.v1.{self._encoding}")
        try:
            # Kefu's own heartbeat is `ping`; those of WebSockets are switched off.
            self._socket = await connect(
                url,
                subprotocols=[protocol],
                ping_interval=None,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                max_size=None,
            )
        except InvalidStatus as refused:
            response = refused.response
            error = problem(response.status_code, response.headers, response.body or b"")
            if error.code is None:
                raise Blocked(f"HTTP {error.status} instead of a WebSocket") from refused
            raise Closed(error.code, error.title, error.retry_after_s) from refused
        except (InvalidHandshake, TimeoutError) as refused:
            raise Blocked(str(refused)) from refused
        except OSError as broken:
            raise Closed(None, str(broken)) from broken
        hello = {"t": "hello", "v": 1, "token": self._api.token, "device": self._device, "client": self._client}
        await self.send([{**hello, "batch": True}])

    async def send(self, frames: list[Frame]) -> None:
        assert self._socket is not None
        try:
            if self._encoding == "json":
                for group in messages([as_json(frame) for frame in frames], self.frame_bytes):
                    await self._socket.send(json_array(group).decode())
            else:
                for group in messages([msgpack.packb(frame) for frame in frames], self.frame_bytes):
                    await self._socket.send(msgpack_array(group))
        except ConnectionClosed as closed:
            raise closed_by(closed) from closed

    async def receive(self) -> list[Frame]:
        assert self._socket is not None
        try:
            data = await self._socket.recv()
        except ConnectionClosed as closed:
            raise closed_by(closed) from closed
        message = json.loads(data) if isinstance(data, str) else msgpack.unpackb(data)
        return message if isinstance(message, list) else [message]

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()


def closed_by(closed: ConnectionClosed) -> Closed:
    return Closed(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else Closed(None)


class StreamTransport:
    """Server-Sent Events down, POST up. There is no `hello`: `welcome` comes first by itself."""

    def __init__(self, api: Api, device: str, client: str) -> None:
        self.frame_bytes = FIRST_FRAME_BYTES
        self._api, self._device, self._client = api, device, client
        self._response: httpx.Response | None = None
        self._events: AsyncIterator[httpx_sse.ServerSentEvent] | None = None
        self._connection_id: str | None = None

    async def open(self) -> None:
        http = self._api.http
        request = http.build_request(
            "GET",
            "/api/stream",
            params={"device": self._device, "client": self._client},
            headers={**self._api.authorization(), "Accept": "text/event-stream"},
            timeout=httpx.Timeout(OPEN_TIMEOUT_S, read=STREAM_SILENCE_S),
        )
        try:
            self._response = await http.send(request, stream=True)
            if self._response.is_error:
                error = problem(self._response.status_code, self._response.headers, await self._response.aread())
                raise Closed(error.code, error.title, error.retry_after_s)
        except httpx.TransportError as broken:
            raise Closed(None, str(broken)) from broken
        self._events = httpx_sse.EventSource(self._response).aiter_sse().__aiter__()

    async def send(self, frames: list[Frame]) -> None:
        # One POST after the other: two at once could change places.
        for group in messages([as_json(frame) for frame in frames], self.frame_bytes):
            await self._post(json_array(group))

    async def _post(self, content: bytes) -> None:
        while True:
            try:
                await self._api.post_json(f"/api/stream/{self._connection_id}", content)
                return
            except ApiError as error:
                if error.status != 429:
                    raise Closed(error.code, error.title, error.retry_after_s) from error
                await asyncio.sleep(error.retry_after_s or 1.0)
            except httpx.TransportError as broken:
                raise Closed(None, str(broken)) from broken

    async def receive(self) -> list[Frame]:
        assert self._events is not None
        try:
            event = await anext(self._events)
        except StopAsyncIteration:
            raise Closed(None, "the stream ended") from None
        except (httpx.TransportError, httpx_sse.SSEError) as broken:
            raise Closed(None, str(broken)) from broken
        message = json.loads(event.data)
        frames = message if isinstance(message, list) else [message]
        for frame in frames:
            if frame["t"] == "welcome":
                self._connection_id = frame["connection_id"]
        return frames

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()
