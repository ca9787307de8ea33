import type { AgentChange, PasswordChange, UserInfo } from '@kefu/client'
import { el } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { currentPasswordInput, newPasswordInput } from './password-input.ts'
import { roleSelect } from './role-select.ts'

export interface AgentRowOptions {
  agent: UserInfo
  /** This is who is looking: they have to give their password to change it. */
  own: boolean
  change: (change: AgentChange) => void
  setPassword: (change: PasswordChange) => Promise<boolean>
}

/** One agent; what is changed is saved at once. */
export function agentRow(options: AgentRowOptions): HTMLElement {
  const { agent, change } = options
  const role = roleSelect(agent.role ?? 'agent', (value) => change({ role: value }))
  role.element.setAttribute('aria-label', `${t('role')}: ${agent.name}`)
  const capacity = el('input', {
    attrs: {
      type: 'number',
      min: '0',
      max: '1000',
      value: String(agent.capacity ?? 0),
      'aria-label': `${t('capacity')}: ${agent.name}`,
    },
    on: { change: () => change({ capacity: Number(capacity.value) }) },
  })
  const disabled = el('input', {
    attrs: { type: 'checkbox', checked: agent.disabled, 'aria-label': `${t('disabled')}: ${agent.name}` },
    on: { change: () => change({ disabled: disabled.checked }) },
  })
  const cells = [
    agent.username ?? agent.id,
    agent.name,
    role.element,
    capacity,
    disabled,
    passwordForm(options),
  ]
  return el(
    'tr',
    {},
    cells.map((content) => el('td', {}, [content])),
  )
}

function passwordForm({ agent, own, setPassword }: AgentRowOptions): HTMLFormElement {
  const current = own ? currentPasswordInput() : undefined
  current?.setAttribute('aria-label', t('currentPassword'))
  current?.setAttribute('placeholder', t('currentPassword'))
  const password = newPasswordInput()
  password.setAttribute('aria-label', t('newPassword', { name: agent.name }))
  const button = el('button', { text: t('setPassword'), attrs: { type: 'submit' } })
  const form = el(
    'form',
    {
      class: 'inline',
      on: {
        submit: (event) => {
          event.preventDefault()
          void setPassword({ password: password.value, current_password: current?.value }).then((done) => {
            if (done) form.reset()
          })
        },
      },
    },
    [current, password, button],
  )
  return form
}
