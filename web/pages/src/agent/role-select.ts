import type { Role } from '@kefu/client'
import { el } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'

const ROLES = [
  { value: 'agent', text: 'roleAgent' },
  { value: 'supervisor', text: 'roleSupervisor' },
  { value: 'admin', text: 'roleAdmin' },
] as const

export function roleSelect(
  role: Role,
  changed?: (role: Role) => void,
): { element: HTMLSelectElement; role: () => Role } {
  const options = ROLES.map(({ value, text }) => el('option', { text: t(text), attrs: { value } }))
  const element = el('select', {}, options)
  element.value = role
  const current = () => element.value as Role
  element.addEventListener('change', () => changed?.(current()))
  return { element, role: current }
}
