import type { AgentChange, UserInfo } from '@kefu/client'
import { el } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { roleSelect } from './role-select.ts'

export interface AgentRowActions {
  change: (change: AgentChange) => void
  setPassword: (password: string) => Promise<boolean>
}

/** One agent; what is changed is saved at once. */
export function agentRow(agent: UserInfo, { change, setPassword }: AgentRowActions): HTMLElement {
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
    passwordForm(agent, setPassword),
  ]
  return el(
    'tr',
    {},
    cells.map((content) => el('td', {}, [content])),
  )
}

function passwordForm(agent: UserInfo, setPassword: AgentRowActions['setPassword']): HTMLFormElement {
  const input = el('input', {
    attrs: {
      type: 'password',
      required: true,
      autocomplete: 'new-password',
      'aria-label': t('newPassword', { name: agent.name }),
    },
  })
  const button = el('button', { text: t('setPassword'), attrs: { type: 'submit' } })
  const form = el(
    'form',
    {
      class: 'inline',
      on: {
        submit: (event) => {
          event.preventDefault()
          void setPassword(input.value).then((done) => {
            if (done) form.reset()
          })
        },
      },
    },
    [input, button],
  )
  return form
}
