import type { ConversationItem } from '@kefu/client'
import { t } from '../shared/i18n.ts'

/** Names of the other parties, by conversation, as far as lists have told them. */
export class Directory {
  readonly #names = new Map<string, string>()

  learn(items: ConversationItem[]): void {
    for (const { conversation_id, other } of items) {
      if (other) this.#names.set(conversation_id, other.name ?? shortName(other.id))
    }
  }

  nameOf(conversation: string): string {
    return this.#names.get(conversation) ?? t('visitor')
  }
}

/** Anonymous visitors are told apart by the end of their id. */
export function shortName(id: string): string {
  return `${t('visitor')} ${id.slice(-6)}`
}
