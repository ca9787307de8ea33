import { expect, test } from 'vitest'
import { CustomerPresence } from '../src/customer-presence.ts'
import type { User } from '../src/generated/frames.ts'

const customer: User = { type: 'kehu', id: '1' }

test('what was told last counts until the connection is a new one', () => {
  const presence = new CustomerPresence()
  expect(presence.isOnline(customer)).toBeUndefined()
  presence.heard({ t: 'presence', user: customer, status: 'online' })
  expect(presence.isOnline(customer)).toBe(true)
  presence.heard({ t: 'presence', user: { type: 'kefu', id: '1' }, status: 'offline' })
  expect(presence.isOnline(customer)).toBe(true)
  presence.heard({ t: 'presence', user: customer, status: 'offline' })
  expect(presence.isOnline(customer)).toBe(false)
  presence.forget()
  expect(presence.isOnline(customer)).toBeUndefined()
})
