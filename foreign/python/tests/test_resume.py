"""What survives: processes that are killed, connections that break, programs that start again."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from kefu_client import Client, Conversation

from .support import KefuTest, Proxy, whole_history

KILLS = 3
BETWEEN_KILLS = 200
HEARTBEAT_S = 2


def text(text: str) -> dict[str, Any]:
    return {"type": "message", "content": {"type": "text", "text": text}}


class Resume(KefuTest):
    async def through_proxy(self, **options: Any) -> tuple[Proxy, Client, Conversation]:
        proxy = Proxy(self.kefu.port, blocks_websockets=False)
        await proxy.start()
        self.addAsyncCleanup(proxy.stop)
        client, known = await self.visitor(proxy.url, **options)
        return proxy, client, known

    async def test_kill_9_under_messages(self) -> None:
        agent = await self.agent()
        visitor, mine = await self.visitor(encoding="msgpack")
        await visitor.say(mine.id, "0")
        theirs = await self.in_session(agent, mine.id)
        commands = []
        for round in range(KILLS):
            first = 1 + round * BETWEEN_KILLS
            fresh = [visitor.post(mine.id, text(str(n))) for n in range(first, first + BETWEEN_KILLS)]
            commands += fresh
            # Some are acked, some are on their way, some wait in the outbox.
            await visitor.until(lambda fresh=fresh: any(command.done() for command in fresh))
            await self.kefu.end(signal.SIGKILL)
            await self.kefu.start()
        acks = await asyncio.gather(*commands)
        self.assertEqual([ack["seq"] for ack in acks], list(range(2, len(commands) + 2)))
        expected = [str(n) for n in range(len(commands) + 1)]
        self.assertEqual(await whole_history(visitor.api, mine.id, acks[-1]["rev"]), expected)
        await visitor.until(lambda: mine.texts() == expected)
        await agent.until(lambda: theirs.texts() == expected)

    async def test_a_stop_says_goodbye_and_the_client_comes_back(self) -> None:
        visitor, mine = await self.visitor()
        heard: list[dict[str, Any]] = []
        visitor.listen(heard.append)
        await visitor.say(mine.id, "before")
        stopping = asyncio.ensure_future(self.kefu.end(signal.SIGTERM))
        await visitor.until(lambda: any(frame["t"] == "goaway" for frame in heard))
        waits = visitor.post(mine.id, text("meanwhile"))
        await stopping
        await self.kefu.start()
        ack = await waits
        self.assertEqual(await whole_history(visitor.api, mine.id, ack["rev"]), ["before", "meanwhile"])

    async def test_a_program_that_starts_again_sends_what_was_not_answered(self) -> None:
        proxy, visitor, mine = await self.through_proxy()
        await visitor.say(mine.id, "answered")
        await proxy.stop()
        for n in range(3):
            visitor.post(mine.id, text(f"unanswered {n}"))
        saved = visitor.saved()
        await visitor.close()
        api = self.api()
        api.token = visitor.api.token
        again = await self.connected(api, saved=saved)
        known = await again.follow(mine.id)
        await again.until(lambda: len(known.texts()) == 4)
        self.assertEqual(known.texts(), ["answered", "unanswered 0", "unanswered 1", "unanswered 2"])

    async def test_a_lost_outbox_takes_another_device(self) -> None:
        visitor, mine = await self.visitor()
        await visitor.say(mine.id, "first life")
        api = self.api()
        api.token = visitor.api.token
        again = await self.connected(api, saved={"device": visitor.device, "outboxes": {}})
        acks = await asyncio.gather(*(again.post(mine.id, text(f"second life {n}")) for n in range(3)))
        self.assertNotEqual(again.device, visitor.device)
        expected = ["first life", *(f"second life {n}" for n in range(3))]
        self.assertEqual(await whole_history(api, mine.id, acks[-1]["rev"]), expected)

    async def test_missed_messages_come_after_a_break(self) -> None:
        proxy, away, mine = await self.through_proxy()
        attached = answers_of(away)
        phone = await self.another_device(away)
        await phone.say(mine.id, "seen")
        await away.until(lambda: mine.texts() == ["seen"])
        await proxy.stop()
        for n in range(5):
            await phone.say(mine.id, f"missed {n}")
        await proxy.start()
        await away.until(lambda: len(mine.texts()) == 6)
        self.assertEqual(mine.texts(), ["seen", *(f"missed {n}" for n in range(5))])
        self.assertEqual([item["recovered"] for item in attached], [True])

    async def test_too_much_missed_is_loaded_from_history(self) -> None:
        proxy, away, mine = await self.through_proxy()
        attached = answers_of(away)
        phone = await self.another_device(away)
        await phone.say(mine.id, "seen")
        await away.until(lambda: mine.texts() == ["seen"])
        await proxy.stop()
        # More than the 256 KiB that an owner sends again.
        await asyncio.gather(*(phone.post(mine.id, text(f"{n:02} " + "x" * 7990)) for n in range(60)))
        await proxy.start()
        await away.until(lambda: mine.seq == 61)
        await phone.say(mine.id, "and on")
        await away.until(lambda: mine.texts()[-1] == "and on")
        self.assertEqual([item["recovered"] for item in attached][:1], [False])
        # What is nobody's message (somebody was given the session) may come to one of them first.
        theirs = phone.conversations[mine.id]
        await phone.until(lambda: theirs.rev >= mine.rev)
        await away.until(lambda: mine.rev == theirs.rev)

    async def test_a_missing_rev_is_noticed(self) -> None:
        visitor, mine = await self.visitor()
        await visitor.say(mine.id, "one")
        await visitor.until(lambda: mine.texts() == ["one"])
        rev = mine.rev
        heard: list[dict[str, Any]] = []
        visitor.listen(heard.append)
        mine.rev -= 1
        del mine.items[rev]
        await visitor.say(mine.id, "two")
        await visitor.until(lambda: mine.texts() == ["one", "two"])
        self.assertIn("attached", [frame["t"] for frame in heard])

    async def test_an_idle_client_pings_and_notices_a_frozen_server(self) -> None:
        visitors = [await self.visitor(transport=transport) for transport in ("websocket", "sse")]
        for visitor, _ in visitors:
            heard: list[str] = []

            def hear(frame: dict[str, Any], heard: list[str] = heard) -> None:
                heard.append(frame["t"])
                # After a reconnect too: a machine that is busy may look like a server that is frozen.
                if frame["t"] == "welcome":
                    frame["heartbeat_s"] = HEARTBEAT_S

            visitor.listen(hear)
            assert visitor.welcome is not None
            visitor.welcome["heartbeat_s"] = HEARTBEAT_S
            await visitor.until(lambda heard=heard: heard.count("pong") >= 2, 20)
        self.kefu.send_signal(signal.SIGSTOP)
        for visitor, _ in visitors:
            await visitor.until(lambda visitor=visitor: visitor.welcome is None, 20)
        self.kefu.send_signal(signal.SIGCONT)
        for visitor, mine in visitors:
            await visitor.say(mine.id, "back")
            await visitor.until(lambda mine=mine: mine.texts() == ["back"], 20)

    async def another_device(self, client: Client) -> Client:
        api = self.api()
        api.token = client.api.token
        other = await self.connected(api)
        assert other.welcome is not None
        await other.follow(other.welcome["support_conversation"])
        return other


def answers_of(client: Client) -> list[dict[str, Any]]:
    """The answers to attaches from here on, as they come in; filled while one waits."""
    answers: list[dict[str, Any]] = []
    client.listen(lambda frame: answers.extend(frame["items"]) if frame["t"] == "attached" else None)
    return answers
