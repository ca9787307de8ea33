import { language, t } from './i18n.ts'

const locale = language === 'zh' ? 'zh-CN' : 'en'
const timeFormat = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const dayFormat = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'long', day: 'numeric' })

export function timeOf(at: string): string {
  return timeFormat.format(new Date(at))
}

export function dayOf(at: string): string {
  const day = dayFormat.format(new Date(at))
  return day === dayFormat.format(new Date()) ? t('today') : day
}

/** The time today, the day before that. */
export function briefly(at: string): string {
  const day = dayOf(at)
  return day === t('today') ? timeOf(at) : day
}
