import type { Content } from '@kefu/client'
import { el, field, setText, show } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { cardOf, faultsOf, MOST_CHARS, type LeftField, type LeftMessage } from './left-message.ts'

export interface LeaveActions {
  named: (name: string) => Promise<void>
  leave: (content: Content) => void
}

type Control = HTMLInputElement | HTMLTextAreaElement

/** Shown while nobody is there: a message, and a way to answer it. */
export class LeaveForm {
  readonly element: HTMLFormElement
  readonly message = el('textarea', { attrs: { rows: '4' } })
  readonly #actions: LeaveActions
  readonly #controls: Record<LeftField, Control> = {
    name: el('input', { attrs: { type: 'text', autocomplete: 'name' } }),
    email: el('input', { attrs: { type: 'email', autocomplete: 'email' } }),
    phone: el('input', { attrs: { type: 'tel', autocomplete: 'tel' } }),
    text: this.message,
  }
  readonly #faults: Record<LeftField, HTMLElement> = {
    name: faultText('name'),
    email: faultText('email'),
    phone: faultText('phone'),
    text: faultText('text'),
  }
  readonly #button = el('button', { class: 'primary', text: t('leaveSend'), attrs: { type: 'submit' } })

  constructor(actions: LeaveActions) {
    this.#actions = actions
    this.element = el(
      'form',
      {
        class: 'leave',
        // Our own words for what is wrong, in the page's language.
        attrs: { 'aria-label': t('leaveTitle'), novalidate: true, hidden: true },
        on: {
          submit: (event) => {
            event.preventDefault()
            void this.#submit()
          },
        },
      },
      [
        el('h2', { text: t('leaveTitle') }),
        el('p', { text: t('leaveText') }),
        this.#field('name', t('yourName')),
        this.#field('email', t('leaveEmail')),
        this.#field('phone', t('leavePhone')),
        this.#field('text', t('leaveMessage')),
        this.#button,
      ],
    )
  }

  /** The text that was typed, which is then no longer here. */
  takeText(): string {
    const text = this.message.value
    this.message.value = ''
    return text
  }

  #field(name: LeftField, label: string): HTMLElement {
    this.#controls[name].maxLength = MOST_CHARS[name]
    return el('div', { class: 'leave-field' }, [field(label, this.#controls[name]), this.#faults[name]])
  }

  #read(): LeftMessage {
    const { name, email, phone, text } = this.#controls
    return {
      name: name.value.trim(),
      email: email.value.trim(),
      phone: phone.value.trim(),
      text: text.value.trim(),
    }
  }

  async #submit(): Promise<void> {
    const message = this.#read()
    if (this.#showFaults(message)) return
    this.#button.disabled = true
    // Without its name a message is left just as well.
    if (message.name !== '') await this.#actions.named(message.name).catch(() => undefined)
    this.#button.disabled = false
    // Somebody came meanwhile, and the text went to the chat with them.
    if (this.message.value.trim() === '') return
    this.message.value = ''
    const words = { title: t('leaveCard'), name: t('name'), email: t('leaveEmail'), phone: t('leavePhone') }
    this.#actions.leave(cardOf(message, words))
  }

  /** Ties each fault to its field and goes to the first one. */
  #showFaults(message: LeftMessage): boolean {
    const faults = faultsOf(message)
    let first: Control | undefined
    for (const name of Object.keys(this.#controls) as LeftField[]) {
      const fault = faults[name]
      const control = this.#controls[name]
      setText(this.#faults[name], fault === undefined ? '' : t(fault))
      show(this.#faults[name], fault !== undefined)
      control.setAttribute('aria-invalid', String(fault !== undefined))
      if (fault === undefined) control.removeAttribute('aria-describedby')
      else control.setAttribute('aria-describedby', this.#faults[name].id)
      if (fault !== undefined) first ??= control
    }
    first?.focus()
    return first !== undefined
  }
}

function faultText(name: LeftField): HTMLElement {
  return el('p', { class: 'fault', attrs: { id: `leave-${name}-fault`, role: 'alert', hidden: true } })
}
