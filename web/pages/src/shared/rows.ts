import {
  receiptOf,
  sameUser,
  type Content,
  type ConversationState,
  type OutboxEntry,
  type Receipt,
  type TimelineItem,
  type User,
} from '@kefu/client'
import { dayOf, timeOf } from './format.ts'
import { t } from './i18n.ts'

export type Status = 'pending' | 'failed' | Receipt

export interface MessageRow {
  kind: 'message'
  key: string
  mine: boolean
  author: string
  text: string
  /** A card's heading, above the text, and what it lists below. */
  card?: { title: string; fields: { name: string; value: string }[] }
  time: string
  note: boolean
  edited: boolean
  recalled: boolean
  status?: Status
  /** Set for one that was refused: the id by which it is retried or discarded. */
  failed?: { id: string; reason: string }
}

export type Row = MessageRow | { kind: 'day' | 'notice'; key: string; text: string }

/** What a conversation's log shows, from top to bottom. */
export function rowsOf(state: ConversationState, unsent: readonly OutboxEntry[], me: User): Row[] {
  const rows: Row[] = []
  let lastDay = ''
  for (const item of state.items) {
    const row = item.type === 'message' ? messageRow(item, state, me) : noticeRow(item)
    if (row === undefined) continue
    const day = dayOf(item.at)
    if (day !== lastDay) rows.push({ kind: 'day', key: `day-${day}`, text: day })
    lastDay = day
    rows.push(row)
  }
  return [...rows, ...unsent.flatMap(echoRow)]
}

function messageRow(item: TimelineItem, state: ConversationState, me: User): MessageRow {
  const mine = sameUser(item.by, me)
  return {
    kind: 'message',
    key: `rev-${item.rev}`,
    mine,
    author: mine ? t('you') : nameOf(item.by, item.by_name),
    ...(item.content ? shownContent(item.content) : { text: t('recalled') }),
    time: timeOf(item.at),
    note: item.audience === 'staff',
    edited: item.edited_at !== undefined,
    recalled: item.content === undefined,
    status: mine && item.seq !== undefined ? receiptOf(state, item.seq, me) : undefined,
  }
}

/** A message that the user gave and that has not come back as an event. */
function echoRow(entry: OutboxEntry): Row[] {
  if (entry.body.type !== 'message') return []
  const row: MessageRow = {
    kind: 'message',
    key: `out-${entry.id}`,
    mine: true,
    author: t('you'),
    ...shownContent(entry.body.content),
    time: timeOf(entry.at),
    note: entry.body.audience === 'staff',
    edited: false,
    recalled: false,
    status: echoStatus(entry),
    failed: entry.failure ? { id: entry.id, reason: entry.failure.title } : undefined,
  }
  return [row]
}

function echoStatus(entry: OutboxEntry): Status {
  if (entry.phase === 'failed') return 'failed'
  return entry.phase === 'accepted' ? 'sent' : 'pending'
}

function noticeRow(item: TimelineItem): Row | undefined {
  const text = noticeText(item)
  return text === undefined ? undefined : { kind: 'notice', key: `rev-${item.rev}`, text }
}

function noticeText(item: TimelineItem): string | undefined {
  switch (item.type) {
    case 'session_opened':
      return t('sessionOpened')
    case 'session_assigned':
      return t('sessionAssigned', { name: nameOf(item.agent, item.agent_name) })
    case 'session_transferred':
      return t('sessionTransferred', { name: nameOf(item.agent, item.agent_name) })
    case 'session_requeued':
      return t('sessionRequeued')
    case 'session_ended':
      return t('sessionEnded')
    case 'session_rated':
      return t('sessionRated', { score: item.score ?? '' })
    default:
      return undefined
  }
}

export function nameOf(user: User | undefined, name: string | undefined): string {
  if (name !== undefined && name !== '') return name
  if (user === undefined) return t('system')
  return user.type === 'kefu' ? t('agent') : t('visitor')
}

function shownContent(content: Content): Pick<MessageRow, 'text' | 'card'> {
  if (content.type !== 'card') return { text: contentText(content) }
  const { title, text, fields } = content
  return { text: text ?? '', card: { title, fields: fields ?? [] } }
}

/** What a message says in a line or two. */
export function contentText(content: Content): string {
  switch (content.type) {
    case 'text':
    case 'system':
      return content.text
    case 'card':
      return [content.title, content.text].filter((part) => part !== undefined).join('\n')
    default:
      return t('attachment', { name: content.name })
  }
}
