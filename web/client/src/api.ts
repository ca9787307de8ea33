import { apiError } from './problem.ts'
import type {
  AgentChange,
  ConversationList,
  HistoryPage,
  LoginAnswer,
  LoginRequest,
  NewAgent,
  PasswordChange,
  ServiceAnswer,
  SessionInfo,
  SessionList,
  UserInfo,
  UserList,
  VisitorRequest,
  VisitorSession,
} from './rest-types.ts'

export interface ApiOptions {
  baseUrl: string
  token: () => string | undefined
  fetch: typeof fetch
}

type Query = Record<string, string | number | undefined>

/** The calls our pages make, one method each. Every refusal is thrown as an ApiError. */
export class Api {
  readonly #options: ApiOptions

  constructor(options: ApiOptions) {
    this.#options = options
  }

  /** With a host site's `identity_token` and the `visitor_token` of an anonymous visitor, that visitor is linked to the user. */
  visitorSession(body: VisitorRequest): Promise<VisitorSession> {
    return this.#call('POST', '/api/kehu/session', body)
  }

  /** Whether anybody takes chats now. */
  service(): Promise<ServiceAnswer> {
    return this.#call('GET', '/api/kehu/service')
  }

  login(body: LoginRequest): Promise<LoginAnswer> {
    return this.#call('POST', '/api/kefu/login', body)
  }

  async logout(): Promise<void> {
    await this.#request('POST', '/api/kefu/logout')
  }

  history(conversation: string, page: { before?: string; limit?: number } = {}): Promise<HistoryPage> {
    return this.#call('GET', '/api/v1/chat/messages' + query({ conversation_id: conversation, ...page }))
  }

  conversations(pageSize = 100): Promise<ConversationList> {
    return this.#call('GET', '/api/v1/chat/conversations' + query({ page_size: pageSize }))
  }

  waitingSessions(pageSize = 100): Promise<SessionList> {
    return this.#call('GET', '/api/sessions' + query({ status: 'waiting', page_size: pageSize }))
  }

  assign(customerId: string): Promise<SessionInfo> {
    return this.#call('POST', `/api/kefu/assign/${encodeURIComponent(customerId)}`, {})
  }

  agents(pageSize = 200): Promise<UserList> {
    return this.#call('GET', '/api/users' + query({ type: 'kefu', page_size: pageSize }))
  }

  createAgent(agent: NewAgent): Promise<UserInfo> {
    return this.#call('POST', '/api/users', agent)
  }

  changeAgent(id: string, change: AgentChange): Promise<UserInfo> {
    return this.#call('PUT', `/api/users/${encodeURIComponent(id)}`, change)
  }

  /** Ends all logins of that agent. One's own needs the current password: without the right one it is refused with 2008. */
  async setPassword(id: string, change: PasswordChange): Promise<void> {
    await this.#request('PUT', `/api/users/${encodeURIComponent(id)}/password`, change)
  }

  async #call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.#request(method, path, body)
    return (await response.json()) as T
  }

  async #request(method: string, path: string, body?: object): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json' }
    const token = this.#options.token()
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    const response = await this.#options.fetch(this.#options.baseUrl + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    })
    if (!response.ok) throw await apiError(response)
    return response
  }
}

function query(values: Query): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) params.set(key, String(value))
  }
  return `?${params.toString()}`
}
