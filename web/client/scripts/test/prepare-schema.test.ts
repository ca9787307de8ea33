import { expect, test } from 'vitest'
import { prepareSchema, type Json } from '../prepare-schema.ts'

test('keywords beside a reference add to it', () => {
  const tag = { type: 'object', properties: { t: { const: 'welcome' } }, required: ['t'] }
  expect(prepareSchema({ oneOf: [{ $ref: '#/$defs/Welcome', ...tag }] })).toEqual({
    oneOf: [{ allOf: [{ $ref: '#/$defs/Welcome' }, tag] }],
  })
  expect(prepareSchema({ $ref: '#/$defs/User', description: 'Who.' })).toEqual({ $ref: '#/$defs/User' })
})

test('what may be absent is never null, what must be there may be', () => {
  const nullable = { type: ['integer', 'null'] }
  const schema: Json = {
    properties: {
      seq: nullable,
      user: { description: 'Who.', anyOf: [{ $ref: '#/$defs/User' }, { type: 'null' }] },
      agent: { oneOf: [{ type: 'null' }, { $ref: '#/$defs/User' }] },
      needed: nullable,
    },
    required: ['needed'],
  }
  expect(prepareSchema(schema)).toEqual({
    properties: {
      seq: { type: 'integer' },
      user: { description: 'Who.', anyOf: [{ $ref: '#/$defs/User' }] },
      agent: { oneOf: [{ $ref: '#/$defs/User' }] },
      needed: nullable,
    },
    required: ['needed'],
  })
})
