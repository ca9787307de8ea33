import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatting, scene } from '../harness/scene.ts'

test('a private note never reaches the customer', async (t) => {
  const { visitor, agent } = await chatting(await scene(t), 'Hello')
  const received: string[] = []
  visitor.page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => received.push(payload.toString()))
  })
  visitor.page.on('response', (response) => {
    void response.text().then(
      (text) => received.push(text),
      () => undefined,
    )
  })
  // From here on everything the page gets is seen: the socket is a new one.
  await visitor.page.reload()
  await visitor.connection.getByText('Connected').waitFor()

  await agent.conversation('Hello').click()
  await agent.button('Private note').click()
  await agent.say('Secret: a difficult case')
  await agent.message('Secret: a difficult case').getByText('Private note').waitFor()
  await agent.button('Private note').click()
  await agent.say('How can I help?')
  await visitor.message('How can I help?').waitFor()
  await visitor.page.reload()
  await visitor.message('How can I help?').waitFor()

  assert.ok(
    received.some((text) => text.includes('How can I help?')),
    'what the page received was seen',
  )
  assert.ok(!received.some((text) => text.includes('Secret')), 'the note was not among it')
  assert.equal(await visitor.page.getByText('Secret').count(), 0)
})
