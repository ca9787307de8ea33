import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { eventually } from './eventually.ts'

/** The line on stdout that tells the password of the first admin: `… admin … one-time password …: <password>`. */
const ADMIN_PASSWORD = /admin.*password[^:]*:\s*(\S+)/i

export interface ServerOptions {
  demo: boolean
}

/** A kefu process with a data folder of its own, that can be killed and started again at the same address. */
export class Server {
  readonly #options: ServerOptions
  readonly #port: number
  readonly #dataDir: string
  #process: ChildProcess | undefined
  #output = ''

  private constructor(options: ServerOptions, port: number, dataDir: string) {
    this.#options = options
    this.#port = port
    this.#dataDir = dataDir
  }

  static async start(options: ServerOptions): Promise<Server> {
    const dataDir = await mkdtemp(join(tmpdir(), 'kefu-e2e-'))
    const server = new Server(options, await freePort(), dataDir)
    try {
      await server.start()
    } catch (error) {
      await server.remove()
      throw error
    }
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get adminPassword(): string {
    const password = ADMIN_PASSWORD.exec(this.#output)?.[1]
    if (password === undefined) throw new Error('the server told no password of an admin')
    return password
  }

  async start(): Promise<void> {
    const demo = this.#options.demo ? ['--demo'] : []
    const args = [...demo, '--listen', `127.0.0.1:${this.#port}`, '--data-dir', this.#dataDir]
    const child = spawn(binary(), args, {
      env: environment(this.#dataDir),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    this.#process = child
    await eventually('the server is ready', () => this.#ready(child))
  }

  /** As `kill -9`: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child?.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.#dataDir, { recursive: true, force: true })
  }

  async #ready(child: ChildProcess): Promise<boolean> {
    if (child.exitCode !== null) throw new Error(`the server ended:\n${this.#output}`)
    const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(
      () => undefined,
    )
    return response?.ok ?? false
  }
}

function binary(): string {
  const path = process.env['KEFU_TEST_BIN']
  if (path === undefined) throw new Error('KEFU_TEST_BIN must name the kefu binary')
  return path
}

/** Deployments on one NATS are kept apart by a prefix: a new store beside another one's log is refused. */
function environment(dataDir: string): NodeJS.ProcessEnv {
  const nats = process.env['KEFU_TEST_NATS_URL']
  if (nats === undefined) return process.env
  // No balancer looks at it.
  return {
    ...process.env,
    KEFU_NATS__URL: nats,
    KEFU_NATS__PREFIX: basename(dataDir),
    KEFU_SERVER__DRAIN_NOTICE_MS: '0',
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
