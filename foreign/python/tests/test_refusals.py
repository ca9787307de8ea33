"""What is refused, and with which number; said frame by frame."""

from __future__ import annotations

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from kefu_client import GaveUp, LoginNeeded, Rejected

from .support import KefuTest, Raw, whole_history


class Refusals(KefuTest):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.me = self.api()
        visit = await self.me.visit()
        self.mine = visit["support_conversation"]

    async def raw(self, path: str = "/ws") -> Raw:
        raw = await Raw.open(self.kefu.url, path)
        self.addAsyncCleanup(raw.socket.close)
        return raw

    async def welcomed(self) -> Raw:
        raw = await self.raw()
        await raw.hello(self.me.token)
        return raw

    async def close_after(self, frame: object, path: str = "/ws") -> int:
        raw = await self.raw(path)
        await raw.say(frame)
        fatal, code = await raw.closed()
        assert fatal is not None, "the close is announced"
        self.assertEqual(fatal["code"], code)
        return code

    async def test_credentials(self) -> None:
        hello = {"t": "hello", "v": 1, "device": "raw"}
        self.assertEqual(await self.close_after({**hello, "token": "wrong"}), 4201)
        self.assertEqual(await self.close_after(hello), 4201)
        self.assertEqual(await self.close_after({**hello, "token": self.me.token}, "/ws/somebody-else"), 4204)
        self.assertEqual(await self.close_after({**hello, "token": self.me.token}, "/ws?user_type=kefu"), 4204)
        self.assertEqual(await self.close_after({**hello, "token": self.me.token, "v": 2}), 4305)

    async def test_a_revoked_login_ends_its_sockets(self) -> None:
        agent = self.api()
        login = await agent.login("kefu002", "123456")
        raw = await self.raw()
        await raw.hello(login["session_token"])
        await agent.call("POST", "/api/kefu/logout")
        self.assertEqual((await raw.closed())[1], 4203)

    async def test_the_client_reacts_to_the_ranges(self) -> None:
        nobody = self.api()
        nobody.token = "wrong"
        with self.assertRaises(LoginNeeded):
            await self.connected(nobody)
        over_sse = self.api()
        over_sse.token = "wrong"
        with self.assertRaises(LoginNeeded):
            await self.connected(over_sse, transport="sse")
        renewed = self.api()
        renewed.token = "wrong"
        client = await self.connected(renewed, renew=lambda api: api.visit())
        assert client.welcome is not None

    async def test_the_client_gives_up_where_trying_again_would_not_help(self) -> None:
        client, mine = await self.visitor()
        client._outgoing.put_nowait({"t": "ping", "padding": "x" * 70_000})
        with self.assertRaises(GaveUp):
            await client.until(lambda: False)
        with self.assertRaises(GaveUp):
            await client.say(mine.id, "never")

    async def test_a_stranger_s_conversation_does_not_exist(self) -> None:
        other, theirs = await self.visitor()
        ack = await other.say(theirs.id, "mine alone")
        raw = await self.welcomed()
        refused = await raw.command(theirs.id, 1, "let me in")
        self.assertEqual((refused["t"], refused["code"]), ("rejected", 1201))
        await raw.say({"t": "attach", "id": 5, "items": [{"conversation": theirs.id}]})
        self.assertEqual((await raw.hear("attached"))["items"], [{"conversation": theirs.id, "error": 1201}])
        self.assertEqual(await whole_history(other.api, theirs.id, ack["rev"]), ["mine alone"])

    async def test_numbers(self) -> None:
        raw = await self.welcomed()
        first = await raw.command(self.mine, 1, "one")
        self.assertEqual((first["t"], first["seq"]), ("ack", 1))
        gap = await raw.command(self.mine, 5, "five")
        self.assertEqual((gap["code"], gap["expected_n"]), (1001, 2))
        self.assertEqual(await raw.command(self.mine, 1, "one"), first, "the same again gets the same answer")
        other = await raw.command(self.mine, 1, "another one")
        self.assertEqual((other["code"], other["retryable"]), (1002, False))
        second = await raw.command(self.mine, 2, "two")
        self.assertEqual(second["seq"], 2)
        self.assertEqual(await whole_history(self.me, self.mine, second["rev"]), ["one", "two"])

    async def test_content(self) -> None:
        raw = await self.welcomed()
        self.assertEqual((await raw.command(self.mine, 1, "x" * 8001))["code"], 1302)
        self.assertEqual((await raw.command(self.mine, 1, ""))["code"], 1301)
        # A refusal takes no number before there is a conversation, and takes one from then on.
        self.assertEqual((await raw.command(self.mine, 1, "x" * 8000))["t"], "ack")
        self.assertEqual((await raw.command(self.mine, 2, "y" * 8001))["code"], 1302)
        self.assertEqual((await raw.command(self.mine, 2, "two"))["code"], 1002)
        self.assertEqual((await raw.command(self.mine, 3, "three"))["t"], "ack")

    async def test_the_client_goes_on_after_a_refusal(self) -> None:
        visitor, mine = await self.visitor()
        commands = [visitor.post(mine.id, text(body)) for body in ("x" * 8001, "first", "", "second")]
        ends = [await ended(command) for command in commands]
        self.assertEqual(ends, [1302, "ack", 1301, "ack"])
        await visitor.until(lambda: mine.texts() == ["first", "second"])

    async def test_protocol_errors(self) -> None:
        raw = await self.welcomed()
        for frame, code in (({"t": "unheard of"}, 3003), ("{not json", 3001), ("5", 3001), ({"t": "attach"}, 3002)):
            await raw.say(frame)
            error = await raw.hear("error")
            self.assertEqual((error["code"], error["fatal"]), (code, False))
        await raw.say({"t": "hello", "v": 1, "device": "again"})
        self.assertEqual((await raw.hear("error"))["code"], 3004)
        await raw.say([{"t": "ping"}] * 65)
        self.assertEqual((await raw.hear("error"))["code"], 3005)
        await raw.say({"t": "ping", "id": 7})
        self.assertEqual((await raw.hear("pong"))["id"], 7, "it is still open")
        for _ in range(10):
            await raw.say({"t": "unheard of"})
        self.assertEqual((await raw.closed())[1], 4301)

    async def test_too_large_a_frame(self) -> None:
        raw = await self.raw()
        welcome = await raw.hello(self.me.token)
        await raw.say({"t": "ping", "padding": "x" * welcome["limits"]["frame_bytes"]})
        self.assertEqual((await raw.closed())[1], 4302)

    async def test_without_hello(self) -> None:
        raw = await self.raw()
        await raw.say({"t": "attach", "id": 1, "items": []})
        self.assertEqual((await raw.hear("error"))["code"], 3004)
        self.assertEqual((await raw.closed())[1], 4303)

    async def test_an_unknown_subprotocol(self) -> None:
        with self.assertRaises(InvalidStatus) as refused:
            await connect(self.kefu.url.replace("http", "ws") + "/ws", subprotocols=[Subprotocol("kefu.v9.json")])
        self.assertEqual(refused.exception.response.status_code, 400)
        self.assertIn(b"2015", refused.exception.response.body or b"")


def text(text: str) -> dict[str, object]:
    return {"type": "message", "content": {"type": "text", "text": text}}


async def ended(command) -> object:
    try:
        return (await command)["t"]
    except Rejected as refused:
        return refused.code
