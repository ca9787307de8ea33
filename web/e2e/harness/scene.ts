import type { TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser, person } from './browser.ts'
import { Agent, DEMO_AGENT } from './agent.ts'
import { Server, type ServerOptions } from './server.ts'
import { Visitor } from './visitor.ts'

export interface Scene {
  server: Server
  browser: Browser
}

/** A server and a browser of the test's own, gone when it ends. */
export async function scene(test: TestContext, options: ServerOptions = { demo: true }): Promise<Scene> {
  const server = await Server.start(options)
  test.after(() => server.remove())
  const browser = await launchBrowser()
  test.after(() => browser.close())
  return { server, browser }
}

/** The demo agent is logged in, and a visitor's first message has been given to them. */
export async function chatting(
  { server, browser }: Scene,
  firstMessage: string,
): Promise<{ visitor: Visitor; agent: Agent }> {
  const agent = await Agent.logIn(await person(browser), server.url, DEMO_AGENT)
  const visitor = await Visitor.open(await person(browser), server.url)
  await visitor.say(firstMessage)
  await agent.conversation(firstMessage).waitFor()
  return { visitor, agent }
}
