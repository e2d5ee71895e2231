/** The manual's REST addresses and the GraphQL fields that replaced them. */
export const replacedAddresses: [RegExp, string][] = [
  [/^\/performance\/system-health/, 'query { health }'],
  [/^\/performance\/cache\/clear/, 'mutation { runMaintenance(task: CLEAR_CACHE) }'],
  [/^\/performance\//, 'query { metrics }'],
  [/^\/admin\/maintenance/, 'mutation { setMaintenanceMode }'],
  [/^\/api\/v1\/search/, 'query { search }'],
  [/^\/(api|admin)\//, 'the schema at /graphql'],
];
