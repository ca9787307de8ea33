/** The shapes of docs/http-api.md that our pages use. */
import type { AgentStatus, Audience, Content, Member, Session, User } from './generated/frames.ts'
import type { Event } from './generated/frames.ts'

export type Role = 'agent' | 'supervisor' | 'admin'

/** A message, or an event of a session (then without `message_id`). */
export interface TimelineItem {
  message_id?: string
  conversation_id: string
  seq?: number
  rev: number
  at: string
  by?: User
  by_name?: string
  type: Event['type']
  content?: Content
  audience?: Audience
  edited_at?: string
  recalled_at?: string
  session?: number
  agent?: User
  agent_name?: string
  score?: number
}

export interface HistoryPage {
  items: TimelineItem[]
  total?: number
  next?: string
  prev?: string
  conversation_id: string
  epoch: number
  rev: number
  seq: number
  session?: Session
  members: Member[]
}

export interface ConversationItem {
  conversation_id: string
  kind: 'support' | 'direct' | 'room'
  other?: { type: 'kefu' | 'kehu'; id: string; name?: string; online?: boolean }
  last_message?: TimelineItem
  seq: number
  rev: number
  epoch: number
  read: number
  unread: number
  session?: Session
  updated_at: string
}

export interface SessionInfo {
  id: string
  conversation_id: string
  ordinal: number
  customer: { id: string; name?: string }
  status: Session['status']
  agent?: { id: string; name: string }
  opened_at: string
  position?: number
  rating?: number
}

export interface UserInfo {
  id: string
  type: 'kefu' | 'kehu'
  username?: string
  name: string
  role?: Role
  capacity?: number
  status?: AgentStatus
  disabled: boolean
  online: boolean
}

export interface List<T> {
  items: T[]
  total?: number
  next?: string
}

export interface VisitorSession {
  user_id: string
  visitor_token: string
  expires_at: string
  name?: string
  support_conversation: string
}

export interface LoginAnswer {
  session_token: string
  expires_at: string
  user: UserInfo
}

export interface NewAgent {
  username: string
  name: string
  role: Role
  password: string
  capacity?: number
}

export interface AgentChange {
  name?: string
  role?: Role
  capacity?: number
  disabled?: boolean
}
