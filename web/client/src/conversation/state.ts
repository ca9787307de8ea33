import type { Member, Session, User } from '../generated/frames.ts'
import type { HistoryPage, TimelineItem } from '../rest-types.ts'
import type { AttachedItem, ServerFrameOf } from '../wire.ts'
import { sameUser } from './users.ts'

export interface Typist {
  user: User
  preview?: string
}

/** All that is known of a conversation up to `rev`. A value: every change makes a new one. */
export interface ConversationState {
  id: string
  /** Unknown until the server named it: a conversation that does not exist yet has none. */
  epoch?: number
  rev: number
  headSeq: number
  members: Member[]
  session?: Session
  /** Ascending by `rev`. */
  items: TimelineItem[]
  /** Where older items begin; absent when there are none, or when no page was loaded yet. */
  olderCursor?: string
  loaded: boolean
  typing: Typist[]
  queue?: ServerFrameOf<'queue'>
}

type AttachedState = Extract<AttachedItem, { rev: number }>

export function emptyConversation(id: string): ConversationState {
  return { id, rev: 0, headSeq: 0, members: [], items: [], loaded: false, typing: [] }
}

/** The newest page of history: it becomes the state, except for what arrived live after it. */
export function withLastPage(state: ConversationState, page: HistoryPage): ConversationState {
  const newer = page.epoch === state.epoch ? state.items.filter((item) => item.rev > page.rev) : []
  const ahead = page.epoch === state.epoch && state.rev > page.rev
  return {
    ...state,
    epoch: page.epoch,
    rev: ahead ? state.rev : page.rev,
    headSeq: ahead ? state.headSeq : page.seq,
    members: mergeMembers(state.members, page.members),
    session: ahead ? state.session : page.session,
    items: [...page.items, ...newer],
    olderCursor: page.prev,
    loaded: true,
  }
}

export function withOlderPage(state: ConversationState, page: HistoryPage): ConversationState {
  const known = new Set(state.items.map((item) => item.rev))
  const older = page.items.filter((item) => !known.has(item.rev))
  const items = [...older, ...state.items].sort((a, b) => a.rev - b.rev)
  return { ...state, items, olderCursor: page.prev }
}

/** The answer to an attach without missed events, or the head that those will lead to. */
export function withAttached(state: ConversationState, attached: AttachedState): ConversationState {
  const current = attached.rev <= state.rev || state.epoch === undefined
  return {
    ...state,
    epoch: attached.epoch,
    members: mergeMembers(state.members, attached.members),
    // With events still to come, they lead the session to where it is, step by step.
    session: current ? attached.session : state.session,
  }
}

export function withMarks(state: ConversationState, mark: Omit<Member, 'active'>): ConversationState {
  const known = state.members.find((member) => sameUser(member.user, mark.user))
  const merged = mergeMembers(state.members, [{ ...mark, active: known?.active ?? true }])
  return { ...state, members: merged }
}

/** Marks are high-water marks: whatever order news of them comes in, the highest counts. */
export function mergeMembers(known: Member[], news: Member[]): Member[] {
  const merged = [...known]
  for (const member of news) {
    const index = merged.findIndex((other) => sameUser(other.user, member.user))
    const before = merged[index]
    if (before === undefined) merged.push(member)
    else
      merged[index] = {
        ...member,
        read: Math.max(before.read, member.read),
        delivered: Math.max(before.delivered, member.delivered),
      }
  }
  return merged
}

export function memberOf(state: ConversationState, user: User): Member | undefined {
  return state.members.find((member) => sameUser(member.user, user))
}

/** Head seq minus the own read mark: never counted, so it cannot drift. */
export function unreadCount(state: ConversationState, me: User): number {
  const mine = memberOf(state, me)
  return mine === undefined ? 0 : Math.max(0, state.headSeq - mine.read)
}

export type Receipt = 'sent' | 'delivered' | 'read'

/** How far one of our own messages has come, judged by whoever else of the conversation got furthest. */
export function receiptOf(state: ConversationState, seq: number, me: User): Receipt {
  const others = state.members.filter((member) => !sameUser(member.user, me))
  if (others.some((member) => member.read >= seq)) return 'read'
  return others.some((member) => member.delivered >= seq) ? 'delivered' : 'sent'
}
