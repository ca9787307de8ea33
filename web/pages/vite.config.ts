import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const page = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// KEFU_DEV_SERVER says where `npm run dev` finds a running server.
const server = process.env['KEFU_DEV_SERVER'] ?? 'http://127.0.0.1:6006'

export default defineConfig({
  root: page('.'),
  build: {
    outDir: process.env['KEFU_WEB_OUT'] ?? page('../dist'),
    emptyOutDir: true,
    // The pages run under a CSP without inline scripts, styles or data: URLs.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { input: [page('index.html'), page('kehu/index.html'), page('kefu/index.html')] },
  },
  server: { proxy: { '/api': server, '/ws': { target: server, ws: true } } },
})
