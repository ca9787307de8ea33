import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Api } from '../src/client.js'
import { BlockingProxy, Kefu, LIMIT, connected, inSession, textBody, wholeHistory } from './support.js'

const numbers = (count, from = 0) => Array.from({ length: count }, (_, index) => String(from + index))

/** Sends texts, kills the process in their midst, starts it again, and gives the acks. */
async function sendOverKill(kefu, client, chat, texts) {
  let answered = 0
  const commands = texts.map((text) => client.send(chat.id, textBody(text)))
  for (const command of commands) command.then(() => (answered += 1))
  await client.until(() => answered > 0)
  await kefu.kill()
  await kefu.start()
  return await Promise.all(commands)
}

test('kill -9 under messages: each once, in order, for everybody', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const agent = await kefu.agent(t)
  const { api, client: visitor, chat } = await kefu.visitor(t)
  const expected = numbers(401)
  await visitor.say(chat.id, '0')
  const theirs = await inSession(agent, chat.id)
  await sendOverKill(kefu, visitor, chat, expected.slice(1, 201))
  const acks = await sendOverKill(kefu, visitor, chat, expected.slice(201))
  assert.deepEqual(
    acks.map((ack) => String(ack.seq)),
    numbers(200, 202),
  )
  assert.deepEqual(await wholeHistory(api, chat.id, acks.at(-1).rev), expected)
  await visitor.until(() => chat.texts.join() === expected.join())
  await agent.until(() => theirs.texts.join() === expected.join())
})

test('WebSockets are blocked: chat and resume over SSE and POST', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const agent = await kefu.agent(t)
  const proxy = await BlockingProxy.started(t, kefu.port)
  const { api, client: visitor, chat } = await kefu.visitor(t, { url: proxy.url })
  assert.equal(visitor.connectedBy, 'sse')
  await visitor.say(chat.id, 'hello')
  const theirs = await inSession(agent, chat.id)
  await agent.say(chat.id, 'good day')
  await visitor.until(() => chat.texts.join() === 'hello,good day')
  const acks = await sendOverKill(kefu, visitor, chat, numbers(100))
  assert.ok(proxy.refused >= 2, 'it tried a WebSocket again')
  const expected = ['hello', 'good day', ...numbers(100)]
  assert.deepEqual(await wholeHistory(api, chat.id, acks.at(-1).rev), expected)
  await visitor.until(() => chat.texts.join() === expected.join())
  await agent.until(() => theirs.texts.join() === expected.join())
})

test('what a restarted program had not heard of is sent again', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const { api, client: visitor, chat } = await kefu.visitor(t)
  await visitor.say(chat.id, 'answered')
  await kefu.kill()
  const never = visitor.send(chat.id, textBody('unanswered'))
  const { saved } = visitor
  visitor.close()
  never.catch(() => {})
  await kefu.start()
  const again = await connected(t, new Api(kefu.url, api.token), { saved })
  const known = await again.follow(chat.id)
  await again.until(() => known.texts.join() === 'answered,unanswered')
})

test('a device that lost count becomes another one', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const { api, client: visitor, chat } = await kefu.visitor(t)
  await visitor.say(chat.id, 'first life')
  const { device } = visitor.saved
  const again = await connected(t, new Api(kefu.url, api.token), { saved: { device, outboxes: {} } })
  const acks = await Promise.all(['a', 'b', 'c'].map((text) => again.say(chat.id, text)))
  assert.notEqual(again.saved.device, device)
  assert.deepEqual(await wholeHistory(api, chat.id, acks.at(-1).rev), ['first life', 'a', 'b', 'c'])
})

test('too much was missed: the last page of history, and on from there', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const { api, client: visitor, chat } = await kefu.visitor(t)
  const other = await connected(t, new Api(kefu.url, api.token))
  const follower = await other.follow(chat.id)
  await visitor.say(chat.id, 'seen')
  await other.until(() => follower.texts.join() === 'seen')
  const recovered = []
  other.on('frame', (frame) => frame.t === 'attached' && recovered.push(frame.items[0].recovered))
  // A cursor from long ago: more than the 256 KiB that an owner sends again lies behind it.
  other.unfollow(chat.id)
  const texts = numbers(60).map((number) => number.padEnd(8000, 'x'))
  await Promise.all(texts.map((text) => visitor.send(chat.id, textBody(text))))
  other.conversations.set(chat.id, follower)
  other.tell({ t: 'attach', id: 99, items: [follower.cursor] })
  await other.until(() => recovered.at(-1) === true)
  assert.equal(recovered[0], false)
  await visitor.say(chat.id, 'and on')
  await other.until(() => follower.texts.at(-1) === 'and on')
  assert.equal(follower.messages.at(-1).seq, 62)
})

test('a missing rev is noticed', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const { client: visitor, chat } = await kefu.visitor(t)
  await visitor.say(chat.id, 'one')
  await visitor.until(() => chat.texts.join() === 'one')
  chat.items.delete(chat.rev)
  chat.rev -= 1
  await visitor.say(chat.id, 'two')
  await visitor.until(() => chat.texts.join() === 'one,two')
})
