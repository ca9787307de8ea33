import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, DEMO_AGENT } from '../harness/agent.ts'
import { person } from '../harness/browser.ts'
import { scene } from '../harness/scene.ts'
import { Visitor } from '../harness/visitor.ts'

test('a reload keeps the history and what was not sent yet', async (t) => {
  const { server, browser } = await scene(t)
  const agent = await Agent.logIn(await person(browser), server.url, DEMO_AGENT)
  const context = await person(browser)
  const visitor = await Visitor.open(context, server.url)
  await visitor.say('Sent before')
  await agent.conversation('Sent before').click()

  // The page and the history still load; nothing gets sent.
  await context.routeWebSocket(/\/ws/, (socket) => socket.close())
  await context.route('**/api/stream**', (route) => route.abort())
  await visitor.page.reload()
  await visitor.say('Not sent yet')
  await visitor.message('Not sent yet').getByText('Sending…').waitFor()
  await visitor.page.reload()
  await visitor.message('Sent before').waitFor()
  await visitor.message('Not sent yet').getByText('Sending…').waitFor()

  await context.unrouteAll()
  await context.routeWebSocket(/\/ws/, (socket) => void socket.connectToServer())
  await visitor.page.reload()
  await agent.message('Not sent yet').waitFor()
  await visitor.message('Not sent yet').getByText('Read').waitFor()
  assert.equal(await agent.message('Not sent yet').count(), 1)
  assert.equal(await visitor.message('Not sent yet').count(), 1)
})

test('scrolling up loads older messages', async (t) => {
  const { server, browser } = await scene(t)
  await Agent.logIn(await person(browser), server.url, DEMO_AGENT)
  const visitor = await Visitor.open(await person(browser), server.url)
  for (let number = 1; number <= 70; number += 1) await visitor.say(`Message number ${number}.`)
  await visitor.message('Message number 70.').getByText('Delivered').waitFor()
  await visitor.page.reload()
  await visitor.message('Message number 70.').waitFor()
  assert.equal(await visitor.message('Message number 1.').count(), 0, 'only the last page is loaded')

  await visitor.message('Message number 30.').scrollIntoViewIfNeeded()
  await visitor.log.hover()
  await visitor.page.mouse.wheel(0, -20_000)
  await visitor.message('Message number 1.').waitFor()
})
