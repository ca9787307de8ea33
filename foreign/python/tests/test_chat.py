"""What people do: talk, change what they said, see what the other has read, end a session and rate it."""

from __future__ import annotations

import asyncio
from typing import Any

from kefu_client import Client, Rejected

from .support import KefuTest, whole_history


def kinds(frames: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [frame for frame in frames if frame["t"] == kind]


async def kept_marks(client: Client, conversation: str) -> dict[str, tuple[int, int]]:
    page = await client.api.history(conversation)
    return {member["user"]["id"]: (member["read"], member["delivered"]) for member in page["members"]}


class Chat(KefuTest):
    async def test_a_visitor_and_an_agent_talk_both_ways(self) -> None:
        agent = await self.agent(encoding="msgpack")
        visitor, mine = await self.visitor()
        ack = await visitor.say(mine.id, "Is this open on Sunday?")
        self.assertEqual(ack["seq"], 1)
        theirs = await self.in_session(agent, mine.id)
        await agent.say(mine.id, "It is, from ten.")
        expected = ["Is this open on Sunday?", "It is, from ten."]
        await visitor.until(lambda: mine.texts() == expected)
        await agent.until(lambda: theirs.texts() == expected)
        self.assertEqual([message["seq"] for message in mine.messages()], [1, 2])
        self.assertEqual(mine.messages()[1]["by"], {"type": "kefu", "id": "kefu001"})
        assert mine.session is not None
        self.assertEqual((mine.session["status"], mine.session["agent"]["id"]), ("active", "kefu001"))

    async def test_two_devices_see_the_same(self) -> None:
        phone, on_phone = await self.visitor()
        laptop = await self.connected(self.api_of(phone), encoding="msgpack")
        on_laptop = await laptop.follow(on_phone.id)
        for round in range(3):
            await phone.say(on_phone.id, f"phone {round}")
            await laptop.say(on_phone.id, f"laptop {round}")
        expected = [f"{device} {round}" for round in range(3) for device in ("phone", "laptop")]
        await phone.until(lambda: on_phone.texts() == expected)
        await laptop.until(lambda: on_laptop.texts() == expected)
        self.assertEqual(on_phone.rev, on_laptop.rev)
        own = [message for message in on_phone.messages() if "n" in message]
        self.assertEqual([message["n"] for message in own], [1, 2, 3], "n is told to the device that sent it only")
        self.assertEqual({message["device"] for message in own}, {phone.device})

    async def test_edit_and_recall(self) -> None:
        agent = await self.agent()
        visitor, mine = await self.visitor()
        for text in ("Helo", "My password is 1234"):
            await visitor.say(mine.id, text)
        theirs = await self.in_session(agent, mine.id)
        await visitor.send(mine.id, {"type": "edit", "seq": 1, "content": {"type": "text", "text": "Hello"}})
        await visitor.send(mine.id, {"type": "recall", "seq": 2})
        for client, known in ((visitor, mine), (agent, theirs)):
            await client.until(lambda known=known: known.texts() == ["Hello"])
            self.assertIn("edited_at", known.messages()[0])
            self.assertIn("recalled_at", known.messages()[1])
        self.assertEqual(await whole_history(visitor.api, mine.id, mine.rev), ["Hello"])
        with self.assertRaises(Rejected) as refused:
            await visitor.send(mine.id, {"type": "edit", "seq": 2, "content": {"type": "text", "text": "No"}})
        self.assertEqual(refused.exception.code, 1204)
        with self.assertRaises(Rejected) as refused:
            await agent.send(mine.id, {"type": "recall", "seq": 1})
        self.assertEqual(refused.exception.code, 1102)

    async def test_marks_are_pushed_and_kept(self) -> None:
        agent = await self.agent()
        visitor, mine = await self.visitor()
        await visitor.say(mine.id, "one")
        await visitor.say(mine.id, "two")
        await self.in_session(agent, mine.id)
        await agent.say(mine.id, "three")
        await visitor.until(lambda: mine.seq == 3)
        visitor.mark(mine.id, delivered=3)
        visitor.mark(mine.id, read=3)
        theirs = agent.conversations[mine.id]
        customer = ("kehu", visitor.welcome["user"]["id"])
        await agent.until(lambda: theirs.marks[customer] == {"read": 3, "delivered": 3})
        while (await kept_marks(agent, mine.id)).get(customer[1]) != (3, 3):
            await asyncio.sleep(0.02)

    async def test_queue_typing_and_presence(self) -> None:
        visitor, mine = await self.visitor()
        heard: list[dict[str, Any]] = []
        visitor.listen(heard.append)
        await visitor.say(mine.id, "Anybody there?")
        await visitor.until(lambda: kinds(heard, "queue"))
        self.assertEqual(kinds(heard, "queue")[0]["position"], 1)
        agent = await self.agent()
        seen: list[dict[str, Any]] = []
        agent.listen(seen.append)
        await self.in_session(agent, mine.id)
        visitor.typing(mine.id, True, preview="I am about to say")
        await agent.until(lambda: kinds(seen, "typing"))
        self.assertEqual(kinds(seen, "typing")[0]["preview"], "I am about to say")
        agent.typing(mine.id, True, preview="not for customers")
        await visitor.until(lambda: kinds(heard, "typing"))
        self.assertEqual(kinds(heard, "typing")[0]["user"], {"type": "kefu", "id": "kefu001"})
        self.assertNotIn("preview", kinds(heard, "typing")[0])
        agent.status("busy")
        await agent.until(lambda: [frame["status"] for frame in kinds(seen, "presence")][-1:] == ["busy"])

    async def test_a_private_note_is_hidden_from_the_visitor(self) -> None:
        agent = await self.agent()
        visitor, mine = await self.visitor()
        await visitor.say(mine.id, "hello")
        theirs = await self.in_session(agent, mine.id)
        note = {"type": "message", "content": {"type": "text", "text": "a difficult one"}, "audience": "staff"}
        ack = await agent.send(mine.id, note)
        self.assertNotIn("seq", ack)
        await agent.say(mine.id, "Good day")
        await visitor.until(lambda: mine.texts() == ["hello", "Good day"])
        await agent.until(lambda: theirs.texts() == ["hello", "a difficult one", "Good day"])
        self.assertEqual(mine.rev, theirs.rev, "the placeholder keeps rev dense")
        self.assertEqual(await whole_history(visitor.api, mine.id, mine.rev), mine.texts())

    async def test_a_session_is_ended_and_rated(self) -> None:
        agent = await self.agent()
        visitor, mine = await self.visitor()
        await visitor.say(mine.id, "hello")
        await self.in_session(agent, mine.id)
        rating = {"type": "rate", "session": 1, "score": 5, "comment": "quick"}
        with self.assertRaises(Rejected) as refused:
            await visitor.send(mine.id, rating)
        self.assertEqual(refused.exception.code, 1206)
        await agent.send(mine.id, {"type": "end_session", "reason": "solved"})
        await visitor.until(lambda: mine.session["status"] == "ended")
        await visitor.send(mine.id, rating)
        with self.assertRaises(Rejected) as refused:
            await visitor.send(mine.id, rating)
        self.assertEqual(refused.exception.code, 1209)
        await agent.until(lambda: agent.conversations[mine.id].session.get("rating") == 5)
        await visitor.say(mine.id, "one more thing")
        await visitor.until(lambda: mine.session["ordinal"] == 2)

    def api_of(self, client: Any) -> Any:
        api = self.api()
        api.token = client.api.token
        return api
