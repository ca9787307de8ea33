import type { BrowserContext, Locator, Page } from 'playwright-core'

export interface AgentLogin {
  username: string
  password: string
}

export const DEMO_AGENT: AgentLogin = { username: 'kefu001', password: '123456' }

/** The agent's console, by the roles and labels that an agent finds things by. */
export class Agent {
  readonly page: Page
  readonly log: Locator
  readonly messageBox: Locator
  readonly connection: Locator
  readonly waiting: Locator
  readonly conversations: Locator

  private constructor(page: Page) {
    this.page = page
    this.log = page.getByRole('log', { name: 'Conversation' })
    this.messageBox = page.getByRole('textbox', { name: 'Message' })
    this.connection = page.getByRole('status', { name: 'Connection' })
    this.waiting = page.getByRole('list', { name: 'Waiting' })
    this.conversations = page.getByRole('list', { name: 'My conversations' })
  }

  static async logIn(context: BrowserContext, url: string, login: AgentLogin): Promise<Agent> {
    const agent = new Agent(await context.newPage())
    await agent.page.goto(`${url}/kefu/?lang=en`)
    await agent.page.getByRole('textbox', { name: 'Username' }).fill(login.username)
    await agent.page.getByLabel('Password').fill(login.password)
    await agent.button('Log in').click()
    await agent.connection.getByText('Connected', { exact: true }).waitFor()
    return agent
  }

  async say(text: string): Promise<void> {
    await this.messageBox.fill(text)
    await this.button('Send').click()
  }

  message(text: string): Locator {
    return this.log.getByRole('article').filter({ hasText: text })
  }

  /** The row of the conversation whose latest message has this text. */
  conversation(text: string): Locator {
    return this.conversations.getByRole('button').filter({ hasText: text })
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name })
  }
}
