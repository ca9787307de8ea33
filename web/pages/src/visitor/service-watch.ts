import type { Api, Service } from '@kefu/client'

const EVERY_MS: Record<Service, number> = { away: 5_000, online: 30_000 }

/** Knows whether anybody is there, as long as that is wanted: asked again now and then while the page is seen. */
export class ServiceWatch {
  readonly #api: Api
  readonly #changed: () => void
  #service: Service
  #wanted = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(api: Api, known: Service | undefined, changed: () => void) {
    this.#api = api
    this.#service = known ?? 'online'
    this.#changed = changed
  }

  get service(): Service {
    return this.#service
  }

  want(wanted: boolean): void {
    if (wanted === this.#wanted) return
    this.#wanted = wanted
    clearTimeout(this.#timer)
    if (wanted) void this.#ask()
  }

  async #ask(): Promise<void> {
    // A page that cannot ask, or nobody looks at, goes on with what it knew.
    const answer =
      document.visibilityState === 'hidden' ? undefined : await this.#api.service().catch(() => undefined)
    if (!this.#wanted) return
    clearTimeout(this.#timer)
    const changed = answer !== undefined && answer.service !== this.#service
    this.#service = answer?.service ?? this.#service
    this.#timer = setTimeout(() => void this.#ask(), EVERY_MS[this.#service])
    if (changed) this.#changed()
  }
}
