/** Names for the parts of the generated frame unions. They hold for any schema that tags frames with `t`. */
import type { ClientFrame, Event, ServerFrame } from './generated/frames.ts'

export type ClientFrameOf<T extends ClientFrame['t']> = Extract<ClientFrame, { t: T }>
export type ServerFrameOf<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>
export type EventOf<T extends Event['type']> = Extract<Event, { type: T }>

export type Welcome = ServerFrameOf<'welcome'>
export type Ack = ServerFrameOf<'ack'>
export type Rejected = ServerFrameOf<'rejected'>
export type AttachedItem = ServerFrameOf<'attached'>['items'][number]

/** A server newer than this client may send frames it does not know: only the shape is checked here. */
export function parseFrames(text: string): ServerFrame[] {
  const parsed: unknown = JSON.parse(text)
  const list: unknown[] = Array.isArray(parsed) ? parsed : [parsed]
  return list.filter(isFrame)
}

function isFrame(value: unknown): value is ServerFrame {
  return typeof value === 'object' && value !== null && 't' in value && typeof value.t === 'string'
}
