import { ApiError, type Api, type KeyValueStore, type VisitorSession } from '@kefu/client'

const KEY = 'kefu.visitor'

/** Who this browser is to the server. Known again after a reload, also while the server is away. */
export class VisitorCredential {
  readonly #store: KeyValueStore
  #session: VisitorSession | undefined

  constructor(store: KeyValueStore) {
    this.#store = store
    this.#session = parse(store.get(KEY))
  }

  get session(): VisitorSession | undefined {
    return this.#session
  }

  get token(): string | undefined {
    return this.#session?.visitor_token
  }

  /** First contact, or the same visitor again with a renewed token and perhaps a name. */
  async contact(api: Api, name?: string): Promise<VisitorSession> {
    const known = { visitor_token: this.token, name }
    return this.#keep(await api.visitorSession(known).catch((error: unknown) => retryAsNew(error, api, name)))
  }

  renew(token: string): void {
    if (this.#session !== undefined) this.#keep({ ...this.#session, visitor_token: token })
  }

  #keep(session: VisitorSession): VisitorSession {
    this.#session = session
    this.#store.set(KEY, JSON.stringify(session))
    return session
  }
}

/** A token that is no longer good is no reason to be turned away: a new visitor begins. */
function retryAsNew(error: unknown, api: Api, name?: string): Promise<VisitorSession> {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403))
    return api.visitorSession({ name })
  throw error
}

function parse(text: string | undefined): VisitorSession | undefined {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as VisitorSession
  } catch {
    return undefined
  }
}
