import { ApiError, WRONG_PASSWORD } from '@kefu/client'
import { t } from '../shared/i18n.ts'

/** Why something that was asked of the server did not work, for whoever asked. */
export function failureText(error: unknown): string {
  if (error instanceof ApiError && error.code === WRONG_PASSWORD) return t('wrongPassword')
  return t('failed', { reason: error instanceof Error ? error.message : '' })
}
