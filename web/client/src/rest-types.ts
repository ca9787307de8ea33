/** Names for the shapes of the REST API that our pages use, a little narrower where its description says `string`. */
import type { Event } from './generated/frames.ts'
import type { components } from './generated/openapi.ts'

type Schemas = components['schemas']
type Narrowed<T, Change> = Omit<T, keyof Change> & Change

export type Role = Schemas['Role']

/** A message, or an event of a session (then without `message_id`). */
export type TimelineItem = Narrowed<Schemas['Message'], { type: Event['type'] }>

export type HistoryPage = Narrowed<Schemas['HistoryAnswer'], { items: TimelineItem[] }>

export type ConversationItem = Narrowed<
  Schemas['ConversationItem'],
  { kind: 'support' | 'direct' | 'room'; last_message?: TimelineItem }
>

export type ConversationList = Narrowed<Schemas['List_ConversationItem'], { items: ConversationItem[] }>
export type SessionInfo = Schemas['Session']
export type SessionList = Schemas['SessionsAnswer']
export type UserInfo = Schemas['User']
export type UserList = Schemas['List_User']
export type VisitorRequest = Schemas['VisitorRequest']
export type VisitorSession = Schemas['VisitorAnswer']
export type Service = Schemas['Service']
export type ServiceAnswer = Schemas['ServiceAnswer']
export type LoginRequest = Schemas['LoginRequest']
export type LoginAnswer = Schemas['LoginAnswer']
export type NewAgent = Schemas['CreateRequest']
export type AgentChange = Schemas['UpdateRequest']
export type PasswordChange = Schemas['PasswordRequest']
