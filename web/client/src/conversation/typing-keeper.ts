import type { Clock, Timer } from '../environment.ts'
import type { User } from '../generated/frames.ts'
import type { ServerFrameOf } from '../wire.ts'
import type { Typist } from './state.ts'
import { sameUser, userKey } from './users.ts'

/** "off" may never come, if the other side lost its connection: nobody types for longer without saying so again. */
const TYPING_LASTS_MS = 7_000

interface Typists {
  get: (conversation: string) => Typist[]
  set: (conversation: string, typing: Typist[]) => void
}

export class TypingKeeper {
  readonly #clock: Clock
  readonly #typists: Typists
  readonly #timers = new Map<string, Timer>()

  constructor(clock: Clock, typists: Typists) {
    this.#clock = clock
    this.#typists = typists
  }

  heard({ conversation, user, on, preview }: ServerFrameOf<'typing'>): void {
    const key = `${conversation} ${userKey(user)}`
    this.#clock.clearTimeout(this.#timers.get(key))
    this.#timers.delete(key)
    this.#stopped(conversation, user)
    if (!on) return
    this.#timers.set(
      key,
      this.#clock.setTimeout(() => this.#stopped(conversation, user), TYPING_LASTS_MS),
    )
    this.#typists.set(conversation, [...this.#typists.get(conversation), { user, preview }])
  }

  #stopped(conversation: string, user: User): void {
    const typing = this.#typists.get(conversation)
    const others = typing.filter((typist) => !sameUser(typist.user, user))
    if (others.length < typing.length) this.#typists.set(conversation, others)
  }
}
