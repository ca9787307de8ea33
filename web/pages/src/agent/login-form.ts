import { ApiError, type Api, type LoginAnswer } from '@kefu/client'
import { el, field, setText } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { failureText } from './failure.ts'

export interface LoginFormOptions {
  api: Api
  notice?: string
  loggedIn: (login: LoginAnswer, remember: boolean) => void
}

export function loginForm({ api, notice, loggedIn }: LoginFormOptions): HTMLElement {
  const username = el('input', {
    attrs: { name: 'username', autocomplete: 'username', required: true, autofocus: true },
  })
  const password = el('input', {
    attrs: { type: 'password', name: 'password', autocomplete: 'current-password', required: true },
  })
  const remember = el('input', { attrs: { type: 'checkbox' } })
  const button = el('button', { class: 'primary', text: t('login'), attrs: { type: 'submit' } })
  const trouble = el('p', { class: 'trouble-text', text: notice ?? '', attrs: { role: 'alert' } })

  const submit = async () => {
    button.disabled = true
    try {
      const body = { username: username.value.trim(), password: password.value, remember: remember.checked }
      loggedIn(await api.login(body), remember.checked)
    } catch (error) {
      setText(trouble, reason(error))
    }
    button.disabled = false
  }
  const form = el('form', {
    class: 'login-card',
    on: {
      submit: (event) => {
        event.preventDefault()
        void submit()
      },
    },
  })
  form.append(
    el('h1', { text: t('loginTitle') }),
    field(t('username'), username),
    field(t('password'), password),
    el('label', { class: 'check' }, [remember, el('span', { text: t('rememberMe') })]),
    trouble,
    button,
  )
  return el('main', { class: 'login' }, [form])
}

function reason(error: unknown): string {
  if (error instanceof ApiError && error.status === 401) return t('loginFailed')
  return failureText(error)
}
