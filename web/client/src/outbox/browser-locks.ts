import { randomId, type Clock, type KeyValueStore } from '../environment.ts'
import type { DeviceLocks } from './device.ts'

const TRIES = 4
const TRY_EVERY_MS = 100
const LEASE_MS = 6_000
const RENEW_EVERY_MS = 2_000

/** Web Locks where there are any; pages on plain http have none and use leases in the shared storage. */
export function browserLocks(shared: KeyValueStore, clock: Clock): DeviceLocks {
  const locks = 'locks' in navigator ? navigator.locks : undefined
  const hold = locks ? (name: string) => holdLock(locks, name) : leaseHolder(shared, clock)
  // A reloaded page may come before its former self has let go.
  return { hold: (device) => retry(() => hold(`kefu.lock.${device}`), clock) }
}

async function retry(hold: () => Promise<boolean>, clock: Clock): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    if (await hold()) return true
    if (attempt === TRIES) return false
    await new Promise<void>((resolve) => clock.setTimeout(resolve, TRY_EVERY_MS))
  }
}

function holdLock(locks: LockManager, name: string): Promise<boolean> {
  return new Promise((resolve) => {
    void locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null)
      // Held until the page ends.
      return lock === null ? undefined : new Promise<void>(() => undefined)
    })
  })
}

function leaseHolder(shared: KeyValueStore, clock: Clock): (name: string) => Promise<boolean> {
  const page = randomId()
  return (name) => {
    const [holder, until] = (shared.get(name) ?? '').split(' ')
    if (holder && holder !== page && Number(until) > clock.now()) return Promise.resolve(false)
    renew(name)
    addEventListener('pagehide', () => shared.remove(name))
    return Promise.resolve(true)
  }

  function renew(name: string): void {
    shared.set(name, `${page} ${clock.now() + LEASE_MS}`)
    clock.setTimeout(() => renew(name), RENEW_EVERY_MS)
  }
}
