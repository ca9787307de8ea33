import type { ClientFrame } from '../generated/frames.ts'
import { parseFrames } from '../wire.ts'
import { CREDENTIAL_INVALID, ORIGIN_NOT_ALLOWED } from '../codes.ts'
import { SseParser } from './sse-parser.ts'
import type { OpenTransport, Transport, TransportEnd, TransportEvents } from './transport.ts'

const MAX_FRAMES_PER_POST = 64

export interface SseOptions {
  baseUrl: string
  token: () => string | undefined
  fetch: typeof fetch
}

/** Frames down by Server-Sent Events (read with fetch: EventSource cannot send a credential), up by POST. */
export function sseTransport(options: SseOptions): OpenTransport {
  return (events, device) => new SseTransport(options, events, device)
}

class SseTransport implements Transport {
  readonly #options: SseOptions
  readonly #events: TransportEvents
  readonly #abort = new AbortController()
  #connectionId: string | undefined
  #outgoing: ClientFrame[] = []
  #posting = false

  constructor(options: SseOptions, events: TransportEvents, device: string) {
    this.#options = options
    this.#events = events
    void this.#read(`${options.baseUrl}/api/stream?device=${encodeURIComponent(device)}`)
  }

  send(frames: ClientFrame[]): void {
    // The stream's own request has said hello already.
    this.#outgoing.push(...frames.filter((frame) => frame.t !== 'hello'))
    void this.#post()
  }

  close(): void {
    this.#abort.abort()
  }

  async #read(url: string): Promise<void> {
    try {
      const response = await this.#options.fetch(url, {
        headers: { ...this.#credential(), accept: 'text/event-stream' },
        signal: this.#abort.signal,
        cache: 'no-store',
      })
      if (!response.ok || !response.body) {
        this.#end(await endOf(response))
        return
      }
      this.#events.opened()
      await this.#consume(response.body.getReader())
    } catch {
      // Cut or aborted: both end below, and an abort is not reported.
    }
    this.#end({})
  }

  async #consume(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const parser = new SseParser()
    const decoder = new TextDecoder()
    for (;;) {
      const { done, value } = await reader.read()
      if (done || this.#abort.signal.aborted) return
      this.#events.alive()
      for (const data of parser.push(decoder.decode(value, { stream: true }))) this.#receive(data)
    }
  }

  #receive(data: string): void {
    const frames = parseFrames(data)
    for (const frame of frames) {
      if (frame.t === 'welcome') this.#connectionId = frame.connection_id
    }
    this.#events.received(frames)
    void this.#post()
  }

  /** One request at a time, so that frames arrive in the order in which they were sent. */
  async #post(): Promise<void> {
    if (this.#posting || this.#connectionId === undefined || this.#outgoing.length === 0) return
    this.#posting = true
    const frames = this.#outgoing.splice(0, MAX_FRAMES_PER_POST)
    try {
      const response = await this.#options.fetch(
        `${this.#options.baseUrl}/api/stream/${encodeURIComponent(this.#connectionId)}`,
        {
          method: 'POST',
          headers: { ...this.#credential(), 'content-type': 'application/json' },
          body: JSON.stringify(frames),
          signal: this.#abort.signal,
        },
      )
      if (!response.ok) this.#end(await endOf(response))
    } catch {
      this.#end({})
    }
    this.#posting = false
    void this.#post()
  }

  #end(end: TransportEnd): void {
    if (this.#abort.signal.aborted) return
    this.#abort.abort()
    this.#outgoing = []
    this.#events.ended(end)
  }

  #credential(): Record<string, string> {
    const token = this.#options.token()
    return token === undefined ? {} : { authorization: `Bearer ${token}` }
  }
}

async function endOf(response: Response): Promise<TransportEnd> {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined
  return { code: await closeCode(response), retryAfterMs }
}

/** The problem's own close code where it has one; else what its HTTP status means for a connection. */
async function closeCode(response: Response): Promise<number | undefined> {
  const problem: unknown = await response.json().catch(() => undefined)
  if (typeof problem === 'object' && problem !== null && 'code' in problem) {
    if (typeof problem.code === 'number' && problem.code >= 4000) return problem.code
  }
  if (response.status === 401) return CREDENTIAL_INVALID
  return response.status === 403 ? ORIGIN_NOT_ALLOWED : undefined
}
