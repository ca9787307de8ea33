import { type ConversationState, type KefuClient, type User } from '@kefu/client'
import { ChatLog } from '../shared/chat-log.ts'
import { Composer } from '../shared/composer.ts'
import { el, setText, show } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { rowsOf } from '../shared/rows.ts'
import { typingText } from '../shared/typing-line.ts'
import type { Directory } from './directory.ts'

export interface ChatPaneOptions {
  client: KefuClient
  me: User
  directory: Directory
  leave: () => void
}

/** The chosen conversation. */
export class ChatPane {
  readonly element: HTMLElement
  readonly #options: ChatPaneOptions
  readonly #title = el('h2')
  readonly #presence = el('span', { class: 'presence', attrs: { role: 'img', hidden: true } })
  readonly #state = el('span', { class: 'session-state' })
  readonly #typing = el('p', { class: 'typing', attrs: { 'aria-live': 'polite' } })
  readonly #note: HTMLButtonElement
  readonly #end: HTMLButtonElement
  readonly #log: ChatLog
  readonly #composer: Composer
  readonly #chat: HTMLElement
  readonly #nothing: HTMLElement
  #conversation: string | undefined

  constructor(options: ChatPaneOptions) {
    this.#options = options
    this.#log = new ChatLog({
      loadOlder: () => options.client.conversations.loadOlder(this.#conversation ?? ''),
      retry: (id) => options.client.outbox.retry(this.#conversation ?? '', id),
      discard: (id) => options.client.outbox.discard(this.#conversation ?? '', id),
    })
    this.#note = el('button', {
      class: 'toggle',
      text: t('privateNote'),
      attrs: { type: 'button', 'aria-pressed': 'false' },
      on: { click: () => this.#setNote(!this.#isNote) },
    })
    this.#composer = new Composer(
      {
        send: (text) => this.#send(text),
        typing: (on) => this.#typed(on),
      },
      [this.#note],
    )
    this.#end = el('button', {
      class: 'quiet',
      text: t('endSession'),
      attrs: { type: 'button' },
      on: { click: () => this.#endSession() },
    })
    this.#chat = this.#layout()
    this.#nothing = el('div', { class: 'nothing' }, [
      el('h2', { text: t('pickConversation') }),
      el('p', { text: t('pickConversationText') }),
    ])
    this.element = el('main', { class: 'pane' }, [this.#nothing, this.#chat])
    this.render()
  }

  choose(conversation: string | undefined): void {
    if (conversation === this.#conversation) return
    this.#conversation = conversation
    this.#composer.clear()
    this.#setNote(false)
    this.#log.reset()
    if (conversation !== undefined) this.#composer.input.focus()
  }

  render(): void {
    const { client, me, directory } = this.#options
    const state = this.#conversation === undefined ? undefined : client.conversations.get(this.#conversation)
    show(this.#chat, state !== undefined)
    show(this.#nothing, state === undefined)
    if (state === undefined) return
    setText(this.#title, directory.nameOf(state.id))
    this.#renderPresence(state)
    this.#renderSession(state)
    this.#log.update(rowsOf(state, client.outbox.entries(state.id), me), state.olderCursor !== undefined)
    setText(
      this.#typing,
      typingText(state, me, () => directory.nameOf(state.id)),
    )
    if (document.visibilityState === 'visible') client.conversations.markRead(state.id)
  }

  #layout(): HTMLElement {
    const back = el('button', {
      class: 'quiet back',
      text: '‹',
      attrs: { type: 'button', 'aria-label': t('back') },
      on: { click: () => this.#options.leave() },
    })
    return el('div', { class: 'chat' }, [
      el('header', { class: 'chat-bar' }, [back, this.#title, this.#presence, this.#state, this.#end]),
      this.#log.element,
      this.#typing,
      this.#composer.element,
    ])
  }

  /** A dot beside the customer's name; none while nobody knows, or between agents. */
  #renderPresence({ members }: ConversationState): void {
    const customer = members.find(({ user }) => user.type === 'kehu')?.user
    const online = customer && this.#options.client.customers.isOnline(customer)
    show(this.#presence, online !== undefined)
    const label = t(online === true ? 'visitorOnline' : 'visitorOffline')
    this.#presence.dataset['online'] = String(online === true)
    this.#presence.setAttribute('aria-label', label)
    this.#presence.title = label
  }

  #renderSession({ session }: ConversationState): void {
    const status = session?.status ?? 'ended'
    const texts = { waiting: t('stateWaiting'), active: t('stateActive'), ended: t('stateEnded') }
    setText(this.#state, texts[status])
    this.#state.dataset['status'] = status
    show(this.#end, status !== 'ended')
  }

  get #isNote(): boolean {
    return this.#note.getAttribute('aria-pressed') === 'true'
  }

  #setNote(on: boolean): void {
    this.#note.setAttribute('aria-pressed', String(on))
    this.#composer.element.classList.toggle('noting', on)
    this.#composer.input.placeholder = t(on ? 'noteHint' : 'messageHint')
  }

  #send(text: string): void {
    if (this.#conversation === undefined) return
    this.#options.client.sendText(this.#conversation, text, this.#isNote ? 'staff' : 'all')
  }

  /** A note being written is nothing the customer should wait for. */
  #typed(on: boolean): void {
    if (this.#conversation !== undefined && !(on && this.#isNote)) {
      this.#options.client.setTyping(this.#conversation, on)
    }
  }

  #endSession(): void {
    if (this.#conversation !== undefined)
      this.#options.client.command(this.#conversation, { type: 'end_session' })
  }
}
