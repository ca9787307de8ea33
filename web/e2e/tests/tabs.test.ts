import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatting, scene } from '../harness/scene.ts'

test('a duplicated tab shows the same chat, and both tabs send', async (t) => {
  const { visitor, agent } = await chatting(await scene(t), 'From the first tab')
  await agent.conversation('From the first tab').click()
  const second = await visitor.duplicate()
  await second.message('From the first tab').waitFor()

  await second.say('From the second tab')
  await visitor.say('Once more from the first')
  for (const page of [visitor, second, agent]) {
    await page.message('From the second tab').waitFor()
    await page.message('Once more from the first').waitFor()
    assert.equal(await page.message('From the second tab').count(), 1)
  }
  const devices = await Promise.all(
    [visitor, second].map(({ page }) => page.evaluate(() => JSON.stringify(sessionStorage))),
  )
  assert.notEqual(devices[0], devices[1], 'the tabs are different devices')
})
