import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['{client,client/scripts,pages}/test/**/*.test.ts'] } })
