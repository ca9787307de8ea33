import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Connection } from '../src/connection/connection.ts'
import { memoryStore, systemClock, type KeyValueStore } from '../src/environment.ts'
import { FakeNetwork } from './fakes.ts'

let network: FakeNetwork
let store: KeyValueStore

beforeEach(() => {
  vi.useFakeTimers()
  network = new FakeNetwork()
  store = memoryStore()
})

afterEach(() => {
  vi.useRealTimers()
})

function connect(): Connection {
  const connection = new Connection({
    transports: network.transports,
    hello: () => ({ t: 'hello', v: 1, token: 'secret', device: 'd1', batch: true }),
    clock: systemClock,
    random: () => 0.5,
    store,
  })
  connection.start()
  return connection
}

test('says hello first and is online with the welcome', () => {
  const connection = connect()
  expect(connection.state.value).toEqual({ status: 'connecting' })
  network.latest.open()
  expect(network.latest.sent).toEqual([{ t: 'hello', v: 1, token: 'secret', device: 'd1', batch: true }])
  expect(connection.send([{ t: 'ping' }])).toBe(false)
  network.latest.welcome()
  expect(connection.state.value).toEqual({ status: 'online', transport: 'websocket' })
})

test('pings after 30 s without sending, and gives up after 60 s of silence', () => {
  const connection = connect()
  const first = network.latest
  first.welcome()
  vi.advanceTimersByTime(30_000)
  expect(first.frames('ping')).toHaveLength(1)
  first.receive({ t: 'pong', now: '' })
  vi.advanceTimersByTime(59_999)
  expect(first.closed).toBe(false)
  vi.advanceTimersByTime(1)
  expect(first.closed).toBe(true)
  expect(connection.state.value.status).toBe('waiting')
})

test('a link that is never welcomed is given up after 10 s', () => {
  const connection = connect()
  network.latest.open()
  vi.advanceTimersByTime(10_000)
  expect(network.latest.closed).toBe(true)
  expect(connection.state.value.status).toBe('waiting')
})

test('waits with jitter that grows, and starts over once it was online', () => {
  connect()
  network.latest.welcome()
  for (const delay of [250, 500, 1_000, 2_000, 2_500]) {
    const tries = network.opened.length
    network.latest.end(1006)
    vi.advanceTimersByTime(delay - 1)
    expect(network.opened).toHaveLength(tries)
    vi.advanceTimersByTime(1)
    expect(network.opened).toHaveLength(tries + 1)
  }
  network.latest.welcome()
  network.latest.end(1006)
  vi.advanceTimersByTime(250)
  expect(network.opened).toHaveLength(7)
})

test.each([
  [4002, { status: 'waiting', retryAt: expect.any(Number) as number }],
  [4101, { status: 'waiting', retryAt: expect.any(Number) as number }],
  [4202, { status: 'stopped', reason: 'login', code: 4202 }],
  [4304, { status: 'stopped', reason: 'gave-up', code: 4304 }],
])('close code %d', (code, state) => {
  const connection = connect()
  network.latest.welcome()
  network.latest.end(code)
  expect(connection.state.value).toEqual(state)
  vi.advanceTimersByTime(10 * 60_000)
  expect(network.opened.length > 1).toBe(state.status === 'waiting')
})

test('a fatal error counts where the close carries no code', () => {
  const connection = connect()
  network.latest.open()
  network.latest.receive({ t: 'error', code: 4203, title: 'revoked', fatal: true })
  network.latest.end(1006)
  expect(connection.state.value).toEqual({ status: 'stopped', reason: 'login', code: 4203 })
})

test('goaway: the link is used until its time has come, then another one', () => {
  const connection = connect()
  const first = network.latest
  first.welcome()
  first.receive({ t: 'goaway', code: 4101, reconnect_after_ms: 3_000 })
  vi.advanceTimersByTime(2_999)
  expect(connection.state.value.status).toBe('online')
  vi.advanceTimersByTime(1)
  expect(first.closed).toBe(true)
  expect(network.opened).toHaveLength(2)
})

test('goaway: an earlier close does not make it come back earlier', () => {
  connect()
  network.latest.welcome()
  network.latest.receive({ t: 'goaway', code: 4101, reconnect_after_ms: 3_000 })
  network.latest.end(4101)
  vi.advanceTimersByTime(2_999)
  expect(network.opened).toHaveLength(1)
  vi.advanceTimersByTime(251)
  expect(network.opened).toHaveLength(2)
})

test('hurry skips the wait', () => {
  const connection = connect()
  network.latest.welcome()
  network.latest.end(1006)
  connection.hurry()
  expect(network.opened).toHaveLength(2)
})

function fallBackToSse(): Connection {
  const connection = connect()
  network.latest.end(1006)
  vi.advanceTimersByTime(250)
  network.latest.end(1006)
  vi.advanceTimersByTime(500)
  expect(network.latest.kind).toBe('sse')
  network.latest.welcome()
  return connection
}

test('two WebSockets that fail to open: SSE, remembered for the next page', () => {
  const connection = fallBackToSse()
  expect(connection.state.value).toEqual({ status: 'online', transport: 'sse' })
  connect()
  expect(network.latest.kind).toBe('sse')
  vi.advanceTimersByTime(11 * 60_000)
  connect()
  expect(network.latest.kind).toBe('websocket')
})

test('with the server down, WebSocket and SSE take turns', () => {
  connect()
  const kinds: string[] = []
  for (let attempt = 0; attempt < 6; attempt += 1) {
    kinds.push(network.latest.kind)
    network.latest.end(1006)
    vi.advanceTimersByTime(5_000)
  }
  expect(kinds).toEqual(['websocket', 'websocket', 'sse', 'websocket', 'sse', 'websocket'])
})

test('upgrades in the background, first after 5 s, then every 60 s, and switches over once welcomed', () => {
  const connection = fallBackToSse()
  const stream = network.latest
  let welcomes = 0
  connection.welcomed.subscribe(() => (welcomes += 1))

  vi.advanceTimersByTime(5_000)
  expect(network.latest.kind).toBe('websocket')
  network.latest.end(1006)
  expect(connection.state.value).toEqual({ status: 'online', transport: 'sse' })

  vi.advanceTimersByTime(30_000)
  stream.receive({ t: 'pong', now: '' })
  vi.advanceTimersByTime(30_000)
  const socket = network.latest
  expect(socket.kind).toBe('websocket')
  expect(stream.closed).toBe(false)
  socket.welcome()
  expect(stream.closed).toBe(true)
  expect(welcomes).toBe(1)
  connection.send([{ t: 'ping', id: 7 }])
  expect(socket.frames('ping')).toEqual([{ t: 'ping', id: 7 }])
})
