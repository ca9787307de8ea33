import type { Clock, KeyValueStore } from '../environment.ts'
import type { TransportKind } from './transport.ts'

const FAILURES_BEFORE_FALLBACK = 2
const REMEMBER_MS = 10 * 60_000
const KEY = 'kefu.sse-until'

/**
 * Which transport to try next. WebSocket first; after two failures to open, SSE and WebSocket in turn (the server
 * may just be down). A network that proved to need SSE is remembered for a while, so that a reload starts at once.
 */
export class TransportChoice {
  readonly #clock: Clock
  readonly #store: KeyValueStore
  #webSocketFailures = 0
  #preferSse: boolean

  constructor(clock: Clock, store: KeyValueStore) {
    this.#clock = clock
    this.#store = store
    this.#preferSse = Number(store.get(KEY) ?? 0) > clock.now()
  }

  next(): TransportKind {
    return this.#preferSse ? 'sse' : 'websocket'
  }

  failedToOpen(kind: TransportKind): void {
    if (kind === 'sse') {
      this.#preferSse = false
      return
    }
    this.#webSocketFailures += 1
    this.#preferSse = this.#webSocketFailures >= FAILURES_BEFORE_FALLBACK
  }

  opened(kind: TransportKind): void {
    this.#preferSse = kind === 'sse'
    if (kind === 'sse') {
      this.#store.set(KEY, String(this.#clock.now() + REMEMBER_MS))
    } else {
      this.#webSocketFailures = 0
      this.#store.remove(KEY)
    }
  }
}
