import type { OutboxEntry } from './entry.ts'

/** The numbered commands of one conversation, in the order in which the user gave them. */
export class Lane {
  next: number
  /** Not before this time (ms): the server asked for patience. */
  pausedUntil = 0
  retries = 0
  entries: OutboxEntry[] = []
  #expected: number | undefined
  #draining = false

  constructor(next: number) {
    this.next = next
  }

  number(): number {
    return this.next++
  }

  /**
   * The order is broken until everything unanswered was answered: what follows a refused number is refused too, and
   * renumbering under answers still on their way would mistake them for answers to others.
   */
  drain(expected?: number): void {
    this.#draining = true
    this.#expected = expected ?? this.#expected
  }

  /** True once sending may go on, with numbers from the expected one. */
  settled(): boolean {
    if (!this.#draining) return true
    if (this.entries.some((entry) => entry.phase === 'sent')) return false
    if (this.#expected !== undefined) this.#renumberFrom(this.#expected)
    this.#draining = false
    this.#expected = undefined
    return true
  }

  /** A new device starts at 1, and the server knows nothing of it. */
  startOver(): void {
    this.next = 1
    this.#draining = false
    this.#expected = undefined
    for (const entry of this.entries) {
      if (entry.phase !== 'queued') continue
      entry.n = this.number()
      entry.tried = false
      entry.conflicted = false
    }
  }

  /** Numbers below the expected one are known to the server: they keep theirs and get their old answers. */
  #renumberFrom(expected: number): void {
    this.next = expected
    for (const entry of this.entries) {
      if (entry.phase === 'queued' && !(entry.tried && entry.n < expected)) entry.n = this.number()
    }
  }
}
