import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, DEMO_AGENT } from '../harness/agent.ts'
import { person } from '../harness/browser.ts'
import { scene } from '../harness/scene.ts'
import { Visitor } from '../harness/visitor.ts'

test('the form becomes the chat when somebody comes, and the text stays', async (t) => {
  const { server, browser } = await scene(t)
  const visitor = await Visitor.open(await person(browser), server.url)
  await visitor.leaveForm.getByLabel('Your message').fill('Half a question')

  const agent = await Agent.logIn(await person(browser), server.url, DEMO_AGENT)
  await visitor.leaveForm.waitFor({ state: 'hidden' })
  assert.equal(await visitor.messageBox.inputValue(), 'Half a question')
  await visitor.button('Send').click()
  await agent.conversation('Half a question').waitFor()
})
