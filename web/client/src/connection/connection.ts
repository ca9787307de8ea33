import { reconnectDelay } from '../backoff.ts'
import { closeAction } from '../codes.ts'
import type { Clock, KeyValueStore, Random, Timer } from '../environment.ts'
import type { ClientFrame, ServerFrame } from '../generated/frames.ts'
import { Emitter, Signal } from '../signal.ts'
import { TransportChoice } from '../transport/choice.ts'
import type { OpenTransport, TransportEnd, TransportKind } from '../transport/transport.ts'
import type { ClientFrameOf, ServerFrameOf, Welcome } from '../wire.ts'
import { Link } from './link.ts'

const FIRST_UPGRADE_AFTER_MS = 5_000
const UPGRADE_EVERY_MS = 60_000

export type ConnectionState =
  | { status: 'idle' }
  | { status: 'connecting' }
  | { status: 'online'; transport: TransportKind }
  | { status: 'waiting'; retryAt: number }
  | { status: 'stopped'; reason: 'login' | 'gave-up'; code?: number }

export interface ConnectionOptions {
  transports: Record<TransportKind, OpenTransport>
  hello: () => ClientFrameOf<'hello'>
  clock: Clock
  random: Random
  store: KeyValueStore
}

/** Keeps one link to the server open, by whichever transport works, for as long as it is wanted. */
export class Connection {
  readonly state = new Signal<ConnectionState>({ status: 'idle' })
  /** Every welcome starts a new link: whoever sent something unanswered sends it again. */
  readonly welcomed = new Emitter<Welcome>()
  readonly received = new Emitter<ServerFrame>()

  readonly #options: ConnectionOptions
  readonly #choice: TransportChoice
  #link: Link | undefined
  #upgrade: Link | undefined
  #timer: Timer | undefined
  #upgradeTimer: Timer | undefined
  #goaway: { timer: Timer; at: number } | undefined
  #attempt = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#choice = new TransportChoice(options.clock, options.store)
  }

  start(): void {
    if (this.#link === undefined) this.#connect()
  }

  stop(): void {
    this.#drop()
    this.state.set({ status: 'idle' })
  }

  /** Opens a new link at once, for a new credential or device. */
  restart(): void {
    this.#drop()
    this.#connect()
  }

  /** The network is said to be back, or the user looks at the page: do not wait for the timer. */
  hurry(): void {
    if (this.state.value.status === 'waiting') this.restart()
  }

  /** False if there is no link: the caller's state is what a later welcome starts from. */
  send(frames: ClientFrame[]): boolean {
    if (this.state.value.status !== 'online') return false
    this.#link?.send(frames)
    return true
  }

  #connect(): void {
    const kind = this.#choice.next()
    this.state.set({ status: 'connecting' })
    const link = this.#open(kind, {
      welcomed: (welcome) => this.#online(kind, welcome),
      ended: (end) => this.#ended(kind, link, end),
    })
    this.#link = link
  }

  #open(
    kind: TransportKind,
    events: { welcomed: (welcome: Welcome) => void; ended: (end: TransportEnd) => void },
  ): Link {
    const { transports, hello, clock } = this.#options
    const received = (frame: ServerFrame) => this.#receive(frame)
    return new Link(transports[kind], hello(), clock, { ...events, received })
  }

  #online(kind: TransportKind, welcome: Welcome): void {
    this.#choice.opened(kind)
    this.#attempt = 0
    this.state.set({ status: 'online', transport: kind })
    if (kind === 'sse') this.#planUpgrade(FIRST_UPGRADE_AFTER_MS)
    this.welcomed.emit(welcome)
  }

  #receive(frame: ServerFrame): void {
    if (frame.t === 'goaway') this.#leaveSoon(frame)
    this.received.emit(frame)
  }

  /** The link stays in use until the moment this client was given, so that a drained edge costs no silence. */
  #leaveSoon(frame: ServerFrameOf<'goaway'>): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#goaway?.timer)
    this.#goaway = {
      timer: clock.setTimeout(() => this.restart(), frame.reconnect_after_ms),
      at: clock.now() + frame.reconnect_after_ms,
    }
  }

  #ended(kind: TransportKind, link: Link, end: TransportEnd): void {
    const action = closeAction(end.code)
    if (!link.welcomed && action === 'reconnect') this.#choice.failedToOpen(kind)
    const earliest = this.#goaway?.at
    this.#drop()
    if (action === 'login' || action === 'give-up') {
      const reason = action === 'login' ? 'login' : 'gave-up'
      this.state.set({ status: 'stopped', reason, code: end.code })
      return
    }
    const askedMs = end.retryAfterMs ?? (earliest === undefined ? 0 : earliest - this.#options.clock.now())
    this.#retry(Math.max(0, askedMs))
  }

  #retry(atLeastMs: number): void {
    const { clock, random } = this.#options
    const delay = atLeastMs + reconnectDelay(this.#attempt, random)
    this.#attempt += 1
    this.#timer = clock.setTimeout(() => this.#connect(), delay)
    this.state.set({ status: 'waiting', retryAt: clock.now() + delay })
  }

  #planUpgrade(delayMs: number): void {
    this.#upgradeTimer = this.#options.clock.setTimeout(() => this.#tryUpgrade(), delayMs)
  }

  /** A WebSocket beside the working stream. It takes over once it is welcomed, and everything resumes there. */
  #tryUpgrade(): void {
    const candidate = this.#open('websocket', {
      welcomed: (welcome) => {
        this.#link?.close()
        this.#link = candidate
        this.#upgrade = undefined
        this.#online('websocket', welcome)
      },
      ended: (end) => {
        if (this.#link === candidate) {
          this.#ended('websocket', candidate, end)
          return
        }
        this.#upgrade = undefined
        this.#planUpgrade(UPGRADE_EVERY_MS)
      },
    })
    this.#upgrade = candidate
  }

  #drop(): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    clock.clearTimeout(this.#upgradeTimer)
    clock.clearTimeout(this.#goaway?.timer)
    this.#goaway = undefined
    this.#link?.close()
    this.#upgrade?.close()
    this.#link = this.#upgrade = undefined
  }
}
