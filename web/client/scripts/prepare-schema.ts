/** A JSON value as it is read from a schema. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
type Schema = Record<string, Json>

/**
 * Says the same as a schema of the server in the words that the generators of types understand:
 * - keywords beside a `$ref` add to it (they would replace what is referred to), a description there is left out;
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
  if ($ref === undefined) return schema
  const extended = ['properties', 'oneOf', 'anyOf'].some((key) => key in rest)
  return extended ? { allOf: [{ $ref }, rest] } : { $ref }
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
  const { type } = property
  if (Array.isArray(type)) {
    const types = type.filter((name) => name !== 'null')
    return { ...property, type: types.length === 1 ? (types[0] ?? 'null') : types }
  }
  for (const key of ['anyOf', 'oneOf']) {
    const choices = property[key]
    if (Array.isArray(choices)) return { ...property, [key]: choices.filter((choice) => !isNull(choice)) }
  }
  return property
}

function isNull(choice: Json): boolean {
  return isSchema(choice) && choice['type'] === 'null'
}

function isSchema(value: Json | undefined): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
