import type { AttachItem, ClientFrame } from '../generated/frames.ts'

const MAX_ITEMS = 200

/** Collects what is to be attached in one turn of the event loop into as few frames as allowed. */
export class AttachQueue {
  readonly #send: (frames: ClientFrame[]) => boolean
  #items = new Map<string, AttachItem>()
  #lastId = 0

  constructor(send: (frames: ClientFrame[]) => boolean) {
    this.#send = send
  }

  add(item: AttachItem): void {
    if (this.#items.size === 0) queueMicrotask(() => this.#flush())
    this.#items.set(item.conversation, item)
  }

  /** A new link begins: what was queued for the old one is queued again by its owner. */
  reset(): void {
    this.#items.clear()
  }

  #flush(): void {
    const items = [...this.#items.values()]
    this.#items.clear()
    for (let start = 0; start < items.length; start += MAX_ITEMS) {
      this.#lastId += 1
      this.#send([{ t: 'attach', id: this.#lastId, items: items.slice(start, start + MAX_ITEMS) }])
    }
  }
}
