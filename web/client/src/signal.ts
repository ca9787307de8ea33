export type Unsubscribe = () => void

export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>()

  subscribe(listener: (value: T) => void): Unsubscribe {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  emit(value: T): void {
    for (const listener of [...this.#listeners]) listener(value)
  }
}

/** A value that can be read at any time and announces its changes. */
export class Signal<T> {
  #value: T
  readonly #changes = new Emitter<T>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  set(value: T): void {
    this.#value = value
    this.#changes.emit(value)
  }

  subscribe(listener: (value: T) => void): Unsubscribe {
    return this.#changes.subscribe(listener)
  }
}
