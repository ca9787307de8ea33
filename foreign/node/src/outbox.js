/**
 * The numbered commands of one device in one conversation. No I/O: the client asks what is `due`, and tells what came
 * back. Sends in order with a window; after a "not now" everything that is unanswered goes again, in order.
 */

import { isRetryable } from './reaction.js'

const N_IS_NOT_NEXT = 1001
export const N_WAS_USED = 1002

export class Outbox {
  window = 32
  stalled = false
  /** An ack has shown that both sides count alike. Until then one goes at a time: none overtakes a refused one. */
  counted = false

  constructor(saved = { lastN: 0, unanswered: [] }) {
    this.lastN = saved.lastN
    this.entries = saved.unanswered.map(({ n, body }) => ({ n, body, sent: false, settle: () => {} }))
  }

  get saved() {
    return { lastN: this.lastN, unanswered: this.entries.map(({ n, body }) => ({ n, body })) }
  }

  get inFlight() {
    return this.entries.some((entry) => entry.sent)
  }

  /** It stalled, and everything that was in flight is answered: sending again is in order. */
  get canGoOn() {
    return this.stalled && !this.inFlight
  }

  /** `settle` is called with the `ack`, or with the `rejected` that is final. */
  put(body, settle) {
    this.lastN += 1
    this.entries.push({ n: this.lastN, body, sent: false, settle })
  }

  /** What may be sent now; it counts as sent from here on. */
  due() {
    if (this.stalled) return []
    const due = this.entries.slice(0, this.counted ? this.window : 1).filter((entry) => !entry.sent)
    for (const entry of due) entry.sent = true
    return due
  }

  disconnected() {
    this.stalled = false
    for (const entry of this.entries) entry.sent = false
  }

  answered(frame) {
    const refused = frame.t === 'rejected'
    if (!refused) this.counted = true
    if (refused && (isRetryable(frame.code) || frame.code === N_WAS_USED)) return this.#keep(frame.n)
    if (refused && frame.code === N_IS_NOT_NEXT) {
      this.#keep(frame.n)
      // Those behind a command that was not taken are refused too; when all are back, the last answer says where to go on.
      if (this.canGoOn && this.entries[0].n !== frame.expected_n) this.renumberFrom(frame.expected_n)
      return
    }
    const index = this.entries.findIndex((entry) => entry.n === frame.n)
    if (index >= 0) this.entries.splice(index, 1)[0].settle(frame)
  }

  renumberFrom(first) {
    this.entries.forEach((entry, index) => (entry.n = first + index))
    this.lastN = first + this.entries.length - 1
    this.counted = false
  }

  #keep(n) {
    const entry = this.entries.find((entry) => entry.n === n)
    if (!entry) return
    entry.sent = false
    this.stalled = true
  }
}
