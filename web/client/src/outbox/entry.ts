import type { CommandBody } from '../generated/frames.ts'

export interface Failure {
  code: number
  title: string
}

/**
 * queued: to be sent (again). sent: unanswered on this link. accepted: acked, its event is still to come.
 * failed: refused for good, kept until the user retries or discards it.
 */
export type Phase = 'queued' | 'sent' | 'accepted' | 'failed'

export interface OutboxEntry {
  readonly id: string
  readonly conversation: string
  readonly body: CommandBody
  readonly at: string
  n: number
  phase: Phase
  /** It went out under this `n` before, so the server may know it. */
  tried: boolean
  /** The server knows this `n` with other content. */
  conflicted?: boolean
  failure?: Failure
  /** The `rev` of its outcome, once accepted. */
  rev?: number
}

/** What an outbox keeps over a reload. */
export interface SavedOutbox {
  /** The next `n` per conversation. */
  next: Record<string, number>
  entries: OutboxEntry[]
}

export function parseSaved(text: string | undefined): SavedOutbox {
  if (text === undefined) return { next: {}, entries: [] }
  try {
    return JSON.parse(text) as SavedOutbox
  } catch {
    return { next: {}, entries: [] }
  }
}
