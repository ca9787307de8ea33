import type { Api } from '../api.ts'
import { NO_SUCH_CONVERSATION, NOT_A_MEMBER } from '../codes.ts'
import type { Clock } from '../environment.ts'
import type { ClientFrame, User } from '../generated/frames.ts'
import { ApiError } from '../problem.ts'
import type { ConversationItem, HistoryPage } from '../rest-types.ts'
import { Emitter } from '../signal.ts'
import type { AttachedItem, EventOf, ServerFrameOf } from '../wire.ts'
import { applyEvent } from './apply.ts'
import { AttachQueue } from './attach-queue.ts'
import { MarkKeeper } from './mark-keeper.ts'
import {
  emptyConversation,
  withAttached,
  withLastPage,
  withMarks,
  withOlderPage,
  type ConversationState,
} from './state.ts'
import { TypingKeeper } from './typing-keeper.ts'
import { sameUser } from './users.ts'

const PAGE = 50
const RELOAD_AFTER_MS = 2_000

/**
 * loading: the last page is on its way, live events are ignored since it or the attach after it brings them.
 * attaching: asked for what is missing; live events beyond the next one are ignored for the same reason.
 */
type Phase = 'loading' | 'attaching' | 'live' | 'refused'

interface Tracked {
  state: ConversationState
  phase: Phase
  /** Only the newest load may set the state. */
  load: number
  /** Times it had to start over since it was last live. */
  restarts: number
}

export interface HubOptions {
  api: Pick<Api, 'history'>
  clock: Clock
  send: (frames: ClientFrame[]) => boolean
  me: () => User | undefined
}

/** Follows conversations: their state is complete up to `rev`, live or after any interruption. */
export class ConversationHub {
  readonly changed = new Emitter<string>()
  /** Events as they are applied, each once, in order of `rev`. */
  readonly message = new Emitter<{ conversation: string; event: EventOf<'message'> }>()

  readonly #options: HubOptions
  readonly #tracked = new Map<string, Tracked>()
  readonly #attach: AttachQueue
  readonly #marks: MarkKeeper
  readonly #typing: TypingKeeper

  constructor(options: HubOptions) {
    this.#options = options
    this.#attach = new AttachQueue(options.send)
    this.#marks = new MarkKeeper(options.send)
    this.#typing = new TypingKeeper(options.clock, {
      get: (id) => this.get(id)?.typing ?? [],
      set: (id, typing) => this.#patch(id, { typing }),
    })
  }

  get(id: string): ConversationState | undefined {
    return this.#tracked.get(id)?.state
  }

  all(): ConversationState[] {
    return [...this.#tracked.values()].map((tracked) => tracked.state)
  }

  /** Follows a conversation and loads its last page, unless both are done. */
  open(id: string): void {
    const tracked = this.#tracked.get(id) ?? this.#track(emptyConversation(id))
    if (tracked.phase !== 'loading' && (!tracked.state.loaded || tracked.phase === 'refused'))
      void this.#load(id)
  }

  /** Follows a conversation from what the list says of it, without its history. */
  follow(item: ConversationItem): void {
    const me = this.#options.me()
    if (me === undefined || this.#tracked.has(item.conversation_id)) return
    this.#track({
      ...emptyConversation(item.conversation_id),
      epoch: item.epoch,
      rev: item.rev,
      headSeq: item.seq,
      session: item.session,
      items: item.last_message ? [item.last_message] : [],
      members: [{ user: me, read: item.read, delivered: item.read, active: true }],
    })
    this.#reattach(item.conversation_id)
  }

  async loadOlder(id: string): Promise<void> {
    const cursor = this.get(id)?.olderCursor
    if (cursor === undefined) return
    const page = await this.#options.api.history(id, { before: cursor, limit: PAGE })
    const state = this.get(id)
    if (state?.olderCursor === cursor) this.#set(id, withOlderPage(state, page))
  }

  /** The user has seen everything up to the head. */
  markRead(id: string): void {
    const state = this.get(id)
    const me = this.#options.me()
    if (state === undefined || me === undefined || !this.#marks.read(state, me)) return
    this.#set(id, withMarks(state, { user: me, read: state.headSeq, delivered: state.headSeq }))
  }

  resume(): void {
    this.#attach.reset()
    for (const [id, tracked] of this.#tracked) {
      if (tracked.phase !== 'loading') this.#reattach(id)
    }
  }

  receive(frame: ServerFrameOf<'attached' | 'deliver' | 'marks' | 'typing' | 'queue' | 'added'>): void {
    switch (frame.t) {
      case 'attached':
        for (const item of frame.items) this.#attached(item)
        break
      case 'deliver':
        this.#deliver(frame)
        break
      case 'marks':
        this.#update(frame.conversation, (state) => withMarks(state, frame))
        break
      case 'typing':
        this.#typing.heard(frame)
        break
      case 'queue':
        this.#patch(frame.conversation, { queue: frame })
        break
      case 'added':
        this.#added(frame.conversation)
        break
    }
  }

  #track(state: ConversationState): Tracked {
    const tracked: Tracked = { state, phase: 'refused', load: 0, restarts: 0 }
    this.#tracked.set(state.id, tracked)
    return tracked
  }

  #added(id: string): void {
    if (this.#tracked.get(id)?.phase === 'refused') void this.#load(id)
    else if (this.#tracked.has(id)) this.#reattach(id)
  }

  async #load(id: string): Promise<void> {
    const tracked = this.#tracked.get(id)
    if (tracked === undefined) return
    tracked.phase = 'loading'
    const load = ++tracked.load
    try {
      const page = await this.#lastPage(id)
      if (tracked.load !== load) return
      this.#set(id, page ? withLastPage(tracked.state, page) : { ...tracked.state, loaded: true })
      this.#reattach(id)
    } catch {
      if (tracked.load === load) this.#options.clock.setTimeout(() => void this.#load(id), RELOAD_AFTER_MS)
    }
  }

  /** Nothing if the conversation does not exist yet: it does with its first message. */
  async #lastPage(id: string): Promise<HistoryPage | undefined> {
    try {
      return await this.#options.api.history(id, { limit: PAGE })
    } catch (error) {
      const absent = error instanceof ApiError && [NO_SUCH_CONVERSATION, NOT_A_MEMBER].includes(error.code)
      if (absent) return undefined
      throw error
    }
  }

  #reattach(id: string): void {
    const tracked = this.#tracked.get(id)
    if (tracked === undefined) return
    tracked.phase = 'attaching'
    const { epoch, rev } = tracked.state
    this.#attach.add(epoch === undefined ? { conversation: id } : { conversation: id, epoch, rev })
  }

  /** Also comes unasked to a live conversation: then continuity was lost, or it may not be followed any more. */
  #attached(item: AttachedItem): void {
    const tracked = this.#tracked.get(item.conversation)
    // A page that is being loaded is followed by an attach of its own, whatever this one says.
    if (tracked?.phase !== 'attaching' && tracked?.phase !== 'live') return
    if ('error' in item) {
      tracked.phase = 'refused'
      return
    }
    const before = tracked.state
    const uncovered = before.epoch === undefined ? item.rev > before.rev : !item.recovered
    if (uncovered) {
      this.#startOver(tracked)
      return
    }
    if (tracked.phase === 'live') return
    tracked.phase = 'live'
    tracked.restarts = 0
    this.#set(item.conversation, withAttached(before, item))
    this.#tellMarks(item)
  }

  /** What we have may have holes now, so none of it stays but where the own marks stand. */
  #startOver(tracked: Tracked): void {
    const { id, members, typing } = tracked.state
    tracked.state = { ...emptyConversation(id), members, typing }
    tracked.phase = 'loading'
    tracked.restarts += 1
    // The first time at once; a server that keeps saying no is not asked in a tight loop.
    const delay = tracked.restarts > 1 ? RELOAD_AFTER_MS : 0
    this.#options.clock.setTimeout(() => void this.#load(id), delay)
  }

  #deliver(frame: ServerFrameOf<'deliver'>): void {
    const tracked = this.#tracked.get(frame.conversation)
    if (tracked === undefined || tracked.phase === 'loading' || tracked.phase === 'refused') return
    if (frame.epoch !== tracked.state.epoch) {
      if (tracked.phase === 'live') this.#reattach(frame.conversation)
      return
    }
    const fresh: EventOf<'message'>[] = []
    for (const event of frame.events) {
      if (event.rev <= tracked.state.rev) continue
      if (event.rev > tracked.state.rev + 1) {
        if (tracked.phase === 'live') this.#reattach(frame.conversation)
        break
      }
      tracked.state = applyEvent(tracked.state, event)
      if (event.type === 'message') fresh.push(event)
    }
    this.#set(frame.conversation, this.#marks.delivered(tracked.state, this.#options.me()))
    for (const event of fresh) this.message.emit({ conversation: frame.conversation, event })
  }

  /** A mark made while there was no connection reaches the server with the first answer. */
  #tellMarks(item: Extract<AttachedItem, { rev: number }>): void {
    const me = this.#options.me()
    const state = this.get(item.conversation)
    if (me === undefined || state === undefined) return
    const told = item.members.find((member) => sameUser(member.user, me))
    this.#marks.catchUp(state, me, told)
  }

  #patch(id: string, change: Partial<ConversationState>): void {
    this.#update(id, (state) => ({ ...state, ...change }))
  }

  #update(id: string, change: (state: ConversationState) => ConversationState): void {
    const state = this.get(id)
    if (state !== undefined) this.#set(id, change(state))
  }

  #set(id: string, state: ConversationState): void {
    const tracked = this.#tracked.get(id)
    if (tracked === undefined) return
    tracked.state = state
    this.changed.emit(id)
  }
}
