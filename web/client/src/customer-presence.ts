import { userKey } from './conversation/users.ts'
import type { User } from './generated/frames.ts'
import type { ServerFrameOf } from './wire.ts'

/** Whether customers are online, as far as the server has told on this connection. */
export class CustomerPresence {
  readonly #online = new Map<string, boolean>()

  heard({ user, status }: ServerFrameOf<'presence'>): void {
    if (user.type === 'kehu') this.#online.set(userKey(user), status !== 'offline')
  }

  /** Nothing while nobody has told. */
  isOnline(customer: User): boolean | undefined {
    return this.#online.get(userKey(customer))
  }

  /** A new connection is told anew with each conversation that it attaches. */
  forget(): void {
    this.#online.clear()
  }
}
