import {
  ApiError,
  sameUser,
  type AgentStatus,
  type Api,
  type ConnectionState,
  type KefuClient,
  type PasswordChange,
  type User,
  type UserInfo,
} from '@kefu/client'
import { el, setText } from '../shared/dom.ts'
import { t } from '../shared/i18n.ts'
import { AgentsPanel } from './agents-panel.ts'
import { ChatPane } from './chat-pane.ts'
import { ConversationList } from './conversation-list.ts'
import { Directory } from './directory.ts'
import { failureText } from './failure.ts'
import { PasswordDialog } from './password-dialog.ts'
import { TopBar } from './top-bar.ts'
import { WaitingList } from './waiting-list.ts'

export interface ConsoleOptions {
  client: KefuClient
  api: Api
  me: User
  user: UserInfo
  /** Just logged in, so ready to work; after a reload the status stays what it was. */
  fresh: boolean
  loggedOut: (notice?: string) => void
}

export class AgentConsole {
  readonly element: HTMLElement
  readonly #options: ConsoleOptions
  readonly #directory = new Directory()
  readonly #trouble = el('p', { class: 'toast', attrs: { role: 'alert' } })
  readonly #bar: TopBar
  readonly #waiting: WaitingList
  readonly #conversations: ConversationList
  readonly #pane: ChatPane
  #announceOnline: boolean
  #endNotice = t('loginEnded')

  constructor(options: ConsoleOptions) {
    const { client, api, me, user } = options
    this.#options = options
    this.#announceOnline = options.fresh
    const changeOwnPassword = (change: PasswordChange) => this.#changePassword(change)
    const agents = user.role === 'admin' ? new AgentsPanel({ api, me, changeOwnPassword }) : undefined
    const password = new PasswordDialog(changeOwnPassword)
    this.#bar = new TopBar({
      user,
      setStatus: (status) => client.setStatus(status),
      changePassword: () => password.open(),
      logOut: () => void this.#logOut(),
      showAgents: agents && (() => agents.open()),
    })
    this.#waiting = new WaitingList({ api, pick: (customer) => this.#guard(this.#pick(customer)) })
    this.#conversations = new ConversationList({
      client,
      me,
      directory: this.#directory,
      choose: (id) => this.#choose(id),
    })
    this.#pane = new ChatPane({
      client,
      me,
      directory: this.#directory,
      leave: () => this.#choose(undefined),
    })
    const sidebar = el('aside', { class: 'sidebar' }, [this.#waiting.element, this.#conversations.element])
    const body = el('div', { class: 'body' }, [sidebar, this.#pane.element])
    const dialogs = [password.element, agents?.element]
    this.element = el('div', { class: 'console' }, [this.#bar.element, body, this.#trouble, ...dialogs])
  }

  start(): void {
    const { client } = this.#options
    client.connection.state.subscribe((state) => this.#connectionChanged(state))
    client.welcome.subscribe((welcome) => this.#welcomed(welcome?.status))
    client.conversations.changed.subscribe(() => this.#render())
    client.outbox.changed.subscribe(() => this.#render())
    client.news.subscribe((frame) => {
      if (frame.t === 'waiting') this.#guard(this.#waiting.reload())
      if (frame.t === 'added') this.#guard(this.#reload())
      if (frame.t === 'presence' && frame.user.type === 'kehu') this.#render()
      if (frame.t === 'presence' && sameUser(frame.user, this.#options.me)) this.#bar.setStatus(frame.status)
    })
    document.addEventListener('visibilitychange', () => this.#render())
    client.connection.start()
    this.#render()
  }

  /** Lists may have changed while there was no connection: every welcome loads them again. */
  #welcomed(status: AgentStatus | undefined): void {
    if (this.#announceOnline) this.#options.client.setStatus('online')
    this.#bar.setStatus(this.#announceOnline ? 'online' : (status ?? 'offline'))
    this.#announceOnline = false
    this.#guard(this.#reload())
    this.#guard(this.#waiting.reload())
  }

  async #reload(): Promise<void> {
    const { items } = await this.#options.api.conversations()
    this.#directory.learn(items)
    for (const item of items) this.#options.client.conversations.follow(item)
    this.#render()
  }

  async #pick(customer: string): Promise<void> {
    const session = await this.#options.api.assign(customer)
    this.#options.client.conversations.open(session.conversation_id)
    await Promise.all([this.#reload(), this.#waiting.reload()])
    this.#choose(session.conversation_id)
  }

  #choose(conversation: string | undefined): void {
    this.element.classList.toggle('chatting', conversation !== undefined)
    if (conversation !== undefined) this.#options.client.conversations.open(conversation)
    this.#conversations.chosen = conversation
    this.#pane.choose(conversation)
    this.#render()
  }

  #render(): void {
    this.#conversations.render()
    this.#pane.render()
  }

  #connectionChanged(state: ConnectionState): void {
    this.#bar.setConnection(state)
    if (state.status !== 'stopped') return
    if (state.reason === 'login') this.#options.loggedOut(this.#endNotice)
    else setText(this.#trouble, t('gaveUp', { code: state.code ?? '' }))
  }

  /** Ends all logins of this agent, so this one too; the connection may hear of it before the answer comes. */
  async #changePassword(change: PasswordChange): Promise<void> {
    await this.#options.api.setPassword(this.#options.me.id, change)
    this.#endNotice = t('passwordChanged')
    this.#options.loggedOut(this.#endNotice)
  }

  async #logOut(): Promise<void> {
    // Whatever the server says, this browser forgets the login.
    await this.#options.api.logout().catch(() => undefined)
    this.#options.loggedOut()
  }

  /** Shows why something did not work; without a credential there is nothing but to log in again. */
  #guard(work: Promise<void>): void {
    work.then(
      () => setText(this.#trouble, ''),
      (error: unknown) => {
        if (error instanceof ApiError && error.status === 401) this.#options.loggedOut(this.#endNotice)
        else setText(this.#trouble, failureText(error))
      },
    )
  }
}
