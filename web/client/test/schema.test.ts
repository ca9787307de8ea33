import { expect, test } from 'vitest'
import schema from '../src/generated/frames.schema.json'

type Json = Record<string, unknown>

/** Every value that the schema allows for `t`, wherever the generator put it. */
function tags(node: unknown, found = new Set<string>()): Set<string> {
  if (typeof node !== 'object' || node === null) return found
  const t = ((node as Json)['properties'] as Json | undefined)?.['t'] as Json | undefined
  if (typeof t?.['const'] === 'string') found.add(t['const'])
  if (Array.isArray(t?.['enum'])) for (const tag of t['enum'] as string[]) found.add(tag)
  for (const child of Object.values(node)) tags(child, found)
  return found
}

const FRAMES =
  'hello attach detach command mark typing status ping ' +
  'welcome attached ack rejected deliver marks presence added queue waiting pong goaway error'

test('the schema knows every frame that this client speaks', () => {
  expect([...tags(schema)]).toEqual(expect.arrayContaining(FRAMES.split(' ')))
})
