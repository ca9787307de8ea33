import '../styles/base.css'
import '../styles/start.css'
import { appRoot, el } from '../shared/dom.ts'
import type { TextKey } from '../shared/en.ts'
import { announceLanguage, t } from '../shared/i18n.ts'

const links: { href: string; title: TextKey; text: TextKey }[] = [
  { href: '/kehu/', title: 'startVisitor', text: 'startVisitorText' },
  { href: '/kefu/', title: 'startAgent', text: 'startAgentText' },
  { href: '/docs', title: 'startDocs', text: 'startDocsText' },
]

announceLanguage(t('appName'))
appRoot().replaceChildren(
  el('h1', { text: t('appName') }),
  el('p', { class: 'lead', text: t('startText') }),
  el(
    'nav',
    { class: 'cards' },
    links.map(({ href, title, text }) =>
      el('a', { class: 'card', attrs: { href: href + location.search } }, [
        el('strong', { text: t(title) }),
        el('span', { text: t(text) }),
      ]),
    ),
  ),
)
