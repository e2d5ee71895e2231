import { paraglideVitePlugin } from '@inlang/paraglide-js';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

const server = 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [
    paraglideVitePlugin({ project: './project.inlang', outdir: './src/lib/paraglide', strategy: ['localStorage', 'preferredLanguage', 'baseLocale'] }),
    sveltekit(),
  ],
  server: {
    // The product's server checks Host and Origin: behind the proxy both are its own.
    proxy: Object.fromEntries(
      ['/graphql', '/originals', '/sign-in'].map((path) => [path, { target: server, ws: true, changeOrigin: true, headers: { origin: server } }]),
    ),
  },
});
