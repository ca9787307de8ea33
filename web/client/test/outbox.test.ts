import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { memoryStore, systemClock, type KeyValueStore } from '../src/environment.ts'
import type { ClientFrame, CommandBody } from '../src/generated/frames.ts'
import { Outbox } from '../src/outbox/outbox.ts'
import { ack, CONVERSATION, message, rejected } from './fakes.ts'

let store: KeyValueStore
let sent: ClientFrame[]
let connected: boolean
let newDevices: string[]

beforeEach(() => {
  vi.useFakeTimers()
  store = memoryStore()
  sent = []
  connected = true
  newDevices = []
})

afterEach(() => {
  vi.useRealTimers()
})

function outbox(device = 'd1'): Outbox {
  return new Outbox({
    device,
    storageKey: (id) => `outbox.${id}`,
    store,
    clock: systemClock,
    random: () => 0.5,
    send(frames) {
      if (connected) sent.push(...frames)
      return connected
    },
    newDevice: (id) => newDevices.push(id),
  })
}

function text(value: string): CommandBody {
  return { type: 'message', content: { type: 'text', text: value } }
}

/** What was sent since the last call, as "n text". */
function flush(): string[] {
  const frames = sent.flatMap((frame) => (frame.t === 'command' ? [frame] : []))
  sent = []
  return frames.map(
    ({ n, body }) =>
      `${n} ${body.type === 'message' && body.content.type === 'text' ? body.content.text : body.type}`,
  )
}

function say(box: Outbox, ...values: string[]): void {
  for (const value of values) box.add(CONVERSATION, text(value))
}

function phases(box: Outbox): string[] {
  return box.entries(CONVERSATION).map((entry) => entry.phase)
}

test('numbers densely, and an acked message stays until its event is shown', () => {
  const box = outbox()
  say(box, 'a', 'b')
  expect(flush()).toEqual(['1 a', '2 b'])
  box.acked(ack(1, 10))
  expect(phases(box)).toEqual(['accepted', 'sent'])
  box.shownUpTo(CONVERSATION, 10)
  expect(phases(box)).toEqual(['sent'])
  box.seen(CONVERSATION, message(11, 2, { device: 'd1', n: 2 }))
  expect(phases(box)).toEqual([])
})

test('events of another device are not ours', () => {
  const box = outbox()
  say(box, 'a')
  box.seen(CONVERSATION, message(10, 1, { device: 'd2', n: 1 }))
  expect(phases(box)).toEqual(['sent'])
})

test('what was not answered goes out again after a reconnect, in order, with the same numbers', () => {
  const box = outbox()
  say(box, 'a', 'b', 'c')
  box.acked(ack(1, 10))
  flush()
  box.disconnected()
  box.pump()
  expect(flush()).toEqual(['2 b', '3 c'])
})

test('a reload keeps device, numbers and messages', () => {
  connected = false
  say(outbox(), 'a', 'b')
  connected = true
  const reloaded = outbox()
  reloaded.pump()
  say(reloaded, 'c')
  expect(flush()).toEqual(['1 a', '2 b', '3 c'])
  for (const n of [1, 2, 3]) reloaded.acked(ack(n, n))
  const again = outbox()
  say(again, 'd')
  expect(flush()).toEqual(['4 d'])
})

test('at most 32 are unanswered', () => {
  const box = outbox()
  say(box, ...Array.from({ length: 40 }, (_, index) => `m${index}`))
  expect(flush()).toHaveLength(32)
  box.acked(ack(1, 1))
  expect(flush()).toEqual(['33 m32'])
})

test('1001: waits for all answers, then goes on from the expected number', () => {
  connected = false
  say(outbox(), 'lost', 'a', 'b', 'c')
  connected = true
  const box = outbox()
  box.pump()
  flush()
  box.acked(ack(1, 1))
  for (const n of [2, 3]) box.rejected(rejected(n, 1001, { expected_n: 7 }))
  expect(flush()).toEqual([])
  box.rejected(rejected(4, 1001, { expected_n: 7 }))
  expect(flush()).toEqual(['7 a', '8 b', '9 c'])
})

test('1001 with a lower number renumbers downwards', () => {
  store.set('outbox.d1', JSON.stringify({ next: { [CONVERSATION]: 5 }, entries: [] }))
  const box = outbox()
  say(box, 'a', 'b')
  expect(flush()).toEqual(['5 a', '6 b'])
  box.rejected(rejected(5, 1001, { expected_n: 3 }))
  box.rejected(rejected(6, 1001, { expected_n: 3 }))
  expect(flush()).toEqual(['3 a', '4 b'])
})

test('1002: a new device, once everything that may have happened was answered', () => {
  const box = outbox()
  say(box, 'a', 'b')
  flush()
  box.rejected(rejected(1, 1002))
  expect(newDevices).toEqual([])
  box.disconnected()
  box.pump()
  expect(flush()).toEqual(['2 b'])
  box.acked(ack(2, 2))
  expect(newDevices).toEqual([box.device])
  expect(box.device).not.toBe('d1')
  expect(store.get('outbox.d1')).toBeUndefined()
  box.pump()
  expect(flush()).toEqual(['1 a'])
})

test('1001 that expects the very number it refuses is not answered in a tight loop', () => {
  const box = outbox()
  say(box, 'a')
  flush()
  box.rejected(rejected(1, 1001, { expected_n: 1 }))
  expect(flush()).toEqual([])
  vi.advanceTimersByTime(450)
  expect(flush()).toEqual(['1 a'])
})

test('1003: it happened long ago', () => {
  const box = outbox()
  say(box, 'a', 'b')
  box.rejected(rejected(1, 1003))
  expect(phases(box)).toEqual(['sent'])
})

test('not now: the same number again after a wait, and the order is kept', () => {
  const box = outbox()
  say(box, 'a', 'b')
  flush()
  box.rejected(rejected(1, 1401, { retryable: true }))
  box.rejected(rejected(2, 1001, { expected_n: 1 }))
  expect(flush()).toEqual([])
  vi.advanceTimersByTime(449)
  expect(flush()).toEqual([])
  vi.advanceTimersByTime(1)
  expect(flush()).toEqual(['1 a', '2 b'])
})

test('refused for good: shown as failed over a reload, retried with a new number or discarded', () => {
  const box = outbox()
  say(box, 'a', 'b')
  box.rejected(rejected(1, 1302, { title: 'too long' }))
  box.acked(ack(2, 2))
  flush()
  const reloaded = outbox()
  reloaded.pump()
  expect(flush()).toEqual([])
  const failed = reloaded.entries(CONVERSATION)[0]
  expect(failed).toMatchObject({ phase: 'failed', failure: { code: 1302, title: 'too long' } })
  reloaded.retry(CONVERSATION, failed?.id ?? '')
  expect(flush()).toEqual(['3 a'])
  reloaded.rejected(rejected(3, 1302))
  reloaded.discard(CONVERSATION, reloaded.entries(CONVERSATION)[0]?.id ?? '')
  expect(reloaded.entries(CONVERSATION)).toEqual([])
})

test('a failed one is not mistaken for another with its number', () => {
  const box = outbox()
  say(box, 'bad', 'good')
  box.rejected(rejected(1, 1302))
  box.rejected(rejected(2, 1001, { expected_n: 1 }))
  expect(flush().at(-1)).toBe('1 good')
  box.seen(CONVERSATION, message(1, 1, { device: 'd1', n: 1 }))
  expect(phases(box)).toEqual(['failed'])
})
