import type { ClientFrame, Member, User } from '../generated/frames.ts'
import { memberOf, withMarks, type ConversationState } from './state.ts'

/** Tells the server how far this user has received and read. */
export class MarkKeeper {
  readonly #send: (frames: ClientFrame[]) => boolean

  constructor(send: (frames: ClientFrame[]) => boolean) {
    this.#send = send
  }

  /** False if nothing was unread. */
  read(state: ConversationState, me: User): boolean {
    const mine = memberOf(state, me)
    if (mine === undefined || mine.read >= state.headSeq) return false
    this.#send([{ t: 'mark', conversation: state.id, read: state.headSeq, delivered: state.headSeq }])
    return true
  }

  delivered(state: ConversationState, me: User | undefined): ConversationState {
    const mine = me && memberOf(state, me)
    if (mine === undefined || mine.delivered >= state.headSeq) return state
    this.#send([{ t: 'mark', conversation: state.id, delivered: state.headSeq }])
    return withMarks(state, { ...mine, delivered: state.headSeq })
  }

  catchUp(state: ConversationState, me: User, told: Member | undefined): void {
    const mine = memberOf(state, me)
    if (mine === undefined || told === undefined) return
    if (mine.read > told.read || state.headSeq > told.delivered) {
      this.#send([{ t: 'mark', conversation: state.id, read: mine.read, delivered: state.headSeq }])
    }
  }
}
