import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, DEMO_AGENT } from '../harness/agent.ts'
import { person } from '../harness/browser.ts'
import { eventually } from '../harness/eventually.ts'
import { scene } from '../harness/scene.ts'
import { Visitor } from '../harness/visitor.ts'

/** The page tries again every 60 s. */
const UPGRADE_WITHIN_MS = 75_000

test('a network without WebSockets chats by SSE, and upgrades once they work', async (t) => {
  const { server, browser } = await scene(t)
  const agent = await Agent.logIn(await person(browser), server.url, DEMO_AGENT)
  const context = await person(browser)
  let blocked = true
  await context.routeWebSocket(/\/ws/, async (socket) => {
    if (blocked) await socket.close()
    else socket.connectToServer()
  })
  const visitor = await Visitor.open(context, server.url)
  const transport = () => visitor.connection.getAttribute('data-transport')

  await eventually('the visitor is connected by SSE', async () => (await transport()) === 'sse')
  await visitor.say('Over the stream')
  await agent.conversation('Over the stream').click()
  await agent.say('Down the stream')
  await visitor.message('Down the stream').waitFor()

  blocked = false
  await eventually('upgraded', async () => (await transport()) === 'websocket', UPGRADE_WITHIN_MS)
  await visitor.say('Over the socket')
  await agent.message('Over the socket').waitFor()
  await agent.say('Down the socket')
  await visitor.message('Down the socket').waitFor()
  for (const text of ['Over the stream', 'Down the stream', 'Over the socket', 'Down the socket']) {
    assert.equal(await visitor.message(text).count(), 1, `"${text}" is there once`)
  }
})
