import type { KeyValueStore, LoginAnswer } from '@kefu/client'

const KEY = 'kefu.agent'

/** The agent's login: of this tab, or of this browser if they asked to be remembered. */
export class AgentCredential {
  readonly #tab: KeyValueStore
  readonly #browser: KeyValueStore
  #login: LoginAnswer | undefined

  constructor(tab: KeyValueStore, browser: KeyValueStore) {
    this.#tab = tab
    this.#browser = browser
    this.#login = parse(tab.get(KEY) ?? browser.get(KEY))
  }

  get login(): LoginAnswer | undefined {
    return this.#login
  }

  get token(): string | undefined {
    return this.#login?.session_token
  }

  keep(login: LoginAnswer, remember: boolean): void {
    this.forget()
    this.#login = login
    const store = remember ? this.#browser : this.#tab
    store.set(KEY, JSON.stringify(login))
  }

  forget(): void {
    this.#login = undefined
    this.#tab.remove(KEY)
    this.#browser.remove(KEY)
  }
}

function parse(text: string | undefined): LoginAnswer | undefined {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as LoginAnswer
  } catch {
    return undefined
  }
}
