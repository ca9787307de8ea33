import { randomId, type KeyValueStore } from '../environment.ts'
import type { User } from '../generated/frames.ts'
import { parseSaved } from './entry.ts'

/** Sees to it that no two pages are the same device at once. */
export interface DeviceLocks {
  /** True if this page holds the lock from now until it ends. */
  hold(device: string): Promise<boolean>
}

export interface DeviceStores {
  /** Of this tab: survives a reload, and is copied when the tab is duplicated. */
  tab: KeyValueStore
  /** Of this browser. */
  shared: KeyValueStore
  locks: DeviceLocks
}

export function outboxKey(user: User, device: string): string {
  return `${outboxPrefix(user)}${device}`
}

/**
 * The device of this tab: the one it had before a reload; or one whose tab is gone and left something unsent; or a
 * new one. A duplicated tab finds its copy of the id locked.
 */
export async function acquireDevice(user: User, { tab, shared, locks }: DeviceStores): Promise<string> {
  const mine = tab.get(tabKey(user))
  const orphans = shared
    .keys()
    .filter((key) => key.startsWith(outboxPrefix(user)))
    .filter((key) => parseSaved(shared.get(key)).entries.length > 0)
    .map((key) => key.slice(outboxPrefix(user).length))
  for (const device of new Set([...(mine ? [mine] : []), ...orphans])) {
    if (await locks.hold(device)) return keepDevice(user, device, tab)
  }
  const fresh = randomId()
  await locks.hold(fresh)
  return keepDevice(user, fresh, tab)
}

export function keepDevice(user: User, device: string, tab: KeyValueStore): string {
  tab.set(tabKey(user), device)
  return device
}

function tabKey(user: User): string {
  return `kefu.device.${user.type}.${user.id}`
}

function outboxPrefix(user: User): string {
  return `kefu.outbox.${user.type}.${user.id}.`
}
