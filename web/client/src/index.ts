export { Api } from './api.ts'
export { browserApi, browserClient } from './browser.ts'
export { KefuClient } from './client.ts'
export { WRONG_PASSWORD } from './codes.ts'
export type { ConnectionState } from './connection/connection.ts'
export { receiptOf, unreadCount } from './conversation/state.ts'
export type { ConversationState, Receipt, Typist } from './conversation/state.ts'
export { sameUser } from './conversation/users.ts'
export { webStore } from './environment.ts'
export type { KeyValueStore } from './environment.ts'
export type { AgentStatus, Content, Session, User } from './generated/frames.ts'
export type { OutboxEntry } from './outbox/entry.ts'
export { ApiError } from './problem.ts'
export type {
  AgentChange,
  ConversationItem,
  LoginAnswer,
  NewAgent,
  PasswordChange,
  Role,
  Service,
  SessionInfo,
  TimelineItem,
  UserInfo,
  VisitorSession,
} from './rest-types.ts'
