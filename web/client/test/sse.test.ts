import { expect, test } from 'vitest'
import { SseParser } from '../src/transport/sse-parser.ts'
import { sseTransport } from '../src/transport/sse.ts'
import type { ServerFrame } from '../src/generated/frames.ts'
import type { TransportEnd } from '../src/transport/transport.ts'
import { settle, welcome } from './fakes.ts'

test('events may come in any pieces', () => {
  const stream = ': hello\n\nevent: x\ndata: {"a":\ndata: 1}\r\n\r\n:\n\ndata:2\n\n'
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const parser = new SseParser()
    const events = [...parser.push(stream.slice(0, cut)), ...parser.push(stream.slice(cut))]
    expect(events).toEqual(['{"a":\n1}', '2'])
  }
})

interface Request {
  url: string
  method: string
  body: unknown
  authorization: string | null
}

class FakeServer {
  readonly requests: Request[] = []
  readonly received: ServerFrame[] = []
  readonly ends: TransportEnd[] = []
  stream!: ReadableStreamDefaultController<Uint8Array>
  answer: (url: string) => Response = () => new Response(null, { status: 202 })

  readonly fetch = (url: string, init: RequestInit = {}): Promise<Response> => {
    this.requests.push({
      url,
      method: init.method ?? 'GET',
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
      authorization: new Headers(init.headers).get('authorization'),
    })
    return Promise.resolve(this.answer(url))
  }

  open() {
    const options = { baseUrl: '', token: () => 'secret', fetch: this.fetch as typeof fetch }
    return sseTransport(options)(
      {
        opened: () => undefined,
        alive: () => undefined,
        received: (frames) => this.received.push(...frames),
        ended: (end) => this.ends.push(end),
      },
      'd 1',
    )
  }

  push(frame: ServerFrame): void {
    this.stream.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(frame)}\n\n`))
  }
}

function streaming(): FakeServer {
  const server = new FakeServer()
  server.answer = (url) => {
    if (!url.includes('?device=')) return new Response(null, { status: 202 })
    return new Response(
      new ReadableStream<Uint8Array>({ start: (controller) => void (server.stream = controller) }),
    )
  }
  return server
}

test('frames go up by POST to the connection that the welcome names, one request at a time', async () => {
  const server = streaming()
  const transport = server.open()
  await settle()
  transport.send([{ t: 'hello', v: 1, device: 'd 1' }])
  server.push(welcome)
  await expect.poll(() => server.received).toEqual([welcome])
  transport.send([{ t: 'ping', id: 1 }])
  transport.send([{ t: 'ping', id: 2 }])
  transport.send([{ t: 'ping', id: 3 }])
  await expect.poll(() => server.requests.length).toBe(3)
  const [get, first, second] = server.requests
  expect(get).toMatchObject({ url: '/api/stream?device=d%201', authorization: 'Bearer secret' })
  expect(first).toMatchObject({ url: '/api/stream/c1', method: 'POST', body: [{ t: 'ping', id: 1 }] })
  expect(second?.body).toEqual([
    { t: 'ping', id: 2 },
    { t: 'ping', id: 3 },
  ])
})

test('the end of the stream ends the transport, but closing it does not report an end', async () => {
  const server = streaming()
  server.open()
  await settle()
  server.stream.close()
  await expect.poll(() => server.ends).toEqual([{}])

  const closed = streaming()
  const transport = closed.open()
  await settle()
  transport.close()
  await settle()
  expect(closed.ends).toEqual([])
})

test.each([
  [401, {}, 4201],
  [401, { code: 4203 }, 4203],
  [403, { code: 4306 }, 4306],
  [503, { code: 4102 }, 4102],
  [404, { code: 2404 }, undefined],
])('HTTP %d with %o ends with code %s', async (status, problem, code) => {
  const server = new FakeServer()
  server.answer = () => new Response(JSON.stringify(problem), { status, headers: { 'retry-after': '2' } })
  server.open()
  await expect.poll(() => server.ends).toEqual([{ code, retryAfterMs: 2_000 }])
})
