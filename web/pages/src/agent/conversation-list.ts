import {
  sameUser,
  unreadCount,
  type ConversationState,
  type KefuClient,
  type TimelineItem,
  type User,
} from '@kefu/client'
import { el, show } from '../shared/dom.ts'
import { briefly } from '../shared/format.ts'
import { t } from '../shared/i18n.ts'
import { contentText } from '../shared/rows.ts'
import type { Directory } from './directory.ts'

export interface ConversationListOptions {
  client: KefuClient
  me: User
  directory: Directory
  choose: (conversation: string) => void
}

const stateTexts = { waiting: 'stateWaiting', active: 'stateActive', ended: 'stateEnded' } as const

interface ConversationRow {
  id: string
  name: string
  /** Served by this agent now. */
  active: boolean
  state: string
  at: string
  preview: string
  unread: number
  chosen: boolean
}

/** The agent's conversations: those being served first, then by the latest message. */
export class ConversationList {
  readonly element: HTMLElement
  chosen: string | undefined
  readonly #options: ConversationListOptions
  readonly #list = el('ul', { class: 'people', attrs: { 'aria-label': t('myConversations') } })
  readonly #none = el('p', { class: 'none', text: t('noConversations') })
  #shown = ''

  constructor(options: ConversationListOptions) {
    this.#options = options
    this.element = el('section', {}, [el('h2', { text: t('myConversations') }), this.#list, this.#none])
  }

  render(): void {
    const rows = this.#options.client.conversations
      .all()
      .map((state) => this.#row(state))
      .sort((a, b) => Number(b.active) - Number(a.active) || b.at.localeCompare(a.at))
    const shown = JSON.stringify(rows)
    // Rebuilding without need would take the focus from the row that has it.
    if (shown === this.#shown) return
    this.#shown = shown
    show(this.#none, rows.length === 0)
    const focused = document.activeElement?.getAttribute('data-conversation')
    this.#list.replaceChildren(...rows.map((row) => this.#view(row)))
    if (focused) this.#list.querySelector<HTMLElement>(`[data-conversation="${focused}"]`)?.focus()
  }

  #row(state: ConversationState): ConversationRow {
    const { session } = state
    const last = state.items.findLast((item) => item.type === 'message')
    return {
      id: state.id,
      name: this.#options.directory.nameOf(state.id),
      active: session?.status === 'active' && sameUser(session.agent, this.#options.me),
      state: t(stateTexts[session?.status ?? 'ended']),
      at: last?.at ?? session?.opened_at ?? '',
      preview: last ? previewOf(last) : '',
      unread: unreadCount(state, this.#options.me),
      chosen: state.id === this.chosen,
    }
  }

  #view(row: ConversationRow): HTMLElement {
    const badge = el('span', {
      class: 'badge',
      text: String(row.unread),
      attrs: { 'aria-label': t('unread', { count: row.unread }), role: 'img' },
    })
    const button = el(
      'button',
      {
        class: 'person',
        attrs: { type: 'button', 'data-conversation': row.id, 'aria-current': String(row.chosen) },
        on: { click: () => this.#options.choose(row.id) },
      },
      [
        el('span', {
          class: `avatar ${row.active ? 'active' : ''}`,
          text: row.name.slice(0, 1),
          attrs: { 'aria-hidden': 'true' },
        }),
        el('span', { class: 'who', text: row.name }),
        el('time', { text: row.at === '' ? '' : briefly(row.at) }),
        el('span', {
          class: 'preview',
          text: row.active ? row.preview : `${row.state} · ${row.preview}`,
        }),
        row.unread > 0 ? badge : undefined,
      ],
    )
    return el('li', {}, [button])
  }
}

function previewOf(item: TimelineItem): string {
  return item.content ? contentText(item.content) : t('recalled')
}
