import type { ClientFrame, Event, ServerFrame, User } from '../src/generated/frames.ts'
import type { HistoryPage } from '../src/rest-types.ts'
import type { OpenTransport, Transport, TransportEvents, TransportKind } from '../src/transport/transport.ts'
import type { Ack, ClientFrameOf, EventOf, Rejected, Welcome } from '../src/wire.ts'

export const CONVERSATION = 'sAAAAAAAAAAAAAAAAAAAAAA'
export const AT = '2026-01-02T03:04:05.678Z'
export const visitor: User = { type: 'kehu', id: 'v1' }
export const agent: User = { type: 'kefu', id: 'a1' }

export const welcome: Welcome = {
  t: 'welcome',
  v: 1,
  connection_id: 'c1',
  user: visitor,
  name: 'Visitor',
  heartbeat_s: 30,
  now: AT,
  limits: { frame_bytes: 65_536, text_chars: 8_000, in_flight: 32 },
}

/** A transport whose other end is the test. */
export class FakeTransport implements Transport {
  readonly sent: ClientFrame[] = []
  closed = false
  readonly kind: TransportKind
  readonly device: string
  readonly #events: TransportEvents

  constructor(kind: TransportKind, events: TransportEvents, device: string) {
    this.kind = kind
    this.#events = events
    this.device = device
  }

  send(frames: ClientFrame[]): void {
    this.sent.push(...frames)
  }

  close(): void {
    this.closed = true
  }

  open(): void {
    this.#events.opened()
  }

  receive(...frames: ServerFrame[]): void {
    this.#events.received(frames)
  }

  end(code?: number): void {
    this.#events.ended({ code })
  }

  welcome(): void {
    this.open()
    this.receive(welcome)
  }

  frames<T extends ClientFrame['t']>(t: T): ClientFrameOf<T>[] {
    return this.sent.filter((frame): frame is ClientFrameOf<T> => frame.t === t)
  }
}

/** Every transport that was opened, in order. */
export class FakeNetwork {
  readonly opened: FakeTransport[] = []

  get latest(): FakeTransport {
    const latest = this.opened.at(-1)
    if (latest === undefined) throw new Error('nothing was opened')
    return latest
  }

  get transports(): Record<TransportKind, OpenTransport> {
    return { websocket: this.#opener('websocket'), sse: this.#opener('sse') }
  }

  #opener(kind: TransportKind): OpenTransport {
    return (events, device) => {
      const transport = new FakeTransport(kind, events, device)
      this.opened.push(transport)
      return transport
    }
  }
}

export function emptyPage(change: Partial<HistoryPage> = {}): HistoryPage {
  return {
    items: [],
    total: 0,
    conversation_id: CONVERSATION,
    epoch: 1,
    rev: 0,
    seq: 0,
    members: [],
    ...change,
  }
}

export function message(
  rev: number,
  seq: number,
  change: Partial<EventOf<'message'>> = {},
): EventOf<'message'> {
  const content = { type: 'text', text: `text ${seq}` } as const
  return { rev, seq, at: AT, type: 'message', message_id: `m${seq}`, by: agent, content, ...change }
}

export function deliver(...events: Event[]): ServerFrame {
  return { t: 'deliver', conversation: CONVERSATION, epoch: 1, events }
}

export function ack(n: number, rev: number): Ack {
  return { t: 'ack', conversation: CONVERSATION, n, rev, seq: rev, at: AT }
}

export function rejected(n: number, code: number, change: Partial<Rejected> = {}): Rejected {
  return { t: 'rejected', conversation: CONVERSATION, n, code, title: 'no', retryable: false, ...change }
}

/** Lets promises and microtasks run that need no time to pass. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
