/** The server sends one page for every address; it is drawn in the browser. */
export const ssr = false;
