import type { ClientFrame, ServerFrame } from '../generated/frames.ts'

export type TransportKind = 'websocket' | 'sse'

/** Why a transport ended; `code` is a close code or the code of an HTTP problem. */
export interface TransportEnd {
  code?: number
  retryAfterMs?: number
}

export interface TransportEvents {
  /** Frames can be sent from now on. */
  opened(): void
  received(frames: ServerFrame[]): void
  /** Any sign of life that is not a frame. */
  alive(): void
  /** Called once, and never after `close()`. */
  ended(end: TransportEnd): void
}

export interface Transport {
  send(frames: ClientFrame[]): void
  close(): void
}

/** Opens a transport for this device; the credential is read anew for each one. */
export type OpenTransport = (events: TransportEvents, device: string) => Transport
