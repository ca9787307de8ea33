import { test } from 'node:test'
import { Agent, DEMO_AGENT } from '../harness/agent.ts'
import { person } from '../harness/browser.ts'
import { scene } from '../harness/scene.ts'

const NEW_PASSWORD = 'correct horse battery'
const CHANGED = 'Your password was changed. Please log in with the new one.'

test('an agent changes their own password, which ends their login, and logs in with the new one', async (t) => {
  const { server, browser } = await scene(t)
  const agent = await Agent.logIn(await person(browser), server.url, DEMO_AGENT)

  await agent.button('Change password').click()
  const dialog = agent.page.getByRole('dialog', { name: 'Change password' })
  await dialog.getByLabel('New password').fill(NEW_PASSWORD)
  await dialog.getByLabel('Current password').fill('not this one')
  await dialog.getByRole('button', { name: 'Change password' }).click()
  await dialog.getByText('The current password is wrong.').waitFor()

  await dialog.getByLabel('Current password').fill(DEMO_AGENT.password)
  await dialog.getByRole('button', { name: 'Change password' }).click()
  await agent.page.getByText(CHANGED).waitFor()
  await Agent.logIn(await person(browser), server.url, { ...DEMO_AGENT, password: NEW_PASSWORD })
})

test('an admin gives the current password for their own row among the agents', async (t) => {
  const { server, browser } = await scene(t, { demo: false })
  const login = { username: 'admin', password: server.adminPassword }
  const admin = await Agent.logIn(await person(browser), server.url, login)

  await admin.button('Agents').click()
  const row = admin.page.getByRole('row').filter({ hasText: 'admin' })
  await row.getByLabel('Current password').fill(login.password)
  await row.getByLabel('New password').fill(NEW_PASSWORD)
  await row.getByRole('button', { name: 'Set password' }).click()
  await admin.page.getByText(CHANGED).waitFor()
  await Agent.logIn(await person(browser), server.url, { ...login, password: NEW_PASSWORD })
})
