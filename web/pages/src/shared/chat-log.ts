import { el, show } from './dom.ts'
import { t } from './i18n.ts'
import { rowView, type RowActions } from './row-view.ts'
import type { Row } from './rows.ts'

const NEAR_EDGE_PX = 80

interface Shown {
  element: HTMLElement
  signature: string
}

export interface ChatLogActions extends RowActions {
  loadOlder: () => Promise<void>
}

/** The scrolling log of a conversation. It follows new messages unless the reader has scrolled up. */
export class ChatLog {
  readonly element: HTMLElement
  readonly #rows = el('div', { class: 'rows', attrs: { role: 'log', 'aria-label': t('conversation') } })
  readonly #older = el('button', {
    class: 'older',
    text: t('loadOlder'),
    attrs: { type: 'button' },
    on: { click: () => void this.#loadOlder() },
  })
  readonly #actions: ChatLogActions
  #shown = new Map<string, Shown>()
  #firstKey: string | undefined
  #loading = false

  constructor(actions: ChatLogActions) {
    this.#actions = actions
    this.element = el('div', { class: 'log', attrs: { tabindex: '0' } }, [this.#older, this.#rows])
    this.element.addEventListener('scroll', () => {
      if (this.element.scrollTop < NEAR_EDGE_PX && !this.#older.hidden) void this.#loadOlder()
    })
  }

  update(rows: Row[], hasOlder: boolean): void {
    const { scrollHeight, scrollTop, clientHeight } = this.element
    const fromBottom = scrollHeight - scrollTop
    const following = fromBottom - clientHeight < NEAR_EDGE_PX
    const prepended = this.#firstKey !== undefined && this.#firstKey !== firstMessageKey(rows)
    this.#render(rows)
    show(this.#older, hasOlder)
    this.#firstKey = firstMessageKey(rows)
    if (following) this.element.scrollTop = this.element.scrollHeight
    else if (prepended) this.element.scrollTop = this.element.scrollHeight - fromBottom
  }

  /** Another conversation is shown from now on, from its end. */
  reset(): void {
    this.#rows.replaceChildren()
    this.#shown = new Map()
    this.#firstKey = undefined
    this.element.scrollTop = this.element.scrollHeight
  }

  #render(rows: Row[]): void {
    const before = this.#shown
    this.#shown = new Map()
    let position = this.#rows.firstElementChild
    for (const row of rows) {
      const element = this.#elementFor(row, before)
      // An element in its place is not touched: moving one would have it read aloud again.
      if (element === position) position = position.nextElementSibling
      else this.#rows.insertBefore(element, position)
    }
    for (const [key, { element }] of before) {
      if (this.#shown.get(key)?.element !== element) element.remove()
    }
  }

  #elementFor(row: Row, before: Map<string, Shown>): HTMLElement {
    const signature = JSON.stringify(row)
    const known = before.get(row.key)
    const shown = known?.signature === signature ? known : { element: rowView(row, this.#actions), signature }
    this.#shown.set(row.key, shown)
    return shown.element
  }

  async #loadOlder(): Promise<void> {
    if (this.#loading) return
    this.#loading = true
    this.#older.disabled = true
    // A failure leaves the button where it is, to be tried again.
    await this.#actions.loadOlder().catch(() => undefined)
    this.#older.disabled = false
    this.#loading = false
  }
}

/** Day labels move when older messages arrive; messages do not. */
function firstMessageKey(rows: Row[]): string | undefined {
  return rows.find((row) => row.kind !== 'day')?.key
}
