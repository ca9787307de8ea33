import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Api } from '../src/client.js'
import { Kefu, LIMIT, connected, inSession, textBody, wholeHistory } from './support.js'

test('a visitor and an agent talk both ways', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const agent = await kefu.agent(t)
  const { client: visitor, chat } = await kefu.visitor(t)
  assert.equal((await visitor.say(chat.id, 'Is this open on Sunday?')).seq, 1)
  const theirs = await inSession(agent, chat.id)
  await agent.say(chat.id, 'It is, from ten.')
  const expected = 'Is this open on Sunday?|It is, from ten.'
  await visitor.until(() => chat.texts.join('|') === expected)
  await agent.until(() => theirs.texts.join('|') === expected)
  assert.deepEqual(chat.messages[1].by, { type: 'kefu', id: 'kefu001' })
  assert.equal(chat.session.agent.id, 'kefu001')
})

test('two devices see the same', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const { api, client: phone, chat } = await kefu.visitor(t)
  const laptop = await connected(t, new Api(kefu.url, api.token), { transport: 'sse' })
  const onLaptop = await laptop.follow(chat.id)
  for (const round of [1, 2, 3]) {
    await phone.say(chat.id, `phone ${round}`)
    await laptop.say(chat.id, `laptop ${round}`)
  }
  const expected = [1, 2, 3].flatMap((round) => [`phone ${round}`, `laptop ${round}`]).join()
  await phone.until(() => chat.texts.join() === expected)
  await laptop.until(() => onLaptop.texts.join() === expected)
  assert.equal(chat.rev, onLaptop.rev)
  assert.deepEqual(
    chat.messages.map((message) => message.n),
    [1, undefined, 2, undefined, 3, undefined],
  )
})

test('edit, recall and marks', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const agent = await kefu.agent(t)
  const { api, client: visitor, chat } = await kefu.visitor(t)
  await visitor.say(chat.id, 'Helo')
  await visitor.say(chat.id, 'My password is 1234')
  const theirs = await inSession(agent, chat.id)
  await visitor.send(chat.id, { type: 'edit', seq: 1, content: { type: 'text', text: 'Hello' } })
  const recalled = await visitor.send(chat.id, { type: 'recall', seq: 2 })
  await visitor.until(() => chat.texts.join() === 'Hello')
  await agent.until(() => theirs.texts.join() === 'Hello')
  assert.deepEqual(await wholeHistory(api, chat.id, recalled.rev), ['Hello'])
  await assert.rejects(agent.send(chat.id, { type: 'recall', seq: 1 }), { code: 1102 })

  await agent.say(chat.id, 'Good day')
  await visitor.until(() => chat.texts.length === 2)
  const customer = `kehu/${visitor.welcome.user.id}`
  assert.equal(theirs.marks.get(customer).read, 2, 'the own messages, no more')
  visitor.mark(chat.id, { delivered: 3, read: 3 })
  await agent.until(() => theirs.marks.get(customer).read === 3)
})

test('queue, typing, a private note, the end and a rating', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const { client: visitor, chat } = await kefu.visitor(t)
  const heard = []
  visitor.on('frame', (frame) => heard.push(frame))
  await visitor.say(chat.id, 'Anybody there?')
  await visitor.until(() => heard.some((frame) => frame.t === 'queue' && frame.position === 1))

  const agent = await kefu.agent(t)
  const theirs = await inSession(agent, chat.id)
  const previews = []
  agent.on('frame', (frame) => frame.t === 'typing' && previews.push(frame.preview))
  visitor.typing(chat.id, true, 'about to say')
  await agent.until(() => previews.includes('about to say'))

  const note = await agent.send(chat.id, { ...textBody('a difficult one'), audience: 'staff' })
  assert.equal(note.seq, undefined)
  await agent.say(chat.id, 'Good day')
  await visitor.until(() => chat.texts.join() === 'Anybody there?,Good day')
  await agent.until(() => theirs.texts.length === 3)
  assert.equal(chat.rev, theirs.rev)

  const rating = { type: 'rate', session: 1, score: 4 }
  await assert.rejects(visitor.send(chat.id, rating), { code: 1206 })
  await agent.send(chat.id, { type: 'end_session' })
  await visitor.until(() => chat.session.status === 'ended')
  await visitor.send(chat.id, rating)
  await assert.rejects(visitor.send(chat.id, rating), { code: 1209 })
  await agent.until(() => theirs.session.rating === 4)
})
