import type { Api } from './api.ts'
import { Connection } from './connection/connection.ts'
import { CustomerPresence } from './customer-presence.ts'
import { ConversationHub } from './conversation/hub.ts'
import type { Clock, KeyValueStore, Random } from './environment.ts'
import type { AgentStatus, ClientFrame, CommandBody, ServerFrame, User } from './generated/frames.ts'
import { outboxKey } from './outbox/device.ts'
import { Outbox } from './outbox/outbox.ts'
import { Emitter, Signal } from './signal.ts'
import type { OpenTransport, TransportKind } from './transport/transport.ts'
import type { ServerFrameOf, Welcome } from './wire.ts'

export interface ClientOptions {
  user: User
  device: string
  token: () => string | undefined
  api: Api
  transports: Record<TransportKind, OpenTransport>
  store: KeyValueStore
  clock: Clock
  random: Random
  /** The outbox had to take another device id: keep it for the next load of this tab. */
  newDevice: (device: string) => void
}

/** A user's chats on one device: the connection, the conversations and what is on its way. */
export class KefuClient {
  readonly connection: Connection
  readonly conversations: ConversationHub
  readonly outbox: Outbox
  readonly customers = new CustomerPresence()
  readonly welcome = new Signal<Welcome | undefined>(undefined)
  /** Frames for the page itself: who waits, who was added, presence, errors. */
  readonly news = new Emitter<ServerFrameOf<'waiting' | 'added' | 'presence' | 'error'>>()

  constructor(options: ClientOptions) {
    const { user, clock, random, store } = options
    const send = (frames: ClientFrame[]) => this.connection.send(frames)
    this.outbox = new Outbox({
      device: options.device,
      storageKey: (device) => outboxKey(user, device),
      store,
      clock,
      random,
      send,
      newDevice: (device) => {
        options.newDevice(device)
        this.connection.restart()
      },
    })
    this.connection = new Connection({
      transports: options.transports,
      hello: () => ({ t: 'hello', v: 1, token: options.token(), device: this.outbox.device, batch: true }),
      clock,
      random,
      store,
    })
    this.conversations = new ConversationHub({ api: options.api, clock, send, me: () => user })
    this.#connect()
  }

  command(conversation: string, body: CommandBody): void {
    this.outbox.add(conversation, body)
  }

  sendText(conversation: string, text: string, audience: 'all' | 'staff' = 'all'): void {
    const note = audience === 'staff' ? { audience } : {}
    this.command(conversation, { type: 'message', content: { type: 'text', text }, ...note })
  }

  setTyping(conversation: string, on: boolean, preview?: string): void {
    this.connection.send([{ t: 'typing', conversation, on, preview }])
  }

  setStatus(status: AgentStatus): void {
    this.connection.send([{ t: 'status', status }])
  }

  #connect(): void {
    this.connection.welcomed.subscribe((welcome) => {
      this.customers.forget()
      this.welcome.set(welcome)
      this.outbox.disconnected()
      this.conversations.resume()
      this.outbox.pump()
    })
    this.connection.received.subscribe((frame) => this.#receive(frame))
    this.conversations.message.subscribe(({ conversation, event }) => this.outbox.seen(conversation, event))
    this.conversations.changed.subscribe((id) => {
      this.outbox.shownUpTo(id, this.conversations.get(id)?.rev ?? 0)
    })
  }

  #receive(frame: ServerFrame): void {
    switch (frame.t) {
      case 'ack':
        this.#acked(frame)
        break
      case 'rejected':
        this.outbox.rejected(frame)
        break
      case 'attached':
      case 'deliver':
      case 'marks':
      case 'typing':
      case 'queue':
        this.conversations.receive(frame)
        break
      case 'added':
        this.conversations.receive(frame)
        this.news.emit(frame)
        break
      case 'presence':
        this.customers.heard(frame)
        this.news.emit(frame)
        break
      case 'waiting':
      case 'error':
        this.news.emit(frame)
        break
    }
  }

  #acked(ack: ServerFrameOf<'ack'>): void {
    this.outbox.acked(ack)
    const state = this.conversations.get(ack.conversation)
    if (state === undefined) return
    this.outbox.shownUpTo(ack.conversation, state.rev)
    // The first message may just have created a conversation that could not be attached before.
    this.conversations.open(ack.conversation)
  }
}
