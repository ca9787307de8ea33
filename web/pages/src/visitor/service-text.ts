import type { ConversationState } from '@kefu/client'
import { t } from '../shared/i18n.ts'
import { nameOf } from '../shared/rows.ts'

/** One line on where the visitor stands: in the queue, with an agent, or nowhere yet. */
export function serviceText({ session, queue }: ConversationState): string {
  if (session?.status === 'active') return t('talkingTo', { name: nameOf(session.agent, session.agent_name) })
  if (session?.status !== 'waiting') return ''
  if (queue === undefined) return t('queueWaiting')
  const position = t('queuePosition', { position: queue.position })
  if (queue.estimate_s === undefined) return position
  return `${position} · ${t('queueEstimate', { minutes: Math.max(1, Math.round(queue.estimate_s / 60)) })}`
}
