/** What a client knows of one conversation: the cursor, what was said, who has read it, the session. No I/O. */

/** Event type to the status that the session has after it. */
const SESSION_STATUS = {
  session_opened: 'waiting',
  session_queued: 'waiting',
  session_assigned: 'active',
  session_transferred: 'active',
  session_requeued: 'waiting',
  session_ended: 'ended',
}

export class Conversation {
  /** The cursor; `epoch` is undefined until a page of history was loaded. */
  epoch
  rev = 0
  /** Attached on the present connection. */
  live = false
  /** How often it was loaded from history since it was live last. */
  reloads = 0
  /** Messages and session events by `rev`, without the hidden ones. */
  items = new Map()
  /** "type/id" of a member to what they have read and what has reached them. */
  marks = new Map()
  session

  constructor(id) {
    this.id = id
  }

  get cursor() {
    return {
      conversation: this.id,
      ...(this.epoch === undefined ? {} : { epoch: this.epoch, rev: this.rev }),
    }
  }

  /** In order; recalled ones have no `content`. */
  get messages() {
    const messages = [...this.items.values()].filter((item) => item.type === 'message')
    return messages.sort((a, b) => a.rev - b.rev)
  }

  get texts() {
    return this.messages
      .filter((message) => message.content?.type === 'text')
      .map((message) => message.content.text)
  }

  /** Starts over from the last page of history. It may have items newer than its `rev`: they come once more. */
  load(page) {
    this.epoch = page.epoch
    this.rev = page.rev
    this.items = new Map(page.items.map((item) => [item.rev, { ...item }]))
    this.session = page.session
    this.#takeMembers(page.members)
  }

  /** The answer to an attach that was recovered. */
  attached(summary) {
    if (this.epoch === undefined) {
      this.epoch = summary.epoch
      this.rev = summary.rev
    }
    this.live = true
    this.reloads = 0
    this.session = summary.session ?? this.session
    this.#takeMembers(summary.members)
  }

  /** Takes events in order, skips those it has; false if one is missing: attach again from the cursor. */
  apply(epoch, events) {
    if (epoch !== this.epoch) return false
    for (const event of events) {
      if (event.rev <= this.rev) continue
      if (event.rev !== this.rev + 1) return false
      this.rev = event.rev
      this.#take(event)
    }
    return true
  }

  mark(user, read, delivered) {
    const known = this.marks.get(`${user.type}/${user.id}`) ?? { read: 0, delivered: 0 }
    this.marks.set(`${user.type}/${user.id}`, {
      read: Math.max(known.read, read),
      delivered: Math.max(known.delivered, delivered),
    })
  }

  #take(event) {
    if (event.type === 'hidden') return
    if (event.type === 'edited')
      return this.#change(event.seq, { content: event.content, edited_at: event.at })
    if (event.type === 'recalled')
      return this.#change(event.seq, { content: undefined, recalled_at: event.at })
    this.items.set(event.rev, event)
    this.#followSession(event)
  }

  #change(seq, fields) {
    for (const item of this.items.values()) if (item.seq === seq) Object.assign(item, fields)
  }

  #followSession(event) {
    if (event.type === 'session_rated' && this.session) this.session.rating = event.score
    const status = SESSION_STATUS[event.type]
    if (status === undefined) return
    if (this.session?.ordinal !== event.session) this.session = { ordinal: event.session }
    this.session.status = status
    if (event.agent) this.session.agent = event.agent
    if (event.type === 'session_requeued') delete this.session.agent
  }

  #takeMembers(members) {
    for (const member of members) this.mark(member.user, member.read, member.delivered)
  }
}
