import { beforeEach, expect, test } from 'vitest'
import { memoryStore, type KeyValueStore } from '../src/environment.ts'
import { acquireDevice, outboxKey, type DeviceStores } from '../src/outbox/device.ts'
import { agent, visitor } from './fakes.ts'

let shared: KeyValueStore
let held: Set<string>

beforeEach(() => {
  shared = memoryStore()
  held = new Set()
})

function page(tab: KeyValueStore): DeviceStores {
  const hold = (device: string) => {
    if (held.has(device)) return Promise.resolve(false)
    held.add(device)
    return Promise.resolve(true)
  }
  return { tab, shared, locks: { hold } }
}

function copyOf(store: KeyValueStore): KeyValueStore {
  const copy = memoryStore()
  for (const key of store.keys()) copy.set(key, store.get(key) ?? '')
  return copy
}

test('a reload keeps the device, another user gets another one', async () => {
  const tab = memoryStore()
  const device = await acquireDevice(visitor, page(tab))
  expect(await acquireDevice(agent, page(tab))).not.toBe(device)
  held.clear()
  expect(await acquireDevice(visitor, page(tab))).toBe(device)
})

test('a duplicated tab becomes a device of its own', async () => {
  const tab = memoryStore()
  const device = await acquireDevice(visitor, page(tab))
  const duplicate = copyOf(tab)
  const second = await acquireDevice(visitor, page(duplicate))
  expect(second).not.toBe(device)
  held.clear()
  expect(await acquireDevice(visitor, page(duplicate))).toBe(second)
})

test('a new tab takes over what a closed one left unsent', async () => {
  const left = await acquireDevice(visitor, page(memoryStore()))
  shared.set(outboxKey(visitor, left), JSON.stringify({ next: {}, entries: [{ id: 'x' }] }))
  expect(await acquireDevice(visitor, page(memoryStore()))).not.toBe(left)
  held.clear()
  expect(await acquireDevice(visitor, page(memoryStore()))).toBe(left)
})
