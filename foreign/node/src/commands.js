/** The commands of one device in all its conversations: hands them to the connection and settles their answers. */

import { randomBytes } from 'node:crypto'

import { N_WAS_USED, Outbox } from './outbox.js'
import { delayMs } from './reaction.js'

/** A command was refused for good; `code` says why. */
export class Rejected extends Error {
  constructor(frame) {
    super(`${frame.code} ${frame.title}`)
    this.code = frame.code
    this.frame = frame
  }
}

export class Commands {
  /** This device's numbers are worth nothing any more; once nothing is in flight it becomes another one. */
  lostCount = false
  #outboxes = new Map()
  #stalls = new Map()
  #open = false
  #failed

  constructor(saved, tell) {
    this.device = saved?.device ?? randomBytes(12).toString('base64url')
    this.tell = tell
    for (const [id, outbox] of Object.entries(saved?.outboxes ?? {}))
      this.#outboxes.set(id, new Outbox(outbox))
  }

  get saved() {
    const outboxes = [...this.#outboxes].map(([id, outbox]) => [id, outbox.saved])
    return { device: this.device, outboxes: Object.fromEntries(outboxes) }
  }

  get inFlight() {
    return [...this.#outboxes.values()].some((outbox) => outbox.inFlight)
  }

  /** Resolves with the `ack`, however many reconnects that takes. */
  post(conversation, body) {
    if (this.#failed) return Promise.reject(this.#failed)
    return new Promise((resolve, reject) => {
      this.#outbox(conversation).put(body, (end) => {
        if (end instanceof Error) reject(end)
        else if (end.t === 'ack') resolve(end)
        else reject(new Rejected(end))
      })
      this.#push(conversation)
    })
  }

  /** Sends again, in order, what was not answered. */
  welcomed(window) {
    this.#open = true
    for (const [conversation, outbox] of this.#outboxes) {
      outbox.window = window
      this.#push(conversation)
    }
  }

  /** Nothing new goes out; what is in flight may still be answered. */
  leaving() {
    this.#open = false
  }

  disconnected() {
    this.#open = this.lostCount = false
    for (const outbox of this.#outboxes.values()) outbox.disconnected()
  }

  /** There will be no connection any more; what is unanswered stays, to be saved. */
  fail(why) {
    this.#failed = why
    for (const outbox of this.#outboxes.values()) for (const entry of outbox.entries) entry.settle(why)
  }

  becomeAnotherDevice() {
    this.device = randomBytes(12).toString('base64url')
    for (const outbox of this.#outboxes.values()) outbox.renumberFrom(1)
  }

  /** Takes an `ack` or a `rejected`. */
  settle(frame) {
    const outbox = this.#outbox(frame.conversation)
    if (frame.code === N_WAS_USED) this.lostCount = true
    outbox.answered(frame)
    if (frame.t === 'ack') this.#stalls.delete(frame.conversation)
    if (!outbox.canGoOn) return this.#push(frame.conversation)
    const stalls = (this.#stalls.get(frame.conversation) ?? 0) + 1
    this.#stalls.set(frame.conversation, stalls)
    setTimeout(() => {
      if (!outbox.canGoOn) return
      outbox.stalled = false
      this.#push(frame.conversation)
    }, delayMs(stalls)).unref()
  }

  #outbox(conversation) {
    if (!this.#outboxes.has(conversation)) this.#outboxes.set(conversation, new Outbox())
    return this.#outboxes.get(conversation)
  }

  #push(conversation) {
    if (!this.#open || this.lostCount) return
    const due = this.#outbox(conversation).due()
    this.tell(...due.map(({ n, body }) => ({ t: 'command', conversation, n, body })))
  }
}
