import '../styles/base.css'
import '../styles/chat.css'
import '../styles/agent.css'
import { browserApi, browserClient, webStore, type LoginAnswer } from '@kefu/client'
import { appRoot } from '../shared/dom.ts'
import { announceLanguage, t } from '../shared/i18n.ts'
import { AgentConsole } from './console.ts'
import { AgentCredential } from './credential.ts'
import { loginForm } from './login-form.ts'

const credential = new AgentCredential(
  webStore(() => sessionStorage),
  webStore(() => localStorage),
)
const api = browserApi(() => credential.token)

function showLogin(notice?: string): void {
  const form = loginForm({
    api,
    notice,
    loggedIn(login, remember) {
      credential.keep(login, remember)
      void showConsole(login, true)
    },
  })
  appRoot().replaceChildren(form)
}

async function showConsole(login: LoginAnswer, fresh: boolean): Promise<void> {
  const me = { type: 'kefu', id: login.user.id } as const
  const client = await browserClient(me, () => credential.token, api)
  const agentConsole = new AgentConsole({
    client,
    api,
    me,
    user: login.user,
    fresh,
    loggedOut(notice) {
      client.connection.stop()
      // A late answer of the login before says nothing of the one that has begun since.
      if (credential.login !== undefined && credential.login !== login) return
      credential.forget()
      showLogin(notice)
    },
  })
  appRoot().replaceChildren(agentConsole.element)
  agentConsole.start()
}

announceLanguage(t('loginTitle'))
if (credential.login === undefined) showLogin()
else await showConsole(credential.login, false)
