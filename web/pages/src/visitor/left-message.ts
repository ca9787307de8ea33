import type { Content } from '@kefu/client'
import type { TextKey } from '../shared/en.ts'

/** What a visitor leaves while nobody is there. */
export interface LeftMessage {
  name: string
  email: string
  phone: string
  text: string
}

export type LeftField = keyof LeftMessage

/** Most characters of each; no more than the server takes. */
export const MOST_CHARS: Record<LeftField, number> = { name: 64, email: 254, phone: 32, text: 8_000 }

const EMAIL = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/
const PHONE = /^\+?[\d\s().-]+$/
const PHONE_DIGITS = { least: 5, most: 15 }

/** What is wrong, by field. One way to answer is needed; one that is given must be usable. */
export function faultsOf({ email, phone, text }: LeftMessage): Partial<Record<LeftField, TextKey>> {
  const faults: Partial<Record<LeftField, TextKey>> = {}
  if (email !== '' && !EMAIL.test(email)) faults.email = 'leaveEmailWrong'
  if (phone !== '' && !isPhone(phone)) faults.phone = 'leavePhoneWrong'
  if (email === '' && phone === '') faults.email = 'leaveContactMissing'
  if (text === '') faults.text = 'leaveTextMissing'
  return faults
}

function isPhone(phone: string): boolean {
  const digits = phone.replace(/\D/g, '').length
  return PHONE.test(phone) && digits >= PHONE_DIGITS.least && digits <= PHONE_DIGITS.most
}

/** A card: the message, and how to reach whoever left it. */
export function cardOf(
  message: LeftMessage,
  words: Record<Exclude<LeftField, 'text'> | 'title', string>,
): Content {
  const fields = (['name', 'email', 'phone'] as const)
    .filter((field) => message[field] !== '')
    .map((field) => ({ name: words[field], value: message[field] }))
  return { type: 'card', title: words.title, text: message.text, fields }
}
