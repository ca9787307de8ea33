import type { PasswordChange } from '@kefu/client'
import { el, field, setText } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { failureText } from './failure.ts'
import { currentPasswordInput, newPasswordInput } from './password-input.ts'

/** For every agent: their own password. */
export class PasswordDialog {
  readonly element: HTMLDialogElement
  readonly #change: (change: PasswordChange) => Promise<void>
  readonly #current = currentPasswordInput()
  readonly #password = newPasswordInput()
  readonly #trouble = el('p', { class: 'trouble-text', attrs: { role: 'alert' } })
  readonly #submit = el('button', {
    class: 'primary',
    text: t('changePassword'),
    attrs: { type: 'submit' },
  })
  readonly #form: HTMLFormElement

  /** When `change` works the login has ended, and with it all that is shown here. */
  constructor(change: (change: PasswordChange) => Promise<void>) {
    this.#change = change
    const close = el('button', {
      class: 'quiet',
      text: t('close'),
      attrs: { type: 'button' },
      on: { click: () => this.element.close() },
    })
    this.#form = el(
      'form',
      {
        class: 'password-form',
        on: {
          submit: (event) => {
            event.preventDefault()
            void this.#save()
          },
        },
      },
      [
        field(t('currentPassword'), this.#current),
        field(t('myNewPassword'), this.#password),
        this.#trouble,
        this.#submit,
      ],
    )
    this.element = el('dialog', { class: 'own-password', attrs: { 'aria-label': t('changePassword') } }, [
      el('header', { class: 'chat-bar' }, [el('h2', { text: t('changePassword') }), close]),
      this.#form,
    ])
  }

  open(): void {
    this.#form.reset()
    setText(this.#trouble, '')
    this.element.showModal()
    this.#current.focus()
  }

  async #save(): Promise<void> {
    this.#submit.disabled = true
    setText(this.#trouble, '')
    try {
      await this.#change({ password: this.#password.value, current_password: this.#current.value })
    } catch (error) {
      setText(this.#trouble, failureText(error))
    }
    this.#submit.disabled = false
  }
}
