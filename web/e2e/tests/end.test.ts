import { test } from 'node:test'
import { chatting, scene } from '../harness/scene.ts'

test('the visitor ends the session, rates it and starts a new chat', async (t) => {
  const { visitor, agent } = await chatting(await scene(t), 'A quick question')
  await agent.conversation('A quick question').click()
  await visitor.button('End chat').click()
  await visitor.page.getByText('This chat has ended').waitFor()
  await agent.page.getByText('Ended', { exact: true }).waitFor()

  await visitor.button('4 of 5').click()
  await visitor.page.getByText('Thank you for your rating.').waitFor()
  await agent.log.getByText('Rated 4 of 5').waitFor()

  await visitor.button('New chat').click()
  await visitor.say('One more thing')
  await agent.message('One more thing').waitFor()
  await agent.page.getByText('Active', { exact: true }).waitFor()
})

test('the agent ends the session', async (t) => {
  const { visitor, agent } = await chatting(await scene(t), 'Thanks, that was all')
  await agent.conversation('Thanks, that was all').click()
  await agent.button('End session').click()
  await visitor.page.getByText('This chat has ended').waitFor()
  await agent.button('End session').waitFor({ state: 'hidden' })
})
