/**
 * Imported before anything else: graphql-js and Express look at NODE_ENV when they are loaded, and check and explain
 * more than a server in use wants to pay for.
 */
process.env['NODE_ENV'] ??= 'production';

export {};
