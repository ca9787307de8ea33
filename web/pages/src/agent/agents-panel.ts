import type { Api, PasswordChange, User, UserInfo } from '@kefu/client'
import { el, setText } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { agentRow } from './agent-row.ts'
import { failureText } from './failure.ts'
import { newAgentForm } from './new-agent-form.ts'

export interface AgentsPanelOptions {
  api: Api
  me: User
  changeOwnPassword: (change: PasswordChange) => Promise<void>
}

/** For admins: who works here, with which role and for how many chats at once. */
export class AgentsPanel {
  readonly element: HTMLDialogElement
  readonly #options: AgentsPanelOptions
  readonly #rows = el('tbody')
  readonly #notice = el('p', { class: 'notice-text', attrs: { role: 'status' } })

  constructor(options: AgentsPanelOptions) {
    const { api } = options
    this.#options = options
    const close = el('button', {
      class: 'quiet',
      text: t('close'),
      attrs: { type: 'button' },
      on: { click: () => this.element.close() },
    })
    const heads = [t('username'), t('name'), t('role'), t('capacity'), t('disabled'), t('password')]
    const head = el('thead', {}, [
      el(
        'tr',
        {},
        heads.map((text) => el('th', { text, attrs: { scope: 'col' } })),
      ),
    ])
    this.element = el('dialog', { class: 'agents', attrs: { 'aria-label': t('agents') } }, [
      el('header', { class: 'chat-bar' }, [el('h2', { text: t('agents') }), close]),
      el('div', { class: 'table' }, [el('table', {}, [head, this.#rows])]),
      this.#notice,
      newAgentForm((agent) => this.#do(api.createAgent(agent), t('created', { name: agent.name }))),
    ])
  }

  open(): void {
    setText(this.#notice, '')
    this.element.showModal()
    void this.#reload()
  }

  async #reload(): Promise<void> {
    try {
      const { items } = await this.#options.api.agents()
      this.#rows.replaceChildren(...items.map((agent) => this.#row(agent)))
    } catch (error) {
      this.#failed(error)
    }
  }

  #row(agent: UserInfo): HTMLElement {
    const { api, me, changeOwnPassword } = this.#options
    const own = agent.id === me.id
    return agentRow({
      agent,
      own,
      change: (change) => void this.#do(api.changeAgent(agent.id, change), t('saved')),
      setPassword: (change) =>
        this.#do(own ? changeOwnPassword(change) : api.setPassword(agent.id, change), t('saved')),
    })
  }

  async #do(work: Promise<unknown>, notice: string): Promise<boolean> {
    try {
      await work
      setText(this.#notice, notice)
      // One's own new password has just ended the login, and with it this panel.
      if (this.element.isConnected) await this.#reload()
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  #failed(error: unknown): void {
    setText(this.#notice, failureText(error))
  }
}
