import { expect, test } from 'vitest'
import { cardOf, faultsOf, type LeftMessage } from '../src/visitor/left-message.ts'

const good: LeftMessage = { name: '', email: 'ann@example.org', phone: '', text: 'Where is my order?' }

test('one way to answer is enough', () => {
  expect(faultsOf(good)).toEqual({})
  expect(faultsOf({ ...good, email: '', phone: '+86 (10) 1234-5678' })).toEqual({})
  expect(faultsOf({ ...good, email: '' })).toEqual({ email: 'leaveContactMissing' })
})

test.each([
  'ann',
  'ann@',
  '@example.org',
  'ann@example',
  'ann @example.org',
  'ann@example..org',
  'a@b@c.org',
])('%s is no e-mail address, whatever else is given', (email) => {
  expect(faultsOf({ ...good, email, phone: '13800138000' })).toEqual({ email: 'leaveEmailWrong' })
})

test.each(['1234', 'call me', '12345678901234567', '138-0013-800x'])('%s is no phone number', (phone) => {
  expect(faultsOf({ ...good, phone })).toEqual({ phone: 'leavePhoneWrong' })
})

test('a message says something', () => {
  expect(faultsOf({ ...good, text: '' })).toEqual({ text: 'leaveTextMissing' })
})

test('the card lists what was given and nothing else', () => {
  const words = { title: 'Left', name: 'Name', email: 'E-mail', phone: 'Phone' }
  expect(cardOf({ ...good, name: 'Ann' }, words)).toEqual({
    type: 'card',
    title: 'Left',
    text: 'Where is my order?',
    fields: [
      { name: 'Name', value: 'Ann' },
      { name: 'E-mail', value: 'ann@example.org' },
    ],
  })
})
