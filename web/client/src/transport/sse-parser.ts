/** Server-Sent Events out of arbitrary chunks of text; returns the `data` of each complete event. */
export class SseParser {
  #rest = ''
  #data: string[] = []

  push(chunk: string): string[] {
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    const events: string[] = []
    for (const line of lines) {
      if (line === '') this.#finish(events)
      else if (line.startsWith('data:')) this.#data.push(line.slice(line[5] === ' ' ? 6 : 5))
    }
    return events
  }

  #finish(events: string[]): void {
    if (this.#data.length > 0) events.push(this.#data.join('\n'))
    this.#data = []
  }
}
