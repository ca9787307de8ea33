import type { User } from '../generated/frames.ts'

export function sameUser(a: User | undefined, b: User | undefined): boolean {
  return a !== undefined && a.type === b?.type && a.id === b.id
}

/** A customer and an agent may have the same id: the type belongs to the key. */
export function userKey(user: User): string {
  return `${user.type}:${user.id}`
}
