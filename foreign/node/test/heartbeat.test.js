import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Kefu, LIMIT } from './support.js'

const HEARTBEAT_S = 2

test('an idle client pings and notices a frozen server', LIMIT, async (t) => {
  const kefu = await Kefu.started(t)
  const transports = ['websocket', 'sse']
  const visitors = await Promise.all(transports.map((transport) => kefu.visitor(t, { transport })))
  for (const { client } of visitors) {
    let pongs = 0
    client.on('frame', (frame) => {
      if (frame.t === 'pong') pongs += 1
      // After a reconnect too: a machine that is busy may look like a server that is frozen.
      if (frame.t === 'welcome') frame.heartbeat_s = HEARTBEAT_S
    })
    client.welcome.heartbeat_s = HEARTBEAT_S
    await client.until(() => pongs >= 2, 20_000)
  }
  kefu.signal('SIGSTOP')
  await Promise.all(visitors.map(({ client }) => client.until(() => !client.welcome, 20_000)))
  kefu.signal('SIGCONT')
  await Promise.all(visitors.map(({ client, chat }) => client.say(chat.id, 'back')))
  for (const { client, chat } of visitors) await client.until(() => chat.texts.join() === 'back', 20_000)
  assert.deepEqual(
    visitors.map(({ client }) => client.connectedBy),
    transports,
  )
})
