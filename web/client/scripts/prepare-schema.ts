/** A JSON value as it is read from a schema. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
type Schema = Record<string, Json>

/**
 * Says the same as the generated schema in the words that json-schema-to-typescript understands:
 * - keywords beside a `$ref` add to it (it would let them replace what is referred to);
 * - a property that may be absent is never null: the server leaves it out.
 */
export function prepareSchema(node: Json): Json {
  if (Array.isArray(node)) return node.map(prepareSchema)
  if (node === null || typeof node !== 'object') return node
  const prepared: Schema = {}
  for (const [key, child] of Object.entries(withoutNulls(node))) prepared[key] = prepareSchema(child)
  return extendReference(prepared)
}

function extendReference(schema: Schema): Schema {
  const { $ref, ...rest } = schema
  const extended = $ref !== undefined && ['properties', 'oneOf', 'anyOf'].some((key) => key in rest)
  return extended ? { allOf: [{ $ref }, rest] } : schema
}

function withoutNulls(schema: Schema): Schema {
  const { properties, required } = schema
  if (!isSchema(properties)) return schema
  const needed = Array.isArray(required) ? required : []
  const entries = Object.entries(properties).map(([name, property]) => {
    const optional = isSchema(property) && !needed.includes(name)
    return [name, optional ? withoutNull(property) : property] as const
  })
  return { ...schema, properties: Object.fromEntries(entries) }
}

function withoutNull(property: Schema): Schema {
  const { type, anyOf } = property
  if (Array.isArray(type)) {
    const types = type.filter((name) => name !== 'null')
    return { ...property, type: types.length === 1 ? (types[0] ?? 'null') : types }
  }
  if (!Array.isArray(anyOf)) return property
  const choices = anyOf.filter((choice) => !(isSchema(choice) && choice['type'] === 'null'))
  return { ...property, anyOf: choices }
}

function isSchema(value: Json | undefined): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
