import { expect, test } from 'vitest'
import { delayCap, reconnectDelay } from '../src/backoff.ts'

test('ten quick tries, then slower ones up to a minute', () => {
  const caps = Array.from({ length: 16 }, (_, attempt) => delayCap(attempt))
  expect(caps.slice(0, 10)).toEqual([500, 1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000, 5000])
  expect(caps.slice(10)).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
})

test('the wait is anywhere between nothing and the cap', () => {
  expect(reconnectDelay(4, () => 0)).toBe(0)
  expect(reconnectDelay(4, () => 0.5)).toBe(2_500)
  expect(reconnectDelay(4, () => 0.999)).toBe(4_995)
})
