/** A refusal of the REST API (RFC 9457), or `code` 0 for an answer that is none of ours. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: number

  constructor(status: number, code: number, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

interface Problem {
  title?: string
  detail?: string
  code?: number
}

export async function apiError(response: Response): Promise<ApiError> {
  const problem = asProblem(await response.json().catch(() => undefined))
  const message = problem.detail ?? problem.title ?? response.statusText
  return new ApiError(response.status, problem.code ?? 0, message)
}

function asProblem(value: unknown): Problem {
  return typeof value === 'object' && value !== null ? value : {}
}
