import { sameUser, type ConversationState, type User } from '@kefu/client'
import { t } from './i18n.ts'

/** Who else is typing, and what, as far as the server lets us know. */
export function typingText(state: ConversationState, me: User, nameOf: (user: User) => string): string {
  const typist = state.typing.find((other) => !sameUser(other.user, me))
  if (typist === undefined) return ''
  const name = nameOf(typist.user)
  return typist.preview ? t('typingPreview', { name, text: typist.preview }) : t('typing', { name })
}
