import { expect, test } from 'vitest'
import { applyEvent } from '../src/conversation/apply.ts'
import { emptyConversation, receiptOf, unreadCount, withMarks } from '../src/conversation/state.ts'
import type { Event } from '../src/generated/frames.ts'
import { agent, AT, CONVERSATION, message, visitor } from './fakes.ts'

function after(...events: Event[]) {
  return events.reduce(applyEvent, emptyConversation(CONVERSATION))
}

test('a session lives from opened to rated', () => {
  const steps: Event[] = [
    { rev: 1, at: AT, type: 'session_opened', session: 1 },
    { rev: 2, at: AT, type: 'session_queued', session: 1 },
    { rev: 3, at: AT, type: 'session_assigned', session: 1, agent, agent_name: 'Mei' },
    { rev: 4, at: AT, type: 'session_ended', session: 1, by: agent },
    { rev: 5, at: AT, type: 'session_rated', session: 1, score: 4 },
  ]
  const state = after(...steps)
  expect(state.session).toMatchObject({ ordinal: 1, status: 'ended', agent, agent_name: 'Mei', rating: 4 })
  expect(after(...steps.slice(0, 3)).session?.status).toBe('active')
  const requeued: Event = { rev: 4, at: AT, type: 'session_requeued', session: 1, reason: 'agent gone' }
  expect(after(...steps.slice(0, 3), requeued).session).toMatchObject({ status: 'waiting', agent: undefined })
})

test('a new session has nothing of the one before', () => {
  const state = after(
    { rev: 1, at: AT, type: 'session_opened', session: 1 },
    { rev: 2, at: AT, type: 'session_rated', session: 1, score: 2 },
    { rev: 3, at: AT, type: 'session_opened', session: 2 },
  )
  expect(state.session).toEqual({ ordinal: 2, status: 'waiting', opened_at: AT })
})

test('edits and recalls change the message they name', () => {
  const edited: Event = {
    rev: 3,
    at: AT,
    type: 'edited',
    seq: 1,
    by: agent,
    content: { type: 'text', text: 'new' },
  }
  const state = after(message(1, 1), message(2, 2), edited, {
    rev: 4,
    at: AT,
    type: 'recalled',
    seq: 2,
    by: agent,
  })
  expect(state.items.map((item) => item.content)).toEqual([{ type: 'text', text: 'new' }, undefined])
  expect(state.items[1]?.recalled_at).toBe(AT)
  expect(state.rev).toBe(4)
})

test('hidden events move rev and nothing else', () => {
  const before = after(message(1, 1))
  expect(applyEvent(before, { rev: 2, at: AT, type: 'hidden' })).toEqual({ ...before, rev: 2 })
})

test('kinds of a newer server move rev and leave the session', () => {
  const before = after({ rev: 1, at: AT, type: 'session_opened', session: 1 })
  const unknown = { rev: 2, at: AT, type: 'from_the_future', session: 1 } as unknown as Event
  const state = applyEvent(before, unknown)
  expect(state.rev).toBe(2)
  expect(state.session).toEqual(before.session)
})

test('unread is the head minus the own read mark', () => {
  const joined: Event = { rev: 1, at: AT, type: 'member_added', user: visitor }
  const state = after(
    joined,
    message(2, 1),
    message(3, 2),
    message(4, 3, { seq: undefined, audience: 'staff' }),
  )
  expect(unreadCount(state, visitor)).toBe(2)
  expect(unreadCount(withMarks(state, { user: visitor, read: 1, delivered: 2 }), visitor)).toBe(1)
  const answered = applyEvent(state, message(5, 3, { by: visitor }))
  expect(unreadCount(answered, visitor)).toBe(0)
})

test('marks never go back', () => {
  const joined: Event = { rev: 1, at: AT, type: 'member_added', user: visitor }
  const read = withMarks(after(joined, message(2, 1), message(3, 2)), {
    user: visitor,
    read: 2,
    delivered: 2,
  })
  expect(unreadCount(withMarks(read, { user: visitor, read: 1, delivered: 1 }), visitor)).toBe(0)
})

test('a receipt tells how far another member has come', () => {
  const sent = after(
    { rev: 1, at: AT, type: 'member_added', user: agent },
    message(2, 1, { by: visitor }),
    message(3, 2, { by: visitor }),
  )
  expect(receiptOf(sent, 1, visitor)).toBe('sent')
  const marked = withMarks(sent, { user: agent, read: 1, delivered: 2 })
  expect(receiptOf(marked, 1, visitor)).toBe('read')
  expect(receiptOf(marked, 2, visitor)).toBe('delivered')
})
