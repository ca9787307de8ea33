import type { AgentStatus, ConnectionState, UserInfo } from '@kefu/client'
import { connectionBadge } from '../shared/connection-badge.ts'
import { el } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'

const STATUSES = ['online', 'away', 'busy', 'offline'] as const

export interface TopBarOptions {
  user: UserInfo
  setStatus: (status: AgentStatus) => void
  changePassword: () => void
  logOut: () => void
  showAgents?: () => void
}

export class TopBar {
  readonly element: HTMLElement
  readonly #badge = connectionBadge()
  readonly #status: HTMLSelectElement

  constructor({ user, setStatus, changePassword, logOut, showAgents }: TopBarOptions) {
    const options = STATUSES.map((status) => el('option', { text: t(status), attrs: { value: status } }))
    this.#status = el(
      'select',
      {
        class: 'status-select',
        attrs: { 'aria-label': t('myStatus') },
        on: { change: () => setStatus(this.#status.value as AgentStatus) },
      },
      options,
    )
    const button = (text: string, click: () => void) =>
      el('button', { class: 'quiet', text, attrs: { type: 'button' }, on: { click } })
    this.element = el('header', { class: 'bar' }, [
      el('div', { class: 'titles' }, [
        el('h1', { text: t('loginTitle') }),
        el('p', { class: 'service', text: user.name }),
      ]),
      this.#badge.element,
      this.#status,
      showAgents && button(t('agents'), showAgents),
      button(t('changePassword'), changePassword),
      button(t('logout'), logOut),
    ])
  }

  setStatus(status: AgentStatus): void {
    this.#status.value = status
    this.#status.dataset['status'] = status
  }

  setConnection(state: ConnectionState): void {
    this.#badge.update(state)
    this.#status.disabled = state.status !== 'online'
  }
}
