import js from '@eslint/js';
import globals from 'globals';
import typescript from 'typescript-eslint';

const features = ['access', 'configuration', 'documents', 'golden', 'health', 'indexing', 'ingestion', 'jobs', 'metrics', 'search', 'sources'];

export default typescript.config(
  { ignores: ['node_modules/', 'dist/', 'data/', 'console/', 'tests/bench/rivals/', '**/*.cjs'] },
  js.configs.recommended,
  ...typescript.configs.recommendedTypeChecked,
  {
    languageOptions: { globals: globals.node, parserOptions: { project: ['./tests/tsconfig.json'], tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      // Raw SQL answers with rows of no type: saying which they are is not unnecessary.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
    },
  },
  {
    // Dependencies point one way: entry points -> features -> platform -> configuration; a feature is entered by its index.ts.
    files: ['server/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: `^\\.\\./(${features.join('|')})/(?!index\\.js$)`, message: 'Enter a feature by its index.ts.' }] },
      ],
    },
  },
  {
    files: ['server/platform/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ regex: `^(\\.\\./)+(${features.join('|')})/`, message: 'Platform knows no feature.' }] }],
    },
  },
  { files: ['**/*.js'], extends: [typescript.configs.disableTypeChecked] },
);
