import type { ServerFrame } from '../generated/frames.ts'
import { parseFrames } from '../wire.ts'
import type { OpenTransport, TransportEvents } from './transport.ts'

/** The part of WebSocket that is used, so that tests can stand in for it. */
export interface SocketLike {
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number }) => void) | null
  send(data: string): void
  close(code?: number): void
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike

export function webSocketTransport(url: string, Socket: SocketConstructor): OpenTransport {
  return (events) => {
    const socket = new Socket(url, ['kefu.v1.json'])
    socket.onopen = () => events.opened()
    socket.onmessage = ({ data }) => receive(data, events)
    socket.onclose = ({ code }) => events.ended({ code })
    return {
      send: (frames) => socket.send(JSON.stringify(frames.length === 1 ? frames[0] : frames)),
      close() {
        socket.onopen = socket.onmessage = socket.onclose = null
        socket.close(1000)
      },
    }
  }
}

function receive(data: unknown, events: TransportEvents): void {
  let frames: ServerFrame[] = []
  try {
    frames = typeof data === 'string' ? parseFrames(data) : []
  } catch {
    // Something between us and the server spoke. It counts as nothing more than a sign of life.
  }
  if (frames.length > 0) events.received(frames)
  else events.alive()
}
