import type { BrowserContext, Locator, Page } from 'playwright-core'

/** The visitor's page, by the roles and labels that a visitor finds things by. */
export class Visitor {
  readonly page: Page
  readonly log: Locator
  readonly messageBox: Locator
  readonly connection: Locator
  /** Shown while nobody is there. */
  readonly leaveForm: Locator

  private constructor(page: Page) {
    this.page = page
    this.log = page.getByRole('log', { name: 'Conversation' })
    this.messageBox = page.getByRole('textbox', { name: 'Message' })
    this.connection = page.getByRole('status', { name: 'Connection' })
    this.leaveForm = page.getByRole('form', { name: 'Leave a message' })
  }

  static async open(context: BrowserContext, url: string): Promise<Visitor> {
    const visitor = new Visitor(await context.newPage())
    await visitor.page.goto(`${url}/kehu/?lang=en`)
    return visitor
  }

  /** As by the browser's "duplicate tab": the new tab starts with a copy of this one's session storage. */
  async duplicate(): Promise<Visitor> {
    const opened = this.page.waitForEvent('popup')
    await this.page.evaluate(() => void window.open(location.href))
    return new Visitor(await opened)
  }

  async say(text: string): Promise<void> {
    await this.messageBox.fill(text)
    await this.page.getByRole('button', { name: 'Send' }).click()
  }

  /** The message with this text, wherever it is in the log. */
  message(text: string): Locator {
    return this.log.getByRole('article').filter({ hasText: text })
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name })
  }
}
