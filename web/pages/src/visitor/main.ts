import '../styles/base.css'
import '../styles/chat.css'
import '../styles/visitor.css'
import { browserApi, browserClient, webStore, type VisitorSession } from '@kefu/client'
import { appRoot } from '../shared/dom.ts'
import { announceLanguage, t } from '../shared/i18n.ts'
import { VisitorCredential } from './credential.ts'
import { VisitorPage } from './visitor-page.ts'

const CONTACT_AGAIN_MS = 3_000

const credential = new VisitorCredential(webStore(() => localStorage))
const api = browserApi(() => credential.token)

/** The very first load needs the server; any later one shows the page and connects when it can. */
async function firstContact(): Promise<VisitorSession> {
  for (;;) {
    try {
      return credential.session ?? (await credential.contact(api))
    } catch {
      await new Promise((resolve) => setTimeout(resolve, CONTACT_AGAIN_MS))
    }
  }
}

announceLanguage(t('visitorTitle'))
const session = await firstContact()
const client = await browserClient({ type: 'kehu', id: session.user_id }, () => credential.token, api)
const me = { type: 'kehu', id: session.user_id } as const
const page = new VisitorPage({ client, api, credential, me, service: session.service })
appRoot().replaceChildren(page.element)
page.start(session.support_conversation)
