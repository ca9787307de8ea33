import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent, DEMO_AGENT } from '../harness/agent.ts'
import { person } from '../harness/browser.ts'
import { scene } from '../harness/scene.ts'
import { Visitor } from '../harness/visitor.ts'

test('a visitor leaves a message while nobody is there, and an agent answers it', async (t) => {
  const { server, browser } = await scene(t)
  const context = await person(browser)
  const visitor = await Visitor.open(context, server.url)
  const form = visitor.leaveForm
  await form.getByLabel('Your message').fill('Where is my order?')
  const send = form.getByRole('button', { name: 'Leave the message' })
  const email = form.getByLabel('E-mail')

  await send.click()
  assert.equal(await faultOf(email), 'We need an e-mail address or a phone number to answer you.')
  await email.fill('ann@example')
  await send.click()
  assert.equal(await faultOf(email), 'This is no e-mail address.')
  assert.ok(await email.evaluate((input) => input === document.activeElement), 'the field has the focus')
  assert.equal(await visitor.log.getByRole('article').count(), 0, 'nothing was sent')

  await email.fill('ann@example.org')
  await form.getByLabel('Your name').fill('Ann')
  await send.click()
  await visitor.message('Where is my order?').getByText('Sent').waitFor()
  await visitor.page.getByText('We have your message and will answer it').waitFor()
  await form.waitFor({ state: 'hidden' })
  await visitor.page.close()

  const agent = await Agent.logIn(await person(browser), server.url, DEMO_AGENT)
  await agent.conversation('Where is my order?').filter({ hasText: 'Ann' }).click()
  const left = agent.message('Where is my order?')
  await left.getByText('Message left while nobody was here').waitFor()
  await left.getByRole('definition').filter({ hasText: 'ann@example.org' }).waitFor()
  await agent.say('It left yesterday.')

  const back = await Visitor.open(context, server.url)
  await back.message('It left yesterday.').waitFor()
  await back.message('Where is my order?').getByText('ann@example.org').waitFor()
  await back.say('Thank you!')
  await agent.message('Thank you!').waitFor()
})

/** What assistive technology tells of a field that was refused. */
async function faultOf(field: ReturnType<Visitor['page']['getByLabel']>): Promise<string | null> {
  assert.equal(await field.getAttribute('aria-invalid'), 'true')
  const id = await field.getAttribute('aria-describedby')
  return field
    .page()
    .locator(`#${String(id)}`)
    .textContent()
}
