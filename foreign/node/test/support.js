/** A Kefu process of one's own, people who talk through it, and a proxy that blocks WebSockets. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import WebSocket from 'ws'

import { Api, Client } from '../src/client.js'

const START_LIMIT_MS = 20_000

/** For `test(name, LIMIT, …)`. */
export const LIMIT = { timeout: 60_000 }

export function textBody(text) {
  return { type: 'message', content: { type: 'text', text } }
}

/** The binary with the demo's accounts, on a free loopback port; data and log outlive a kill. */
export class Kefu {
  #process
  #prefix = `foreign${randomBytes(6).toString('hex')}`
  #dir = mkdtempSync(path.join(tmpdir(), 'kefu-foreign-'))

  static async started(t) {
    assert.ok(process.env.KEFU_TEST_BIN, 'KEFU_TEST_BIN must name the binary of Kefu')
    const kefu = new Kefu()
    kefu.port = await freePort()
    kefu.url = `http://127.0.0.1:${kefu.port}`
    t.after(async () => {
      await kefu.kill()
      rmSync(kefu.#dir, { recursive: true, force: true })
    })
    await kefu.start()
    return kefu
  }

  async start() {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('KEFU_'))
    const env = { ...Object.fromEntries(own), KEFU_DEPLOYMENT__PARTITIONS: '4' }
    if (process.env.KEFU_TEST_NATS_URL) {
      env.KEFU_NATS__URL = process.env.KEFU_TEST_NATS_URL
      env.KEFU_NATS__PREFIX = this.#prefix
      env.KEFU_NATS__INBOX_MAX_MIB = '1'
    }
    const args = ['--demo', '--data-dir', path.join(this.#dir, 'data'), '--listen', `127.0.0.1:${this.port}`]
    const log = openSync(path.join(this.#dir, 'log'), 'a')
    this.#process = spawn(process.env.KEFU_TEST_BIN, args, { env, stdio: ['ignore', log, log] })
    closeSync(log)
    for (const started = Date.now(); !(await this.#isReady()); await sleep(30)) {
      const late = Date.now() - started > START_LIMIT_MS
      const said = () => readFileSync(path.join(this.#dir, 'log'), 'utf8').slice(-4000)
      assert.ok(!late && this.#process.exitCode === null, `kefu does not start: ${said()}`)
    }
  }

  async #isReady() {
    return await fetch(`${this.url}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    )
  }

  signal(which) {
    this.#process.kill(which)
  }

  async kill() {
    if (this.#process?.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }

  /** A visitor who follows their support conversation. */
  async visitor(t, { url = this.url, ...options } = {}) {
    const api = new Api(url)
    const visit = await api.visit({ name: 'Ann' })
    const client = await connected(t, api, options)
    return { api, client, chat: await client.follow(visit.support_conversation) }
  }

  /** An agent at work: online, and following what they are added to. */
  async agent(t) {
    const api = new Api(this.url)
    await api.login('kefu001', '123456')
    const client = new Client(api)
    t.after(() => client.close())
    client.on('frame', (frame) => {
      if (frame.t === 'added') client.follow(frame.conversation).catch((error) => client.emit('error', error))
    })
    await client.start()
    client.status('online')
    return client
  }
}

export async function connected(t, api, options) {
  const client = new Client(api, options)
  t.after(() => client.close())
  await client.start()
  return client
}

/** Waits until the agent has the conversation and knows that its session is theirs. */
export async function inSession(agent, id) {
  await agent.until(() => agent.conversations.get(id)?.session?.status === 'active')
  return agent.conversations.get(id)
}

/** Every text, oldest first, once history has everything up to `rev`: it is a moment behind the acks. */
export async function wholeHistory(api, id, rev) {
  let page
  for (const started = Date.now(); ; await sleep(20)) {
    page = await api.history(id, { limit: 200 })
    if (page.rev >= rev) break
    assert.ok(Date.now() - started < 10_000, `history stays at ${page.rev}, ${rev} is wanted`)
  }
  const items = [...page.items]
  while (page.prev) {
    page = await api.history(id, { limit: 200, before: page.prev })
    items.unshift(...page.items)
  }
  return items.filter((item) => item.content).map((item) => item.content.text)
}

/** A proxy that answers 403 to WebSockets and lets everything else through. */
export class BlockingProxy {
  refused = 0
  #sockets = new Set()

  static async started(t, target) {
    const proxy = new BlockingProxy()
    const server = net.createServer((socket) => proxy.#serve(socket, target)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy.url = `http://127.0.0.1:${server.address().port}`
    t.after(() => {
      server.close()
      for (const socket of proxy.#sockets) socket.destroy()
    })
    return proxy
  }

  #serve(socket, target) {
    this.#keep(socket)
    socket.once('data', (head) => {
      if (/^upgrade: websocket/im.test(head.toString('latin1'))) {
        this.refused += 1
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
        return
      }
      const up = net.connect(target, '127.0.0.1', () => up.write(head))
      this.#keep(up)
      up.pipe(socket)
      socket.pipe(up)
      up.on('close', () => socket.destroy())
      socket.on('close', () => up.destroy())
    })
  }

  #keep(socket) {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** A WebSocket without a client around it: says exactly what a test wants said. */
export class Raw {
  #frames = []
  #waiting = []

  static async open(t, url, where = '/ws', protocols = ['kefu.v1.json']) {
    const raw = new Raw()
    raw.socket = new WebSocket(url.replace('http', 'ws') + where, protocols)
    t.after(() => raw.socket.terminate())
    raw.socket.on('message', (data) => raw.#take([JSON.parse(data)].flat()))
    raw.ended = once(raw.socket, 'close').then(([code]) => code)
    await once(raw.socket, 'open')
    return raw
  }

  #take(frames) {
    this.#frames.push(...frames)
    for (const look of this.#waiting.splice(0)) look()
  }

  say(frame) {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  async hello(token, fields = {}) {
    this.say({ t: 'hello', v: 1, token, device: 'raw', ...fields })
    return await this.hear('welcome')
  }

  async command(conversation, n, text) {
    this.say({ t: 'command', conversation, n, body: textBody(text) })
    return await this.hear('ack', 'rejected')
  }

  /** The next frame of these kinds; others are passed over. */
  async hear(...kinds) {
    for (;;) {
      while (this.#frames.length > 0) {
        const frame = this.#frames.shift()
        if (kinds.includes(frame.t)) return frame
      }
      await new Promise((look) => this.#waiting.push(look))
    }
  }
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}
