import { el } from '../shared/dom.ts'

/** What the server asks of a new password. */
const MIN_CHARS = '8'

export function newPasswordInput(): HTMLInputElement {
  return el('input', {
    attrs: { type: 'password', required: true, minlength: MIN_CHARS, autocomplete: 'new-password' },
  })
}

export function currentPasswordInput(): HTMLInputElement {
  return el('input', { attrs: { type: 'password', required: true, autocomplete: 'current-password' } })
}
