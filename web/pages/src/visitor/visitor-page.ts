import {
  sameUser,
  type Api,
  type ConnectionState,
  type ConversationState,
  type KefuClient,
  type Service,
  type User,
} from '@kefu/client'
import { ChatLog } from '../shared/chat-log.ts'
import { Composer } from '../shared/composer.ts'
import { connectionBadge } from '../shared/connection-badge.ts'
import { el, setText, show } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { nameOf, rowsOf } from '../shared/rows.ts'
import { typingText } from '../shared/typing-line.ts'
import type { VisitorCredential } from './credential.ts'
import { EndedPanel } from './ended-panel.ts'
import { Intro } from './intro.ts'
import { LeaveForm } from './leave-form.ts'
import { serviceText } from './service-text.ts'
import { ServiceWatch } from './service-watch.ts'

export interface VisitorPageOptions {
  client: KefuClient
  api: Api
  credential: VisitorCredential
  me: User
  /** What was known last of whether anybody is there. */
  service?: Service
}

export class VisitorPage {
  readonly element: HTMLElement
  readonly #options: VisitorPageOptions
  readonly #badge = connectionBadge()
  readonly #service = el('p', {
    class: 'service',
    attrs: { role: 'status', 'aria-label': t('conversation') },
  })
  readonly #typing = el('p', { class: 'typing', attrs: { 'aria-live': 'polite' } })
  readonly #endButton: HTMLButtonElement
  readonly #trouble: HTMLElement
  readonly #log: ChatLog
  readonly #composer: Composer
  readonly #intro: Intro
  readonly #ended: EndedPanel
  readonly #leave: LeaveForm
  readonly #watch: ServiceWatch
  /** Whether the form stands in the composer's place. */
  #leaving = false
  #conversation = ''
  /** The ended session after which the visitor asked for a new chat. */
  #leftSession = 0
  #renewed = false

  constructor(options: VisitorPageOptions) {
    this.#options = options
    this.#intro = new Intro((name) => this.#rename(name))
    this.#ended = new EndedPanel({
      rate: (session, score) => this.#command({ type: 'rate', session, score }),
      newChat: (session) => this.#newChat(session),
    })
    this.#leave = new LeaveForm({
      named: (name) => this.#rename(name),
      leave: (content) => this.#command({ type: 'message', content }),
    })
    this.#watch = new ServiceWatch(options.api, options.service, () => this.#render())
    this.#log = new ChatLog({
      loadOlder: () => options.client.conversations.loadOlder(this.#conversation),
      retry: (id) => options.client.outbox.retry(this.#conversation, id),
      discard: (id) => options.client.outbox.discard(this.#conversation, id),
    })
    this.#composer = new Composer({
      send: (text) => options.client.sendText(this.#conversation, text),
      typing: (on, preview) => options.client.setTyping(this.#conversation, on, on ? preview : undefined),
    })
    this.#endButton = el('button', {
      class: 'quiet',
      text: t('endChat'),
      attrs: { type: 'button' },
      on: { click: () => this.#command({ type: 'end_session' }) },
    })
    this.#trouble = this.#troublePanel()
    this.element = this.#layout()
  }

  start(conversation: string): void {
    const { client } = this.#options
    this.#conversation = conversation
    client.connection.state.subscribe((state) => this.#connectionChanged(state))
    client.conversations.changed.subscribe(() => this.#render())
    client.outbox.changed.subscribe(() => this.#render())
    client.welcome.subscribe((welcome) => {
      if (welcome?.token !== undefined) this.#options.credential.renew(welcome.token)
    })
    document.addEventListener('visibilitychange', () => this.#render())
    client.conversations.open(conversation)
    client.connection.start()
    this.#render()
    this.#input.focus()
  }

  #layout(): HTMLElement {
    const header = el('header', { class: 'bar' }, [
      el('div', { class: 'titles' }, [el('h1', { text: t('visitorTitle') }), this.#service]),
      this.#badge.element,
      this.#endButton,
    ])
    return el('div', { class: 'visitor' }, [
      header,
      this.#trouble,
      this.#intro.element,
      this.#log.element,
      this.#typing,
      this.#ended.element,
      this.#leave.element,
      this.#composer.element,
    ])
  }

  #render(): void {
    const { client, me } = this.#options
    const state = client.conversations.get(this.#conversation)
    if (state === undefined) return
    const unsent = client.outbox.entries(this.#conversation)
    const rows = rowsOf(state, unsent, me)
    const empty = rows.length === 0
    this.#renderSession(state, unsent.length > 0)
    show(this.#intro.element, empty && state.loaded && !this.#leaving)
    // Until it is known what was said, the empty log keeps the place.
    show(this.#log.element, !empty || (!state.loaded && !this.#leaving))
    this.#log.update(rows, state.olderCursor !== undefined)
    setText(this.#service, serviceText(state, me, this.#leaving))
    setText(
      this.#typing,
      typingText(state, me, (user) => this.#nameOf(state, user)),
    )
    if (document.visibilityState === 'visible') client.conversations.markRead(this.#conversation)
  }

  #renderSession({ session, loaded }: ConversationState, sending: boolean): void {
    const open = session?.status === 'waiting' || session?.status === 'active'
    const ended = session?.status === 'ended' && session.ordinal !== this.#leftSession
    show(this.#endButton, open)
    this.#ended.update(ended ? session : undefined)
    const begins = loaded && !open && !ended && !sending
    this.#watch.want(begins)
    this.#exchange(begins && this.#watch.service === 'away')
    show(this.#composer.element, !ended && !this.#leaving)
  }

  /** The form comes when nobody is there and goes when somebody is; what was typed goes along. */
  #exchange(leaving: boolean): void {
    if (leaving === this.#leaving) return
    const focused = this.element.contains(document.activeElement)
    const text = this.#leaving ? this.#leave.takeText() : this.#composer.takeText()
    this.#leaving = leaving
    show(this.#leave.element, leaving)
    show(this.#composer.element, !leaving)
    if (text !== '') this.#input.value = text
    if (focused) this.#input.focus()
  }

  /** Where the next message is typed. */
  get #input(): HTMLTextAreaElement {
    return this.#leaving ? this.#leave.message : this.#composer.input
  }

  #nameOf(state: ConversationState, user: User): string {
    const known = sameUser(state.session?.agent, user) ? state.session?.agent_name : undefined
    return nameOf(user, known)
  }

  #command(body: Parameters<KefuClient['command']>[1]): void {
    this.#options.client.command(this.#conversation, body)
  }

  /** The next message opens the next session. */
  #newChat(session: number): void {
    this.#leftSession = session
    this.#render()
    this.#input.focus()
  }

  async #rename(name: string): Promise<void> {
    await this.#options.credential.contact(this.#options.api, name)
    this.#options.client.connection.restart()
  }

  #connectionChanged(state: ConnectionState): void {
    this.#badge.update(state)
    const stopped = state.status === 'stopped'
    if (stopped && state.reason === 'login' && !this.#renewed) {
      this.#renewed = true
      void this.#renew().catch(() => this.#connectionChanged(state))
      return
    }
    show(this.#trouble, stopped)
    if (!stopped) return
    setText(this.#trouble.querySelector('span') ?? this.#trouble, t('gaveUp', { code: state.code ?? '' }))
  }

  /** A credential that ran out is renewed once, silently, as long as that leaves the visitor who they are. */
  async #renew(): Promise<void> {
    const { credential, api, client, me } = this.#options
    const session = await credential.contact(api)
    if (session.user_id !== me.id) throw new Error('the server knows this visitor no more')
    client.connection.restart()
  }

  /** The credential was refused, or the server wants us gone: only the visitor can decide to begin anew. */
  #troublePanel(): HTMLElement {
    const again = async () => {
      const { credential, api } = this.#options
      await credential.contact(api)
      location.reload()
    }
    const button = el('button', {
      text: t('startAgain'),
      attrs: { type: 'button' },
      on: { click: () => void again() },
    })
    return el('div', { class: 'trouble', attrs: { role: 'alert', hidden: true } }, [el('span'), button])
  }
}
