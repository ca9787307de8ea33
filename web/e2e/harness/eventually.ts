import { setTimeout as sleep } from 'node:timers/promises'

const WITHIN_MS = 15_000
const EVERY_MS = 50

/** Waits until the condition holds; a condition that throws ends the wait. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean>,
  withinMs = WITHIN_MS,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(EVERY_MS)
  }
}
