import { type CodegenConfig } from '@graphql-codegen/cli';

/** Types the console's operations by the server's schema. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'console/src/**/*.graphql',
  generates: {
    'console/src/lib/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: { useTypeImports: true, enumsAsTypes: true, scalars: { DateTime: 'string', JSONObject: 'Record<string, unknown>', Upload: 'File' } },
    },
  },
};
export default config;
