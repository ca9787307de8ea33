import { el, field } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { newPasswordInput } from './password-input.ts'
import { roleSelect } from './role-select.ts'
import type { NewAgent } from '@kefu/client'

const DEFAULT_CAPACITY = '10'

/** `create` says whether it worked; then the form is empty again. */
export function newAgentForm(create: (agent: NewAgent) => Promise<boolean>): HTMLFormElement {
  const username = el('input', { attrs: { required: true, autocomplete: 'off', maxlength: '64' } })
  const name = el('input', { attrs: { required: true, autocomplete: 'off', maxlength: '64' } })
  const password = newPasswordInput()
  const capacity = el('input', { attrs: { type: 'number', min: '0', max: '1000', value: DEFAULT_CAPACITY } })
  const role = roleSelect('agent')
  const submit = async () => {
    const agent = {
      username: username.value.trim(),
      name: name.value.trim(),
      password: password.value,
      role: role.role(),
      capacity: Number(capacity.value),
    }
    if (await create(agent)) form.reset()
  }
  const form = el(
    'form',
    {
      class: 'new-agent',
      attrs: { 'aria-label': t('newAgent') },
      on: {
        submit: (event) => {
          event.preventDefault()
          void submit()
        },
      },
    },
    [
      el('h3', { text: t('newAgent') }),
      field(t('username'), username),
      field(t('name'), name),
      field(t('password'), password),
      field(t('role'), role.element),
      field(t('capacity'), capacity),
      el('button', { class: 'primary', text: t('create'), attrs: { type: 'submit' } }),
    ],
  )
  return form
}
