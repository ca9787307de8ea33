import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMarked, markWindow } from '../harness/marker.ts'
import { chatting, scene } from '../harness/scene.ts'

test('kill -9 and a new start cost neither a message nor a reload', async (t) => {
  const { server, browser } = await scene(t)
  const { visitor, agent } = await chatting({ server, browser }, 'First')
  // Joining begins at the head: only what came after it is unread.
  await visitor.say('Second')
  await agent.conversations.getByRole('img', { name: '1 unread' }).waitFor()
  await Promise.all([markWindow(visitor.page), markWindow(agent.page)])

  await server.kill()
  await visitor.connection.getByText('Reconnecting…').waitFor()
  await agent.connection.getByText('Reconnecting…').waitFor()
  await visitor.say('Typed while down')
  await visitor.message('Typed while down').getByText('Sending…').waitFor()

  await server.start()
  await agent.conversations.getByRole('img', { name: '2 unread' }).waitFor()
  await agent.conversation('Typed while down').click()
  await agent.message('Typed while down').waitFor()
  await agent.page.getByText('Active', { exact: true }).waitFor()
  await visitor.message('Typed while down').getByText('Read').waitFor()
  await agent.say('Welcome back')
  await visitor.message('Welcome back').waitFor()

  for (const text of ['First', 'Second', 'Typed while down', 'Welcome back']) {
    assert.equal(await agent.message(text).count(), 1, `the agent sees "${text}" once`)
    assert.equal(await visitor.message(text).count(), 1, `the visitor sees "${text}" once`)
  }
  assert.equal(await agent.conversations.getByRole('img').count(), 0, 'nothing is unread')
  assert.ok(await isMarked(visitor.page), 'the visitor page was not reloaded')
  assert.ok(await isMarked(agent.page), 'the agent page was not reloaded')
})
