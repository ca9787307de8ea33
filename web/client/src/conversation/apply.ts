import type { Event, Session } from '../generated/frames.ts'
import type { TimelineItem } from '../rest-types.ts'
import type { EventOf } from '../wire.ts'
import { mergeMembers, withMarks, type ConversationState } from './state.ts'
import { sameUser } from './users.ts'

/** The state after the event with the next `rev`. Kinds from a newer server only move `rev`. */
export function applyEvent(state: ConversationState, event: Event): ConversationState {
  const next = { ...state, rev: event.rev }
  switch (event.type) {
    case 'message':
      return withMessage(next, event)
    case 'edited':
      return changeItem(next, event.seq, { content: event.content, edited_at: event.at })
    case 'recalled':
      return changeItem(next, event.seq, { content: undefined, recalled_at: event.at })
    case 'member_added':
      return { ...next, members: mergeMembers(next.members, [joined(next, event)]) }
    case 'member_removed':
      return { ...next, members: next.members.map((member) => left(member, event)) }
    case 'hidden':
      return next
    default:
      return withSessionEvent(next, event)
  }
}

function withMessage(state: ConversationState, event: EventOf<'message'>): ConversationState {
  const items = [...state.items, itemOf(state.id, event)]
  const typing = state.typing.filter((typist) => !sameUser(typist.user, event.by))
  const next = { ...state, items, typing }
  if (event.seq === undefined) return next
  const withHead = { ...next, headSeq: Math.max(next.headSeq, event.seq) }
  // Sending advances the sender's own marks.
  return event.by === undefined
    ? withHead
    : withMarks(withHead, { user: event.by, read: event.seq, delivered: event.seq })
}

function changeItem(state: ConversationState, seq: number, change: Partial<TimelineItem>): ConversationState {
  return { ...state, items: state.items.map((item) => (item.seq === seq ? { ...item, ...change } : item)) }
}

function joined(state: ConversationState, event: EventOf<'member_added'>) {
  return { user: event.user, read: state.headSeq, delivered: state.headSeq, active: true }
}

function left(member: ConversationState['members'][number], event: EventOf<'member_removed'>) {
  return sameUser(member.user, event.user) ? { ...member, active: false } : member
}

type SessionEvent = Extract<Event, { session: number }>

function withSessionEvent(state: ConversationState, event: SessionEvent): ConversationState {
  const session = sessionAfter(state.session, event)
  const queue = session?.status === 'waiting' ? state.queue : undefined
  return { ...state, session, queue, items: [...state.items, itemOf(state.id, event)] }
}

function sessionAfter(before: Session | undefined, event: SessionEvent): Session | undefined {
  const session: Session =
    before?.ordinal === event.session
      ? before
      : { ordinal: event.session, status: 'waiting', opened_at: event.at }
  switch (event.type) {
    case 'session_opened':
      return session
    case 'session_queued':
    case 'session_requeued':
      return { ...session, status: 'waiting', agent: undefined, agent_name: undefined }
    case 'session_assigned':
      return {
        ...session,
        status: 'active',
        agent: event.agent,
        agent_name: event.agent_name,
        assigned_at: event.at,
      }
    case 'session_transferred':
      return { ...session, agent: event.agent, agent_name: event.agent_name }
    case 'session_ended':
      return { ...session, status: 'ended', ended_at: event.at, ended_by: event.by }
    case 'session_rated':
      return { ...session, rating: event.score }
    default:
      return before
  }
}

/** The same shape as an item of the history API, so that both mix in one list. */
function itemOf(conversation: string, event: Event): TimelineItem {
  return { ...event, conversation_id: conversation }
}
