import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ConversationHub } from '../src/conversation/hub.ts'
import { unreadCount } from '../src/conversation/state.ts'
import { systemClock } from '../src/environment.ts'
import type { AttachItem, ClientFrame } from '../src/generated/frames.ts'
import { ApiError } from '../src/problem.ts'
import type { HistoryPage, TimelineItem } from '../src/rest-types.ts'
import type { ServerFrameOf } from '../src/wire.ts'
import { agent, AT, CONVERSATION, deliver, emptyPage, message, settle, visitor } from './fakes.ts'

let sent: ClientFrame[]
let pages: (HistoryPage | Error)[]
let hub: ConversationHub

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  pages = []
  hub = new ConversationHub({
    api: {
      history() {
        const page = pages.shift() ?? new Error('no page')
        return page instanceof Error ? Promise.reject(page) : Promise.resolve(page)
      },
    },
    clock: systemClock,
    send: (frames) => sent.push(...frames) > 0,
    me: () => visitor,
  })
})

afterEach(() => {
  vi.useRealTimers()
})

function item(rev: number, seq: number): TimelineItem {
  return { ...message(rev, seq), conversation_id: CONVERSATION }
}

function pageUpTo(rev: number, change: Partial<HistoryPage> = {}): HistoryPage {
  const members = [{ user: visitor, read: 0, delivered: 0, active: true }]
  return emptyPage({ items: [item(rev, rev)], rev, seq: rev, members, ...change })
}

type AttachedState = Extract<ServerFrameOf<'attached'>['items'][number], { rev: number }>

function attached(rev: number, change: Partial<AttachedState> = {}): ServerFrameOf<'attached'> {
  const item = {
    conversation: CONVERSATION,
    epoch: 1,
    rev,
    seq: rev,
    recovered: true,
    members: [],
    ...change,
  }
  return { t: 'attached', id: 1, items: [item] }
}

function attaches(): AttachItem[] {
  return sent.flatMap((frame) => (frame.t === 'attach' ? frame.items : []))
}

function revs(): number[] {
  return hub.get(CONVERSATION)?.items.map((other) => other.rev) ?? []
}

async function openAt(rev: number): Promise<void> {
  pages.push(pageUpTo(rev))
  hub.open(CONVERSATION)
  await settle()
  hub.receive(attached(rev))
  sent = []
}

test('opens with the last page and goes on live from its rev', async () => {
  pages.push(pageUpTo(5))
  hub.open(CONVERSATION)
  await settle()
  expect(attaches()).toEqual([{ conversation: CONVERSATION, epoch: 1, rev: 5 }])
  hub.receive(attached(6))
  hub.receive(deliver(message(6, 6)) as ServerFrameOf<'deliver'>)
  expect(revs()).toEqual([5, 6])
})

test('a new link resumes every conversation from its cursor, and repeated events change nothing', async () => {
  await openAt(5)
  hub.receive(deliver(message(6, 6)) as ServerFrameOf<'deliver'>)
  hub.resume()
  await settle()
  expect(attaches()).toEqual([{ conversation: CONVERSATION, epoch: 1, rev: 6 }])
  hub.receive(attached(8))
  hub.receive(deliver(message(6, 6), message(7, 7), message(8, 8)) as ServerFrameOf<'deliver'>)
  expect(revs()).toEqual([5, 6, 7, 8])
})

test('a gap makes it attach again from the last rev, once', async () => {
  await openAt(5)
  hub.receive(deliver(message(7, 7)) as ServerFrameOf<'deliver'>)
  hub.receive(deliver(message(8, 8)) as ServerFrameOf<'deliver'>)
  await settle()
  expect(attaches()).toEqual([{ conversation: CONVERSATION, epoch: 1, rev: 5 }])
  expect(revs()).toEqual([5])
  hub.receive(attached(8))
  hub.receive(deliver(message(6, 6), message(7, 7), message(8, 8)) as ServerFrameOf<'deliver'>)
  expect(revs()).toEqual([5, 6, 7, 8])
})

test('not recovered: drops what it has, loads the last page and attaches from there', async () => {
  await openAt(5)
  hub.resume()
  await settle()
  pages.push(pageUpTo(300))
  hub.receive(attached(300, { recovered: false }))
  hub.receive(deliver(message(301, 301)) as ServerFrameOf<'deliver'>)
  await vi.advanceTimersByTimeAsync(0)
  expect(revs()).toEqual([300])
  expect(attaches().at(-1)).toEqual({ conversation: CONVERSATION, epoch: 1, rev: 300 })
  hub.receive(attached(301))
  hub.receive(deliver(message(301, 301)) as ServerFrameOf<'deliver'>)
  expect(revs()).toEqual([300, 301])
})

test('told unasked that continuity was lost: loads the last page and attaches from its rev', async () => {
  await openAt(5)
  pages.push(pageUpTo(8, { epoch: 2 }))
  hub.receive({ ...attached(9, { epoch: 2, recovered: false }), id: 0 })
  await vi.advanceTimersByTimeAsync(0)
  expect(revs()).toEqual([8])
  expect(attaches()).toEqual([{ conversation: CONVERSATION, epoch: 2, rev: 8 }])
  hub.receive(attached(9, { epoch: 2 }))
  hub.receive({ t: 'deliver', conversation: CONVERSATION, epoch: 2, events: [message(9, 9)] })
  expect(revs()).toEqual([8, 9])
})

test('told unasked that continuity was lost of a conversation that is not followed: does nothing', async () => {
  hub.receive({ ...attached(9, { recovered: false }), id: 0 })
  await vi.advanceTimersByTimeAsync(0)
  expect(hub.all()).toEqual([])
  expect(sent).toEqual([])
})

test('a server that never recovers is not asked in a tight loop', async () => {
  await openAt(5)
  hub.resume()
  await settle()
  pages.push(pageUpTo(6), pageUpTo(6))
  hub.receive(attached(6, { recovered: false }))
  await vi.advanceTimersByTimeAsync(0)
  hub.receive(attached(6, { recovered: false }))
  await vi.advanceTimersByTimeAsync(1_999)
  expect(pages).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(pages).toHaveLength(0)
})

test('another epoch is a gap', async () => {
  await openAt(5)
  hub.receive({ t: 'deliver', conversation: CONVERSATION, epoch: 2, events: [message(6, 6)] })
  await settle()
  expect(attaches()).toEqual([{ conversation: CONVERSATION, epoch: 1, rev: 5 }])
  expect(revs()).toEqual([5])
})

test('a conversation that does not exist yet begins with its first event', async () => {
  pages.push(new ApiError(404, 1201, 'no such conversation'))
  hub.open(CONVERSATION)
  await settle()
  expect(attaches()).toEqual([{ conversation: CONVERSATION }])
  hub.receive(attached(0, { recovered: false }))
  hub.receive(deliver(message(1, 1)) as ServerFrameOf<'deliver'>)
  expect(revs()).toEqual([1])
})

test('an attach that is refused is tried again when the conversation is opened or we are added', async () => {
  pages.push(new ApiError(404, 1201, 'no such conversation'), pageUpTo(2))
  hub.open(CONVERSATION)
  await settle()
  hub.receive({ t: 'attached', id: 1, items: [{ conversation: CONVERSATION, error: 1201 }] })
  hub.receive({ t: 'added', conversation: CONVERSATION })
  await settle()
  expect(revs()).toEqual([2])
})

test('a page that fails to load is asked for again', async () => {
  pages.push(new TypeError('fetch failed'), pageUpTo(5))
  hub.open(CONVERSATION)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(revs()).toEqual([5])
})

test('older pages come before, without repeating what is there', async () => {
  await openAt(5)
  pages.push(pageUpTo(9, { prev: 'older' }))
  hub.resume()
  await settle()
  hub.receive(attached(9, { recovered: false }))
  await vi.advanceTimersByTimeAsync(0)
  pages.push(emptyPage({ items: [item(7, 7), item(8, 8), item(9, 9)], rev: 9, seq: 9 }))
  await hub.loadOlder(CONVERSATION)
  expect(revs()).toEqual([7, 8, 9])
  expect(hub.get(CONVERSATION)?.olderCursor).toBeUndefined()
})

test('tells how far it received and read, and once more after a time without a connection', async () => {
  await openAt(5)
  hub.receive(deliver(message(6, 6)) as ServerFrameOf<'deliver'>)
  hub.markRead(CONVERSATION)
  hub.markRead(CONVERSATION)
  expect(sent).toEqual([
    { t: 'mark', conversation: CONVERSATION, delivered: 6 },
    { t: 'mark', conversation: CONVERSATION, read: 6, delivered: 6 },
  ])
  hub.resume()
  await settle()
  sent = []
  hub.receive(attached(6, { members: [{ user: visitor, read: 2, delivered: 2, active: true }] }))
  expect(sent).toEqual([{ t: 'mark', conversation: CONVERSATION, read: 6, delivered: 6 }])
})

test('a followed conversation counts unread without its history', async () => {
  hub.follow({
    conversation_id: CONVERSATION,
    kind: 'support',
    seq: 7,
    rev: 9,
    epoch: 1,
    read: 5,
    unread: 2,
    updated_at: AT,
  })
  await settle()
  expect(attaches()).toEqual([{ conversation: CONVERSATION, epoch: 1, rev: 9 }])
  hub.receive(attached(10))
  hub.receive(deliver(message(10, 8)) as ServerFrameOf<'deliver'>)
  const state = hub.get(CONVERSATION)
  expect(state && unreadCount(state, visitor)).toBe(3)
})

test('typing ends by itself', async () => {
  await openAt(5)
  hub.receive({ t: 'typing', conversation: CONVERSATION, user: agent, on: true })
  expect(hub.get(CONVERSATION)?.typing).toEqual([{ user: agent, preview: undefined }])
  vi.advanceTimersByTime(7_000)
  expect(hub.get(CONVERSATION)?.typing).toEqual([])
})
