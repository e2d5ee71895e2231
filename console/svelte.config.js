import adapter from '@sveltejs/adapter-static';

/** A single-page application: every page is drawn in the browser from one file, which the server sends for all of them. */
export default {
  kit: {
    adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html' }),
    // The server sends the policy, with the hash of SvelteKit's own starting script.
    output: { preloadStrategy: 'modulepreload' },
  },
};
