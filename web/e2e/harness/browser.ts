import { chromium, type Browser, type BrowserContext } from 'playwright-core'

const ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

/** Every step must be done within this time; nothing waits for longer, and nothing sleeps. */
const STEP_MS = 15_000

export function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['KEFU_TEST_CHROMIUM'] ?? '/usr/bin/chromium'
  return chromium.launch({ executablePath, args: ARGS })
}

/** A browser profile of its own: what one visitor or agent sits at. */
export async function person(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1200, height: 800 } })
  context.setDefaultTimeout(STEP_MS)
  return context
}
