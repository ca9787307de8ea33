"""WebSockets do not get through: SSE and POST instead."""

from __future__ import annotations

import asyncio
import signal

import httpx

from kefu_client import ApiError, Client, Conversation

from .support import KefuTest, Proxy, whole_history


class Blocked(KefuTest):
    async def behind_proxy(self) -> tuple[Proxy, Client, Conversation]:
        proxy = Proxy(self.kefu.port, blocks_websockets=True)
        await proxy.start()
        self.addAsyncCleanup(proxy.stop)
        return proxy, *await self.visitor(proxy.url)

    async def test_chat_over_a_stream(self) -> None:
        agent = await self.agent()
        proxy, visitor, mine = await self.behind_proxy()
        self.assertEqual((visitor.connected_by, proxy.upgrades_refused), ("sse", 1))
        await visitor.say(mine.id, "hello")
        theirs = await self.in_session(agent, mine.id)
        await agent.say(mine.id, "good day")
        await visitor.until(lambda: mine.texts() == ["hello", "good day"])
        await agent.until(lambda: theirs.texts() == ["hello", "good day"])
        visitor.mark(mine.id, read=2)
        customer = ("kehu", visitor.welcome["user"]["id"])
        await agent.until(lambda: theirs.marks[customer]["read"] == 2)

    async def test_kill_9_under_messages_over_a_stream(self) -> None:
        _, visitor, mine = await self.behind_proxy()
        body = [{"type": "message", "content": {"type": "text", "text": str(n)}} for n in range(150)]
        commands = [visitor.post(mine.id, each) for each in body]
        await visitor.until(lambda: any(command.done() for command in commands))
        await self.kefu.end(signal.SIGKILL)
        await self.kefu.start()
        acks = await asyncio.gather(*commands)
        self.assertEqual(visitor.connected_by, "sse")
        expected = [str(n) for n in range(150)]
        self.assertEqual(await whole_history(visitor.api, mine.id, acks[-1]["rev"]), expected)
        await visitor.until(lambda: mine.texts() == expected)

    async def test_a_stream_belongs_to_its_credential(self) -> None:
        _, visitor, _ = await self.behind_proxy()
        stranger = self.api()
        await stranger.visit()
        with self.assertRaises(ApiError) as refused:
            await stranger.call("POST", f"/api/stream/{visitor.welcome['connection_id']}", {"t": "ping"})
        self.assertEqual((refused.exception.status, refused.exception.code), (404, 2018))

    async def test_too_many_frames_are_refused_whole(self) -> None:
        _, visitor, _ = await self.behind_proxy()
        path = f"/api/stream/{visitor.welcome['connection_id']}"
        statuses: list[httpx.Response | ApiError | None] = await asyncio.gather(
            *(visitor.api.call("POST", path, [{"t": "ping"}] * 64) for _ in range(12)), return_exceptions=True
        )
        refused = [answer for answer in statuses if isinstance(answer, ApiError)]
        self.assertTrue(refused)
        self.assertEqual({(answer.status, answer.code) for answer in refused}, {(429, 3006)})
        self.assertTrue(all(answer.retry_after_s for answer in refused))
