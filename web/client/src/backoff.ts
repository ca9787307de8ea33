import type { Random } from './environment.ts'

const QUICK_TRIES = 10
const QUICK_BASE_MS = 500
const QUICK_CAP_MS = 5_000
const SLOW_CAP_MS = 60_000

/** Upper bound of the wait before try number `attempt` (from 0): ten quick tries, then ever slower ones. */
export function delayCap(attempt: number): number {
  if (attempt < QUICK_TRIES) return Math.min(QUICK_CAP_MS, QUICK_BASE_MS * 2 ** attempt)
  return Math.min(SLOW_CAP_MS, QUICK_CAP_MS * 2 ** (attempt - QUICK_TRIES + 1))
}

/** Full jitter: clients that lost the same server together must not come back together. */
export function reconnectDelay(attempt: number, random: Random): number {
  return Math.floor(random() * delayCap(attempt))
}
