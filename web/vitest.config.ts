import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['{client,pages}/test/**/*.test.ts'] } })
