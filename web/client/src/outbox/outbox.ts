import { ANSWER_NOT_KEPT, EXPECTED_N, N_CONFLICT, TOO_MANY_UNANSWERED } from '../codes.ts'
import { reconnectDelay } from '../backoff.ts'
import { randomId, type Clock, type KeyValueStore, type Random, type Timer } from '../environment.ts'
import type { ClientFrame, CommandBody } from '../generated/frames.ts'
import { Emitter } from '../signal.ts'
import type { Ack, EventOf, Rejected } from '../wire.ts'
import { parseSaved, type OutboxEntry, type SavedOutbox } from './entry.ts'
import { Lane } from './lane.ts'

const MAX_UNANSWERED = 32
const MIN_RETRY_MS = 200

export interface OutboxOptions {
  device: string
  storageKey: (device: string) => string
  store: KeyValueStore
  clock: Clock
  random: Random
  send: (frames: ClientFrame[]) => boolean
  /** A new device id was taken: a new hello must carry it. */
  newDevice: (device: string) => void
}

/** Commands on their way: numbered, kept over reloads, sent until answered, in the order they were given. */
export class Outbox {
  readonly changed = new Emitter<string>()

  readonly #options: OutboxOptions
  readonly #lanes = new Map<string, Lane>()
  #device: string
  #deviceLost = false
  #wake: Timer | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#device = options.device
    const saved = parseSaved(options.store.get(options.storageKey(options.device)))
    for (const [conversation, next] of Object.entries(saved.next))
      this.#lanes.set(conversation, new Lane(next))
    for (const entry of saved.entries) this.#lane(entry.conversation).entries.push(entry)
    this.disconnected()
  }

  get device(): string {
    return this.#device
  }

  /** What the user gave for this conversation and its events do not show yet. */
  entries(conversation: string): readonly OutboxEntry[] {
    return this.#lanes.get(conversation)?.entries ?? []
  }

  add(conversation: string, body: CommandBody): void {
    const lane = this.#lane(conversation)
    const at = new Date(this.#options.clock.now()).toISOString()
    lane.entries.push({
      id: randomId(),
      conversation,
      body,
      at,
      n: lane.number(),
      phase: 'queued',
      tried: false,
    })
    this.#saved(conversation)
    this.pump()
  }

  /** Sends a refused one again, as a new command. */
  retry(conversation: string, id: string): void {
    const entry = this.entries(conversation).find((other) => other.id === id)
    this.discard(conversation, id)
    if (entry) this.add(conversation, entry.body)
  }

  discard(conversation: string, id: string): void {
    this.#remove(conversation, (entry) => entry.id === id && entry.phase === 'failed')
  }

  /** Nothing unanswered will be answered on the old link: all of it goes out again. */
  disconnected(): void {
    for (const lane of this.#lanes.values()) {
      for (const entry of lane.entries) if (entry.phase === 'sent') entry.phase = 'queued'
    }
  }

  pump(): void {
    if (this.#deviceLost && this.#replaceDevice()) return
    let room = MAX_UNANSWERED - this.#unanswered()
    for (const lane of this.#lanes.values()) {
      if (room <= 0) break
      const entries = this.#sendable(lane).slice(0, room)
      if (entries.length === 0 || !this.#options.send(entries.map(commandFrame))) continue
      for (const entry of entries) {
        entry.phase = 'sent'
        entry.tried = true
      }
      room -= entries.length
    }
    this.#save()
  }

  acked(ack: Ack): void {
    const lane = this.#lane(ack.conversation)
    lane.retries = 0
    const entry = lane.entries.find((other) => other.phase === 'sent' && other.n === ack.n)
    if (entry?.body.type === 'message') {
      entry.phase = 'accepted'
      entry.rev = ack.rev
      this.#saved(ack.conversation)
    } else if (entry) {
      this.#remove(ack.conversation, (other) => other === entry)
    }
    this.pump()
  }

  rejected(frame: Rejected): void {
    const lane = this.#lane(frame.conversation)
    const entry = lane.entries.find((other) => other.phase === 'sent' && other.n === frame.n)
    if (entry) this.#refuse(lane, entry, frame)
    this.pump()
  }

  /** Our own message came back as an event, maybe ahead of its ack: the event takes the place of the echo. */
  seen(conversation: string, event: EventOf<'message'>): void {
    if (event.device !== this.#device) return
    this.#remove(conversation, (entry) => entry.phase !== 'failed' && entry.n === event.n)
    this.pump()
  }

  /** Everything up to `rev` is shown from events. */
  shownUpTo(conversation: string, rev: number): void {
    this.#remove(conversation, (entry) => entry.phase === 'accepted' && (entry.rev ?? 0) <= rev)
  }

  #refuse(lane: Lane, entry: OutboxEntry, { code, title, retryable, expected_n }: Rejected): void {
    entry.phase = 'queued'
    if (code === EXPECTED_N && expected_n !== undefined && expected_n !== entry.n) {
      entry.tried = false
      lane.drain(expected_n)
    } else if (code === N_CONFLICT) {
      entry.conflicted = true
      this.#deviceLost = true
    } else if (code === ANSWER_NOT_KEPT) {
      // It was answered long ago; the history shows with what.
      this.#remove(entry.conversation, (other) => other === entry)
    } else if (retryable || code === TOO_MANY_UNANSWERED || code === EXPECTED_N) {
      this.#pause(lane)
    } else {
      entry.phase = 'failed'
      entry.failure = { code, title }
    }
    this.#saved(entry.conversation)
  }

  #pause(lane: Lane): void {
    const { clock, random } = this.#options
    const delay = MIN_RETRY_MS + reconnectDelay(lane.retries, random)
    lane.retries += 1
    lane.pausedUntil = clock.now() + delay
    lane.drain()
    clock.clearTimeout(this.#wake)
    // Another lane's earlier wake-up is not lost: every wake-up plans the next one.
    this.#wake = clock.setTimeout(() => this.#woken(), delay)
  }

  #woken(): void {
    this.pump()
    const { clock } = this.#options
    const next = [...this.#lanes.values()].map((lane) => lane.pausedUntil).filter((at) => at > clock.now())
    if (next.length > 0) this.#wake = clock.setTimeout(() => this.#woken(), Math.min(...next) - clock.now())
  }

  #sendable(lane: Lane): OutboxEntry[] {
    if (lane.pausedUntil > this.#options.clock.now() || !lane.settled()) return []
    const queued = lane.entries.filter((entry) => entry.phase === 'queued')
    return this.#deviceLost ? queued.filter(maybeKnown) : queued
  }

  /**
   * Another instance used our device id. What the server may have taken from us under it gets its answers first, so
   * that the new id cannot make it happen twice; the rest is then numbered anew.
   */
  #replaceDevice(): boolean {
    const lanes = [...this.#lanes.values()]
    const open = lanes
      .flatMap((lane) => lane.entries)
      .some((entry) => entry.phase === 'sent' || maybeKnown(entry))
    if (open) return false
    const { store, storageKey, newDevice } = this.#options
    this.#deviceLost = false
    store.remove(storageKey(this.#device))
    this.#device = randomId()
    for (const lane of lanes) lane.startOver()
    this.#save()
    newDevice(this.#device)
    return true
  }

  #unanswered(): number {
    return [...this.#lanes.values()].flatMap((lane) => lane.entries).filter((entry) => entry.phase === 'sent')
      .length
  }

  #lane(conversation: string): Lane {
    const lane = this.#lanes.get(conversation) ?? new Lane(1)
    this.#lanes.set(conversation, lane)
    return lane
  }

  #remove(conversation: string, which: (entry: OutboxEntry) => boolean): void {
    const lane = this.#lane(conversation)
    const left = lane.entries.filter((entry) => !which(entry))
    if (left.length === lane.entries.length) return
    lane.entries = left
    this.#saved(conversation)
  }

  #saved(conversation: string): void {
    this.#save()
    this.changed.emit(conversation)
  }

  #save(): void {
    const saved: SavedOutbox = { next: {}, entries: [] }
    for (const [conversation, lane] of this.#lanes) {
      saved.next[conversation] = lane.next
      saved.entries.push(...lane.entries.filter((entry) => entry.phase !== 'accepted'))
    }
    this.#options.store.set(this.#options.storageKey(this.#device), JSON.stringify(saved))
  }
}

function maybeKnown(entry: OutboxEntry): boolean {
  return entry.phase === 'queued' && entry.tried && !entry.conflicted
}

function commandFrame(entry: OutboxEntry): ClientFrame {
  return { t: 'command', conversation: entry.conversation, n: entry.n, body: entry.body }
}
