import type { Page } from 'playwright-core'

/** A mark on the window: it is gone after a reload, so it proves that there was none. */
export async function markWindow(page: Page): Promise<void> {
  await page.evaluate(() => Object.assign(window, { notReloaded: true }))
}

export function isMarked(page: Page): Promise<boolean> {
  return page.evaluate(() => 'notReloaded' in window)
}
