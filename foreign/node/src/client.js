/**
 * The client: one connection at a time, kept up for as long as the numbers allow; what it knows outlives it.
 *
 * Every frame is an event: `client.on('frame', …)`, after the client has taken it in; `client.on('end', …)` when it gave up.
 */

import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import { Api, ApiError } from './api.js'
import { Commands, Rejected } from './commands.js'
import { Conversation } from './conversation.js'
import { delayMs, isRetryable, reactionTo } from './reaction.js'
import { Blocked, Closed, StreamTransport, WebSocketTransport } from './transport.js'

export { Api, ApiError, Conversation, Rejected }

const NAME = 'kefu-node/1'
const WELCOME_TIMEOUT_MS = 15_000
const ELSEWHERE_DELAY_MS = 3_000
const MOST_ATTACHED_AT_ONCE = 200
const FIRST_PAGE_ATTEMPTS = 5

/** It ended for good: `reaction` is "log in" (a new credential is needed) or "give up". */
export class Ended extends Error {
  constructor(reaction, closed) {
    super(`${reaction}: ${closed.message}`)
    this.reaction = reaction
    this.code = closed.code
  }
}

export class Client extends EventEmitter {
  conversations = new Map()
  /** The last `welcome`, while there is a connection. */
  welcome
  /** "websocket" or "sse", of the connection that there is or was last. */
  connectedBy
  #transport
  #blocked = false
  #leavingMs
  #closed = new AbortController()
  #ended
  #attaches = new Map()
  #lastAttach = 0
  #lastHeard = 0
  #lastSent = 0
  #outgoing = []

  /**
   * `saved` is what `saved` gave earlier; `renew(api)` gets a new credential when the old one is refused;
   * `transport` is "auto", "websocket" or "sse".
   */
  constructor(api, { saved, renew, transport = 'auto' } = {}) {
    super()
    this.api = api
    this.renew = renew
    this.transport = transport
    this.commands = new Commands(saved, (...frames) => this.tell(...frames))
    this.setMaxListeners(0)
  }

  /** Connects; resolves when the first `welcome` is there. */
  async start() {
    this.#keepConnected().catch((error) => this.#end(error))
    await this.until(() => this.welcome, WELCOME_TIMEOUT_MS)
  }

  close() {
    this.#closed.abort()
    this.#transport?.close()
  }

  /** What has to be kept if the program may restart: the device and its unanswered commands. */
  get saved() {
    return this.commands.saved
  }

  /** Waits until something holds; it is looked at after every frame. Rejects if the client has ended. */
  until(condition, timeoutMs = 10_000) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#ended) done(() => reject(this.#ended))
        else if (condition()) done(resolve)
      }
      const timer = setTimeout(
        () => done(() => reject(new Error(`not within ${timeoutMs} ms: ${condition}`))),
        timeoutMs,
      )
      const done = (settle) => {
        clearTimeout(timer)
        this.off('change', look)
        settle()
      }
      this.on('change', look)
      look()
    })
  }

  /** Loads the last page of a conversation, keeps it up to date from there, and resolves when it is attached. */
  async follow(id) {
    if (!this.conversations.has(id)) {
      const fresh = new Conversation(id)
      fresh.load(await this.#firstPage(id))
      this.conversations.set(id, fresh)
      this.#attach([fresh])
    }
    const known = this.conversations.get(id)
    await this.until(() => known.live || known.lost)
    if (known.lost) throw known.lost
    return known
  }

  unfollow(id) {
    if (this.conversations.delete(id)) this.tell({ t: 'detach', items: [id] })
  }

  /** Gives a command; resolves with its `ack`, or rejects with `Rejected`. */
  send(conversation, body) {
    return this.commands.post(conversation, body)
  }

  say(conversation, text) {
    return this.send(conversation, { type: 'message', content: { type: 'text', text } })
  }

  /** `{read}`, `{delivered}` or both: the `seq` up to which. */
  mark(conversation, marks) {
    this.tell({ t: 'mark', conversation, ...marks })
  }

  typing(conversation, on, preview) {
    this.tell({ t: 'typing', conversation, on, preview })
  }

  /** An agent's: online, away, busy or offline. */
  status(status) {
    this.tell({ t: 'status', status })
  }

  /** Frames that are told in one turn go out together. Without a connection they are dropped. */
  tell(...frames) {
    if (!this.welcome || frames.length === 0) return
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush())
    this.#outgoing.push(...frames)
  }

  #flush() {
    const frames = this.#outgoing.splice(0)
    if (!this.welcome) return
    this.#lastSent = Date.now()
    this.#transport.send(frames)
  }

  // One connection after the other.

  async #keepConnected() {
    let attempts = 0
    while (!this.#closed.signal.aborted) {
      try {
        await this.#connection()
      } catch (error) {
        const welcomed = this.welcome !== undefined
        this.#disconnected()
        // Once by a stream; the connection after that tries a WebSocket again.
        this.#blocked = error instanceof Blocked
        if (this.#blocked) continue
        if (!(error instanceof Closed)) throw error
        attempts = welcomed ? 0 : attempts + 1
        await this.#react(error, attempts)
      }
    }
  }

  async #connection() {
    const byStream = this.transport === 'sse' || (this.transport === 'auto' && this.#blocked)
    const Transport = byStream ? StreamTransport : WebSocketTransport
    this.connectedBy = byStream ? 'sse' : 'websocket'
    const transport = new Transport(this.api, this.commands.device, NAME)
    this.#transport = transport
    this.#lastHeard = this.#lastSent = Date.now()
    let beat
    const silent = new Promise((_, reject) => {
      beat = setInterval(() => this.#beat(reject), 1000)
    })
    try {
      await Promise.race([transport.run((frames) => this.#takeAll(transport, frames)), silent])
    } finally {
      clearInterval(beat)
      transport.close()
    }
  }

  #beat(reject) {
    const everyMs = this.welcome ? this.welcome.heartbeat_s * 1000 : WELCOME_TIMEOUT_MS / 2
    if (Date.now() - this.#lastHeard > 2 * everyMs)
      reject(new Closed(undefined, 'nothing was heard for too long'))
    else if (Date.now() - this.#lastSent >= everyMs) this.tell({ t: 'ping' })
  }

  async #react(closed, attempts) {
    const leavingMs = this.#leavingMs
    this.#leavingMs = undefined
    const reaction = reactionTo(closed.code)
    if (reaction === 'give up' || (reaction === 'log in' && !this.renew)) throw new Ended(reaction, closed)
    if (reaction === 'log in') await this.renew(this.api)
    const waitMs = delayMs(attempts) + (reaction === 'elsewhere' ? ELSEWHERE_DELAY_MS : 0)
    await sleep(leavingMs ?? closed.retryAfterMs ?? waitMs, undefined, { signal: this.#closed.signal }).catch(
      () => {},
    )
  }

  #disconnected() {
    this.welcome = undefined
    this.#outgoing = []
    this.#attaches.clear()
    this.commands.disconnected()
    for (const known of this.conversations.values()) known.live = false
    this.emit('change')
  }

  #end(error) {
    this.#ended = error
    this.commands.fail(error)
    this.emit('change')
    this.emit('end', error)
  }

  // Frames.

  #takeAll(transport, frames) {
    this.#lastHeard = Date.now()
    for (const frame of frames) {
      if (frame.t === 'welcome') transport.frameBytes = frame.limits.frame_bytes
      this.#take(frame)
      this.emit('frame', frame)
    }
    this.emit('change')
    if (this.commands.inFlight) return
    if (this.#leavingMs !== undefined) throw new Closed(undefined, 'left as asked')
    if (this.commands.lostCount) {
      this.commands.becomeAnotherDevice()
      throw new Closed(undefined, 'another device from here on')
    }
  }

  #take(frame) {
    switch (frame.t) {
      case 'welcome':
        this.welcome = frame
        if (frame.token) this.api.token = frame.token
        this.#attach([...this.conversations.values()])
        this.commands.welcomed(frame.limits.in_flight)
        break
      case 'attached':
        for (const item of frame.items) this.#attached(frame.id, item)
        break
      case 'deliver':
        this.#delivered(frame)
        break
      case 'ack':
      case 'rejected':
        this.commands.settle(frame)
        break
      case 'marks':
        this.conversations.get(frame.conversation)?.mark(frame.user, frame.read, frame.delivered)
        break
      case 'goaway':
        this.#leavingMs = frame.reconnect_after_ms
        this.commands.leaving()
        break
      case 'error':
        if (frame.fatal) throw new Closed(frame.code, frame.title)
    }
  }

  /** From the cursors; the answers come as `attached`. Without a connection the next `welcome` does it. */
  #attach(conversations) {
    if (!this.welcome) return
    for (let start = 0; start < conversations.length; start += MOST_ATTACHED_AT_ONCE) {
      const some = conversations.slice(start, start + MOST_ATTACHED_AT_ONCE)
      const id = ++this.#lastAttach
      this.#attaches.set(id, new Set(some.map((conversation) => conversation.id)))
      this.tell({ t: 'attach', id, items: some.map((conversation) => conversation.cursor) })
    }
  }

  #attached(attach, item) {
    const waiting = this.#attaches.get(attach)
    waiting?.delete(item.conversation)
    if (waiting?.size === 0) this.#attaches.delete(attach)
    const known = this.conversations.get(item.conversation)
    if (!known) return
    if (item.recovered) known.attached(item)
    else if (item.error === undefined) this.#background(this.#reload(known))
    else if (isRetryable(item.error)) this.#background(sleep(delayMs(2)).then(() => this.#attach([known])))
    else this.#lose(known, new Rejected({ code: item.error, title: 'cannot be attached' }))
  }

  #delivered(frame) {
    const known = this.conversations.get(frame.conversation)
    if (!known || known.apply(frame.epoch, frame.events)) return
    const attaching = [...this.#attaches.values()].some((waiting) => waiting.has(known.id))
    if (!attaching) this.#attach([known])
  }

  /** History is a moment behind the log: who was added just now is not a member there yet. */
  async #firstPage(id) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.api.history(id)
      } catch (error) {
        if (error.status !== 404 || attempt === FIRST_PAGE_ATTEMPTS) throw error
        await sleep(30 * 2 ** attempt)
      }
    }
  }

  /** Continuity was lost: the last page of history, and on from there. */
  async #reload(known) {
    while (this.conversations.get(known.id) === known) {
      // History may still be too far behind: then the attach is not recovered either, and this comes again.
      if (known.reloads > 0) await sleep(delayMs(known.reloads))
      known.reloads += 1
      try {
        known.load(await this.api.history(known.id))
        return this.#attach([known])
      } catch (error) {
        const final = error instanceof ApiError && error.status < 500 && error.status !== 429
        if (final) return this.#lose(known, error)
      }
    }
  }

  #lose(known, why) {
    known.lost = why
    this.conversations.delete(known.id)
    this.emit('change')
  }

  /** Work beside the connection; a fault in it is a fault of this client. */
  #background(work) {
    work.catch((error) => this.#end(error))
  }
}
