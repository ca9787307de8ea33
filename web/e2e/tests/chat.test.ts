import { test } from 'node:test'
import { Agent, DEMO_AGENT } from '../harness/agent.ts'
import { person } from '../harness/browser.ts'
import { chatting, scene } from '../harness/scene.ts'
import { Visitor } from '../harness/visitor.ts'

test('a visitor and an agent chat in real time', async (t) => {
  const { visitor, agent } = await chatting(await scene(t), 'Where is my order?')
  await visitor.page.getByText('You are talking to').waitFor()
  await agent.conversation('Where is my order?').click()
  await agent.message('Where is my order?').waitFor()

  await agent.messageBox.pressSequentially('It left')
  await visitor.page.getByText('is typing').waitFor()
  await agent.say('It left yesterday.')
  await visitor.message('It left yesterday.').waitFor()
  await agent.message('It left yesterday.').getByText('Read').waitFor()

  await visitor.messageBox.pressSequentially('Thank')
  await agent.page.getByText('is typing: Thank').waitFor()
  await visitor.say('Thank you!')
  await agent.message('Thank you!').waitFor()
  await visitor.message('Thank you!').getByText('Read').waitFor()

  const present = agent.page.getByRole('img', { name: 'The visitor is online' })
  await present.waitFor()
  await visitor.page.close()
  await agent.page.getByRole('img', { name: 'The visitor is offline' }).waitFor()
})

test('a busy agent picks a waiting visitor', async (t) => {
  const { server, browser } = await scene(t)
  const agent = await Agent.logIn(await person(browser), server.url, DEMO_AGENT)
  await agent.page.getByRole('combobox', { name: 'My status' }).selectOption('Busy')
  const visitor = await Visitor.open(await person(browser), server.url)
  await visitor.say('Is anybody there?')
  await visitor.page.getByText('You are number 1 in the queue').waitFor()

  await agent.waiting.getByRole('button', { name: 'Pick up' }).click()
  await agent.message('Is anybody there?').waitFor()
  await visitor.page.getByText('You are talking to').waitFor()
  await agent.waiting.getByRole('listitem').waitFor({ state: 'detached' })
})
