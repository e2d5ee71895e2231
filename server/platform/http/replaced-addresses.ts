/** The manual's REST addresses and the GraphQL fields that replaced them. */
export const replacedAddresses: [RegExp, string][] = [
  [/^\/performance\/system-health/, 'query { health }'],
  [/^\/performance\/cache\/clear/, 'mutation { clearCache }'],
  [/^\/performance\//, 'query { metrics }'],
  [/^\/api\/v1\/search/, 'query { search }'],
  [/^\/admin\/maintenance/, 'mutation { setMaintenanceMode }'],
  [/^\/(api|admin)\//, 'the schema at /graphql'],
];
