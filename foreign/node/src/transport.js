/**
 * The two ways to an edge. `open` gives frames to `onFrames` until it throws `Closed` with the number of the end,
 * or `Blocked` when something on the way does not let WebSockets through.
 */

import { EventSourceParserStream } from 'eventsource-parser/stream'
import WebSocket from 'ws'

import { ApiError, problemOf } from './api.js'

const OPEN_TIMEOUT_MS = 10_000
/** A comment comes every 15 s; a stream that is silent for this long is dead. */
const STREAM_SILENCE_MS = 45_000
const MOST_FRAMES = 64
/** Until `welcome` tells `limits.frame_bytes`. */
const FIRST_FRAME_BYTES = 16 * 1024

export class Closed extends Error {
  constructor(code, reason, retryAfterMs) {
    super(`${code ?? 'broken'} ${reason ?? ''}`.trim())
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

export class Blocked extends Error {}

/** Frames in messages: at most 64 in one, together no more bytes than one frame may have. */
export function messages(frames, mostBytes) {
  const groups = []
  let size = 0
  for (const frame of frames) {
    const bytes = Buffer.byteLength(JSON.stringify(frame)) + 1
    if (groups.length === 0 || groups.at(-1).length === MOST_FRAMES || size + bytes > mostBytes) {
      groups.push([])
      size = 2
    }
    groups.at(-1).push(frame)
    size += bytes
  }
  return groups.map((group) => (group.length === 1 ? group[0] : group))
}

export class WebSocketTransport {
  frameBytes = FIRST_FRAME_BYTES
  #socket

  constructor(api, device, client) {
    this.api = api
    this.hello = { t: 'hello', v: 1, device, client, batch: true }
  }

  run(onFrames) {
    const url = `${this.api.baseUrl.replace(/^http/, 'ws')}/ws`
    const socket = new WebSocket(url, ['kefu.v1.json'], { handshakeTimeout: OPEN_TIMEOUT_MS })
    this.#socket = socket
    return new Promise((_, reject) => {
      let opened = false
      socket.on('open', () => {
        opened = true
        this.send([{ ...this.hello, token: this.api.token }])
      })
      socket.on('message', (data) => {
        const message = JSON.parse(data.toString())
        try {
          onFrames(Array.isArray(message) ? message : [message])
        } catch (error) {
          reject(error)
        }
      })
      socket.on('unexpected-response', (_request, answer) => {
        const chunks = []
        answer.on('data', (chunk) => chunks.push(chunk))
        answer.on('error', (error) => reject(new Closed(undefined, error.message)))
        answer.on('end', () => reject(refusedHandshake(answer, Buffer.concat(chunks).toString())))
      })
      socket.on('close', (code, reason) => {
        reject(new Closed(code === 1006 ? undefined : code, reason.toString()))
      })
      socket.on('error', (error) => {
        const unreachable = ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENOTFOUND'].includes(error.code)
        reject(opened || unreachable ? new Closed(undefined, error.message) : new Blocked(error.message))
      })
    })
  }

  send(frames) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return
    for (const message of messages(frames, this.frameBytes)) this.#socket.send(JSON.stringify(message))
  }

  close() {
    this.#socket?.terminate()
  }
}

/** Only Kefu answers with a number; anybody else who refuses blocks WebSockets. */
function refusedHandshake(answer, body) {
  const problem = problemOf(answer.headers['content-type'], body)
  if (problem?.code === undefined) return new Blocked(`HTTP ${answer.statusCode} instead of a WebSocket`)
  const error = new ApiError(answer.statusCode, problem, answer.headers['retry-after'])
  return new Closed(error.code, error.message, error.retryAfterMs)
}

/** Server-Sent Events down, POST up. There is no `hello`: `welcome` comes by itself. */
export class StreamTransport {
  frameBytes = FIRST_FRAME_BYTES
  #abort = new AbortController()
  #connectionId
  #posts = Promise.resolve()
  #fail = () => {}

  constructor(api, device, client) {
    this.api = api
    this.query = new URLSearchParams({ device, client })
  }

  async run(onFrames) {
    const failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    try {
      await Promise.race([this.#read(onFrames), failed])
    } catch (error) {
      throw closedBy(error)
    }
  }

  async #read(onFrames) {
    let silence = setTimeout(() => this.close(), OPEN_TIMEOUT_MS)
    try {
      const headers = { Accept: 'text/event-stream' }
      const path = `/api/stream?${this.query}`
      const answer = await this.api.fetch('GET', path, undefined, this.#abort.signal, headers)
      const heard = new TransformStream({
        transform(chunk, controller) {
          silence.refresh()
          controller.enqueue(chunk)
        },
      })
      clearTimeout(silence)
      silence = setTimeout(() => this.close(), STREAM_SILENCE_MS)
      const decoded = answer.body.pipeThrough(heard).pipeThrough(new TextDecoderStream())
      for await (const event of decoded.pipeThrough(new EventSourceParserStream())) {
        const message = JSON.parse(event.data)
        const frames = Array.isArray(message) ? message : [message]
        this.#connectionId ??= frames.find((frame) => frame.t === 'welcome')?.connection_id
        onFrames(frames)
      }
      throw new Closed(undefined, 'the stream ended')
    } finally {
      clearTimeout(silence)
    }
  }

  /** One POST after the other: two at once could change places. */
  send(frames) {
    for (const message of messages(frames, this.frameBytes)) {
      this.#posts = this.#posts.then(() => this.#post(message)).catch((error) => this.#fail(error))
    }
  }

  async #post(message) {
    while (!this.#abort.signal.aborted) {
      try {
        return await this.api.call('POST', `/api/stream/${this.#connectionId}`, message)
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 429) throw error
        await new Promise((done) => setTimeout(done, error.retryAfterMs ?? 1000))
      }
    }
  }

  close() {
    this.#abort.abort()
  }
}

function closedBy(error) {
  if (error instanceof Closed) return error
  if (error instanceof ApiError) return new Closed(error.code, error.message, error.retryAfterMs)
  return new Closed(undefined, error.message)
}
