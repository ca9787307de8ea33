import assert from 'node:assert/strict'
import { test } from 'node:test'

import WebSocket from 'ws'

import { Api, Client } from '../src/client.js'
import { Kefu, LIMIT, Raw, connected, textBody, wholeHistory } from './support.js'

async function visited(t) {
  const kefu = await Kefu.started(t)
  const api = new Api(kefu.url)
  const { support_conversation: mine } = await api.visit()
  return { kefu, api, mine }
}

test('credentials', LIMIT, async (t) => {
  const { kefu, api } = await visited(t)
  const closing = async (hello, where) => {
    const raw = await Raw.open(t, kefu.url, where)
    raw.say({ t: 'hello', v: 1, device: 'raw', ...hello })
    const error = await raw.hear('error')
    assert.equal(error.fatal, true)
    assert.equal(error.code, await raw.ended)
    return error.code
  }
  assert.equal(await closing({ token: 'wrong' }), 4201)
  assert.equal(await closing({}), 4201)
  assert.equal(await closing({ token: api.token }, '/ws/somebody-else'), 4204)
  assert.equal(await closing({ token: api.token }, '/ws?user_id=somebody-else'), 4204)
  assert.equal(await closing({ token: api.token, v: 2 }), 4305)
})

test('what the client does about the ranges', LIMIT, async (t) => {
  const { kefu } = await visited(t)
  for (const transport of ['websocket', 'sse']) {
    const client = new Client(new Api(kefu.url, 'wrong'), { transport })
    await assert.rejects(client.start(), { reaction: 'log in', code: 4201 })
  }
  const renewed = await connected(t, new Api(kefu.url, 'wrong'), { renew: (api) => api.visit() })
  const chat = await renewed.follow(renewed.welcome.support_conversation)
  renewed.tell(...Array.from({ length: 16 }, () => ({ t: 'unheard of' })))
  await assert.rejects(
    renewed.until(() => false),
    { reaction: 'give up', code: 4301 },
  )
  await assert.rejects(renewed.say(chat.id, 'never'), { reaction: 'give up' })
})

test('numbers', LIMIT, async (t) => {
  const { kefu, api, mine } = await visited(t)
  const raw = await Raw.open(t, kefu.url)
  await raw.hello(api.token)
  const first = await raw.command(mine, 1, 'one')
  assert.equal(first.t, 'ack')
  const gap = await raw.command(mine, 5, 'five')
  assert.deepEqual([gap.code, gap.expected_n], [1001, 2])
  assert.deepEqual(await raw.command(mine, 1, 'one'), first)
  assert.equal((await raw.command(mine, 1, 'another one')).code, 1002)
  assert.equal((await raw.command(mine, 2, 'x'.repeat(8001))).code, 1302)
  assert.equal((await raw.command(mine, 2, 'two')).code, 1002, 'the refusal took the number')
  const third = await raw.command(mine, 3, 'three')
  assert.deepEqual(await wholeHistory(api, mine, third.rev), ['one', 'three'])
})

test('the client goes on after a refusal', LIMIT, async (t) => {
  const { kefu } = await visited(t)
  const { client, chat } = await kefu.visitor(t)
  const texts = ['x'.repeat(8001), 'first', '', 'second']
  const ends = await Promise.allSettled(texts.map((text) => client.send(chat.id, textBody(text))))
  assert.deepEqual(
    ends.map((end) => end.reason?.code ?? end.value.t),
    [1302, 'ack', 1301, 'ack'],
  )
})

test('a stranger has no way in', LIMIT, async (t) => {
  const { kefu, api } = await visited(t)
  const { api: other, client, chat } = await kefu.visitor(t)
  const ack = await client.say(chat.id, 'mine alone')
  const raw = await Raw.open(t, kefu.url)
  await raw.hello(api.token)
  assert.equal((await raw.command(chat.id, 1, 'let me in')).code, 1201)
  raw.say({ t: 'attach', id: 5, items: [{ conversation: chat.id }] })
  assert.deepEqual((await raw.hear('attached')).items, [{ conversation: chat.id, error: 1201 }])
  await assert.rejects(api.history(chat.id), { status: 404, code: 1201 })
  assert.deepEqual(await wholeHistory(other, chat.id, ack.rev), ['mine alone'])
})

test('protocol errors', LIMIT, async (t) => {
  const { kefu, api } = await visited(t)
  const raw = await Raw.open(t, kefu.url)
  const welcome = await raw.hello(api.token)
  const wrong = [
    [{ t: 'unheard of' }, 3003],
    ['{not json', 3001],
    [{ t: 'attach' }, 3002],
    [{ t: 'hello', v: 1, device: 'again' }, 3004],
    [Array(65).fill({ t: 'ping' }), 3005],
  ]
  for (const [frame, code] of wrong) {
    raw.say(frame)
    const error = await raw.hear('error')
    assert.deepEqual([error.code, error.fatal], [code, false])
  }
  raw.say({ t: 'ping', id: 7 })
  assert.equal((await raw.hear('pong')).id, 7)
  raw.say({ t: 'ping', padding: 'x'.repeat(welcome.limits.frame_bytes) })
  assert.equal(await raw.ended, 4302)

  const socket = new WebSocket(`${kefu.url.replace('http', 'ws')}/ws`, ['kefu.v9.json'])
  const status = await new Promise((done) => {
    socket.on('unexpected-response', (_request, answer) => done(answer.statusCode))
  })
  socket.on('error', () => {})
  socket.terminate()
  assert.equal(status, 400)
})

test('a revoked login ends its sockets', LIMIT, async (t) => {
  const { kefu } = await visited(t)
  const agent = new Api(kefu.url)
  const { session_token: token } = await agent.login('kefu002', '123456')
  const raw = await Raw.open(t, kefu.url)
  await raw.hello(token)
  await agent.call('POST', '/api/kefu/logout')
  assert.equal(await raw.ended, 4203)
})
