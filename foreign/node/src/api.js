/** The calls of docs/http-api.md that a chat needs. */

const TIMEOUT_MS = 10_000

/** A refused call. `code` is Kefu's number, `undefined` if it was not Kefu that answered. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(`${status} ${problem?.code ?? ''} ${problem?.title ?? ''}`.trim())
    this.status = status
    this.code = problem?.code
    this.retryAfterMs = /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) * 1000 : undefined
  }
}

/** The number in a problem document; other bodies (a proxy's page) have none. */
export function problemOf(contentType, body) {
  if (!contentType?.startsWith('application/problem+json')) return undefined
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** `token` is an agent's session token or a visitor's token, once there is one. */
export class Api {
  constructor(baseUrl, token) {
    this.baseUrl = baseUrl.replace(/\/$/, '')
    this.token = token
  }

  /** Becomes a visitor, or with `visitor_token` the same one again. */
  async visit(body = {}) {
    const visitor = await this.call('POST', '/api/kehu/session', body)
    this.token = visitor.visitor_token
    return visitor
  }

  /** Becomes an agent. */
  async login(username, password) {
    const login = await this.call('POST', '/api/kefu/login', { username, password })
    this.token = login.session_token
    return login
  }

  /** A page of history, the last one by default. */
  async history(conversation, query = {}) {
    const search = new URLSearchParams({ conversation_id: conversation, ...query })
    return await this.call('GET', `/api/v1/chat/messages?${search}`)
  }

  async call(method, path, body) {
    const answer = await this.fetch(method, path, body, AbortSignal.timeout(TIMEOUT_MS))
    const text = await answer.text()
    return text === '' ? undefined : JSON.parse(text)
  }

  /** The answer itself, for one that is read bit by bit. */
  async fetch(method, path, body, signal, headers = {}) {
    const given = body === undefined ? {} : { 'Content-Type': 'application/json' }
    const authorization = this.token ? { Authorization: `Bearer ${this.token}` } : {}
    const answer = await fetch(this.baseUrl + path, {
      method,
      signal,
      headers: { ...given, ...authorization, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    if (answer.ok) return answer
    const problem = problemOf(answer.headers.get('content-type'), await answer.text())
    throw new ApiError(answer.status, problem, answer.headers.get('retry-after'))
  }
}
