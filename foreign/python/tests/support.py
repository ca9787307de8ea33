"""A Kefu process of one's own, people who talk through it, and a proxy between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import tempfile
import unittest
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kefu_client import Api, Client, Conversation

BINARY = os.environ.get("KEFU_TEST_BIN", "")
NATS_URL = os.environ.get("KEFU_TEST_NATS_URL", "")
TEST_LIMIT_S = 60.0
START_LIMIT_S = 20.0
AGENT, PASSWORD = "kefu001", "123456"


class Kefu:
    """The binary with the demo's accounts, on a free loopback port; data and log outlive a kill."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.port = data_dir, free_port()
        self.prefix = f"foreign{secrets.token_hex(6)}"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KEFU_")}
        environment["KEFU_DEPLOYMENT__PARTITIONS"] = "4"
        if NATS_URL:
            environment |= {
                "KEFU_NATS__URL": NATS_URL,
                "KEFU_NATS__PREFIX": self.prefix,
                "KEFU_NATS__INBOX_MAX_MIB": "1",
            }
        arguments = ["--demo", "--data-dir", str(self.data_dir), "--listen", f"127.0.0.1:{self.port}"]
        with (self.data_dir.parent / "kefu.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                BINARY, *arguments, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(START_LIMIT_S), httpx.AsyncClient() as http:
            while not await self._is_ready(http):
                if self._process.returncode is not None:
                    raise RuntimeError(f"kefu ended with {self._process.returncode}: {self.log()}")
                await asyncio.sleep(0.03)

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"{self.url}/readyz")).is_success
        except httpx.TransportError:
            return False

    def log(self) -> str:
        return (self.data_dir.parent / "kefu.log").read_text()[-4000:]

    def send_signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(which)

    async def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(how)
            await self._process.wait()


class Proxy:
    """Between client and server on loopback. It can answer 403 to WebSockets, and be away."""

    def __init__(self, target_port: int, *, blocks_websockets: bool) -> None:
        self.port, self._target_port, self._blocks = free_port(), target_port, blocks_websockets
        self.upgrades_refused = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Nobody gets through any more, and who was there is cut off."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if self._blocks and b"upgrade: websocket" in head.lower():
                self.upgrades_refused += 1
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
                await writer.drain()
                return
            # One request per connection, so that each one's head is looked at.
            head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) if b"Upgrade" not in head else head
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._open.add(up_writer)
            up_writer.write(head)
            await asyncio.gather(pipe(reader, up_writer), pipe(up_reader, writer))
            self._open.discard(up_writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Raw:
    """A WebSocket without a client around it: says exactly what a test wants said."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._frames: list[dict[str, Any]] = []

    @classmethod
    async def open(cls, base_url: str, path: str = "/ws") -> Raw:
        url = base_url.replace("http", "ws", 1) + path
        return cls(await connect(url, subprotocols=[Subprotocol("kefu.v1.json")], ping_interval=None))

    async def hello(self, token: str | None, device: str = "raw", v: int = 1) -> dict[str, Any]:
        await self.say({"t": "hello", "v": v, "token": token, "device": device})
        return await self.hear("welcome")

    async def say(self, frame: Any) -> None:
        await self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def command(self, conversation: str, n: int, text: str) -> dict[str, Any]:
        """Says a text and gives its `ack` or `rejected`."""
        body = {"type": "message", "content": {"type": "text", "text": text}}
        await self.say({"t": "command", "conversation": conversation, "n": n, "body": body})
        return await self.hear("ack", "rejected")

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """The next frame of these kinds; others are passed over."""
        async with asyncio.timeout(10):
            while True:
                message = json.loads(await self.socket.recv())
                frame = message[0] if isinstance(message, list) else message
                if frame["t"] in kinds:
                    return frame

    async def closed(self) -> tuple[dict[str, Any] | None, int]:
        """The fatal error that came last, and the number of the close."""
        fatal = None
        async with asyncio.timeout(15):
            while True:
                try:
                    frame = json.loads(await self.socket.recv())
                except ConnectionClosed as closed:
                    return fatal, closed.rcvd.code if closed.rcvd else 1006
                if frame["t"] == "error" and frame["fatal"]:
                    fatal = frame


class KefuTest(unittest.IsolatedAsyncioTestCase):
    """Each test has a process, a data folder and, over NATS, streams of its own."""

    async def asyncSetUp(self) -> None:
        self.assertTrue(Path(BINARY).is_file(), "KEFU_TEST_BIN must name the binary of Kefu")
        folder = tempfile.TemporaryDirectory(prefix="kefu-foreign-")
        self.addCleanup(folder.cleanup)
        data_dir = Path(folder.name) / "data"
        data_dir.mkdir()
        self.kefu = Kefu(data_dir)
        self.addAsyncCleanup(self.kefu.end)
        await self.kefu.start()

    def _callTestMethod(self, method: Any) -> None:  # noqa: N802 (unittest's own name)
        async def within_limit() -> None:
            async with asyncio.timeout(TEST_LIMIT_S):
                await method()

        super()._callTestMethod(within_limit)

    def api(self, base_url: str | None = None) -> Api:
        api = Api(base_url or self.kefu.url)
        self.addAsyncCleanup(api.close)
        return api

    async def connected(self, api: Api, **options: Any) -> Client:
        client = Client(api, **options)
        self.addAsyncCleanup(client.close)
        await client.start()
        return client

    async def visitor(self, base_url: str | None = None, **options: Any) -> tuple[Client, Conversation]:
        """A visitor who follows their support conversation."""
        api = self.api(base_url)
        await api.visit(name="Ann")
        client = await self.connected(api, **options)
        assert client.welcome is not None
        return client, await client.follow(client.welcome["support_conversation"])

    async def agent(self, base_url: str | None = None, **options: Any) -> Client:
        """An agent at work: online, and following what they are added to."""
        api = self.api(base_url)
        await api.login(AGENT, PASSWORD)
        client = Client(api, **options)
        self.addAsyncCleanup(client.close)
        client.listen(lambda frame: follow_added(client, frame))
        await client.start()
        client.status("online")
        return client

    async def in_session(self, agent: Client, conversation: str) -> Conversation:
        """Waits until the agent has the conversation and knows that its session is theirs."""
        await agent.until(lambda: conversation in agent.conversations)
        known = agent.conversations[conversation]
        await agent.until(lambda: known.session and known.session["status"] == "active")
        return known


def follow_added(client: Client, frame: dict[str, Any]) -> None:
    if frame["t"] == "added" and frame["conversation"] not in client.conversations:
        task = asyncio.ensure_future(client.follow(frame["conversation"]))
        task.add_done_callback(lambda done: done.exception())


def texts_of(page: dict[str, Any]) -> list[str]:
    messages = [item for item in page["items"] if item["type"] == "message" and "content" in item]
    return [message["content"]["text"] for message in messages]


async def whole_history(api: Api, conversation: str, rev: int) -> list[str]:
    """Every text, oldest first, once history has everything up to `rev`: it is a moment behind the acks."""
    async with asyncio.timeout(10):
        while (page := await api.history(conversation, limit=200))["rev"] < rev:
            await asyncio.sleep(0.02)
    texts = texts_of(page)
    while before := page.get("prev"):
        page = await api.history(conversation, limit=200, before=before)
        texts = texts_of(page) + texts
    return texts
