import { sameUser, type ConversationState, type User } from '@kefu/client'
import { t } from '../shared/i18n.ts'
import { nameOf } from '../shared/rows.ts'

/** One line on where the visitor stands: nobody is there, in the queue, with an agent, or nowhere yet. */
export function serviceText(state: ConversationState, me: User, away: boolean): string {
  const { session, queue } = state
  if (session?.status === 'active') return t('talkingTo', { name: nameOf(session.agent, session.agent_name) })
  if (session?.status !== 'waiting') return away ? t('nobodyHere') : ''
  if (hasLeftMessage(state, me)) return t('messageLeft')
  if (queue === undefined) return t('queueWaiting')
  const position = t('queuePosition', { position: queue.position })
  if (queue.estimate_s === undefined) return position
  return `${position} · ${t('queueEstimate', { minutes: Math.max(1, Math.round(queue.estimate_s / 60)) })}`
}

/** Whether the session has a message that was left by the form; it says so itself, also after a reload. */
function hasLeftMessage({ items }: ConversationState, me: User): boolean {
  const opened = items.findLastIndex((item) => item.type === 'session_opened')
  return items.slice(opened + 1).some((item) => item.content?.type === 'card' && sameUser(item.by, me))
}
