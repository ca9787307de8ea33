import type { Api, SessionInfo } from '@kefu/client'
import { el, setText, show } from '../shared/dom.ts'
import { briefly } from '../shared/format.ts'
import { t } from '../shared/i18n.ts'
import { shortName } from './directory.ts'

export interface WaitingListOptions {
  api: Api
  pick: (customerId: string) => void
}

/** Sessions that wait for an agent. */
export class WaitingList {
  readonly element: HTMLElement
  readonly #options: WaitingListOptions
  readonly #count = el('span', { class: 'count' })
  readonly #list = el('ul', { class: 'people', attrs: { 'aria-label': t('waiting') } })
  readonly #none = el('p', { class: 'none', text: t('noneWaiting') })

  constructor(options: WaitingListOptions) {
    this.#options = options
    this.element = el('section', {}, [
      el('h2', { text: t('waiting') }, [this.#count]),
      this.#list,
      this.#none,
    ])
  }

  async reload(): Promise<void> {
    const { items } = await this.#options.api.waitingSessions()
    setText(this.#count, items.length > 0 ? String(items.length) : '')
    show(this.#none, items.length === 0)
    this.#list.replaceChildren(...items.map((session) => this.#row(session)))
  }

  #row({ customer, opened_at }: SessionInfo): HTMLElement {
    const button = el('button', {
      text: t('pickUp'),
      attrs: { type: 'button' },
      on: { click: () => this.#options.pick(customer.id) },
    })
    return el('li', { class: 'waiting-row' }, [
      el('span', { class: 'who', text: customer.name ?? shortName(customer.id) }),
      el('time', { text: briefly(opened_at) }),
      button,
    ])
  }
}
