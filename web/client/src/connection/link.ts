import type { Clock, Timer } from '../environment.ts'
import type { ClientFrame, ServerFrame } from '../generated/frames.ts'
import type { OpenTransport, Transport, TransportEnd } from '../transport/transport.ts'
import type { ClientFrameOf, Welcome } from '../wire.ts'

const WELCOME_WITHIN_MS = 10_000
const PING_AFTER_MS = 30_000
const DEAD_AFTER_MS = 60_000

export interface LinkEvents {
  welcomed(welcome: Welcome): void
  received(frame: ServerFrame): void
  ended(end: TransportEnd): void
}

/** One transport from hello to its end, kept alive by pings and given up after silence. */
export class Link {
  readonly #clock: Clock
  readonly #events: LinkEvents
  readonly #transport: Transport
  #pingTimer: Timer | undefined
  #silenceTimer: Timer | undefined
  #fatalCode: number | undefined
  #welcomed = false
  #ended = false

  constructor(open: OpenTransport, hello: ClientFrameOf<'hello'>, clock: Clock, events: LinkEvents) {
    this.#clock = clock
    this.#events = events
    this.#expectLife(WELCOME_WITHIN_MS)
    this.#transport = open(
      {
        opened: () => this.send([hello]),
        received: (frames) => this.#receive(frames),
        alive: () => this.#heard(),
        ended: (end) => this.#end({ ...end, code: this.#fatalCode ?? end.code }),
      },
      hello.device,
    )
  }

  get welcomed(): boolean {
    return this.#welcomed
  }

  send(frames: ClientFrame[]): void {
    if (this.#ended || frames.length === 0) return
    this.#transport.send(frames)
    this.#clock.clearTimeout(this.#pingTimer)
    this.#pingTimer = this.#clock.setTimeout(() => this.send([{ t: 'ping' }]), PING_AFTER_MS)
  }

  /** Ends it without telling anyone. */
  close(): void {
    if (this.#ended) return
    this.#stop()
    this.#transport.close()
  }

  #receive(frames: ServerFrame[]): void {
    for (const frame of frames) {
      if (this.#ended) return
      if (frame.t === 'welcome') {
        this.#welcomed = true
        this.#events.welcomed(frame)
      } else {
        if (frame.t === 'error' && frame.fatal) this.#fatalCode = frame.code
        this.#events.received(frame)
      }
    }
    this.#heard()
  }

  #heard(): void {
    if (this.#welcomed) this.#expectLife(DEAD_AFTER_MS)
  }

  #expectLife(withinMs: number): void {
    if (this.#ended) return
    this.#clock.clearTimeout(this.#silenceTimer)
    this.#silenceTimer = this.#clock.setTimeout(() => {
      this.#transport.close()
      this.#end({})
    }, withinMs)
  }

  #end(end: TransportEnd): void {
    if (this.#ended) return
    this.#stop()
    this.#events.ended(end)
  }

  #stop(): void {
    this.#ended = true
    this.#clock.clearTimeout(this.#pingTimer)
    this.#clock.clearTimeout(this.#silenceTimer)
  }
}
