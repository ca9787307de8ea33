import { test } from 'node:test'
import { Agent } from '../harness/agent.ts'
import { person } from '../harness/browser.ts'
import { scene } from '../harness/scene.ts'
import { Visitor } from '../harness/visitor.ts'

test('the first start tells an admin password; the admin creates an agent, who serves a visitor', async (t) => {
  const { server, browser } = await scene(t, { demo: false })
  const login = { username: 'admin', password: server.adminPassword }
  const admin = await Agent.logIn(await person(browser), server.url, login)
  // An admin who takes chats would get the visitor.
  await admin.page.getByRole('combobox', { name: 'My status' }).selectOption('Offline')

  await admin.button('Agents').click()
  const form = admin.page.getByRole('form', { name: 'New agent' })
  await form.getByLabel('Username').fill('mei')
  await form.getByLabel('Name', { exact: true }).fill('Mei Lin')
  await form.getByLabel('Password').fill('correct horse battery')
  await form.getByRole('button', { name: 'Create' }).click()
  await admin.page.getByRole('row').filter({ hasText: 'Mei Lin' }).waitFor()

  const mei = { username: 'mei', password: 'correct horse battery' }
  const agent = await Agent.logIn(await person(browser), server.url, mei)
  const visitor = await Visitor.open(await person(browser), server.url)
  await visitor.say('Good morning')
  await agent.conversation('Good morning').click()
  await agent.say('Good morning to you')
  await visitor.message('Good morning to you').getByText('Mei Lin').waitFor()
})
