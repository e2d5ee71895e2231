import { readdirSync } from 'node:fs';
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import typescript from 'typescript-eslint';

const features = readdirSync(new URL('server/', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['cli', 'config', 'platform'].includes(entry.name))
  .map(({ name }) => name);

/** Paths past a feature's index.ts, from wherever they are named. */
const pastTheDoorOf = (names) => ({ regex: `^(\\./|(\\.\\./)+)(${names.join('|')})/(?!index\\.js$)`, message: 'Enter a feature by its index.ts.' });
const pastTheDoor = pastTheDoorOf(features);
const pastTheDoorBut = (feature) => pastTheDoorOf(features.filter((name) => name !== feature));
const anyFeature = { regex: `^(\\./|(\\.\\./)+)(${features.join('|')})/`, message: 'Platform and configuration know no feature.' };
const entryPoints = { regex: '^(\\.\\./)+(app|cli|generate|main|production|reload|schema|teardown)(\\.js|/)', message: 'Nothing depends on an entry point.' };
const restricted = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

export default typescript.config(
  {
    ignores: [
      'node_modules/',
      'dist/',
      'data/',
      'console/build/',
      'console/.svelte-kit/',
      'console/src/lib/gql/',
      'console/src/lib/paraglide/',
      'console/codegen.ts',
      'tests/bench/rivals/',
      '**/*.cjs',
    ],
  },
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
  // Dependencies point one way: entry points -> features -> platform -> configuration; a feature is entered by its index.ts.
  { files: ['server/*.ts', 'server/cli/*.ts'], rules: restricted(pastTheDoor) },
  ...features.map((feature) => ({ files: [`server/${feature}/**/*.ts`], rules: restricted(pastTheDoorBut(feature), entryPoints) })),
  { files: ['server/platform/**/*.ts'], rules: restricted(anyFeature, entryPoints) },
  {
    files: ['server/config/**/*.ts'],
    rules: restricted(anyFeature, entryPoints, { regex: '^(\\.\\./)+platform/', message: 'Configuration knows nothing else.' }),
  },
  ...svelte.configs.recommended,
  {
    files: ['console/**/*.{ts,svelte}'],
    languageOptions: { globals: globals.browser, parserOptions: { project: ['./console/tsconfig.json'], extraFileExtensions: ['.svelte'] } },
    // The console is always served from the root of its address.
    rules: { 'svelte/no-navigation-without-resolve': 'off' },
  },
  {
    files: ['console/**/*.svelte', 'console/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: typescript.parser } },
    // Props of other components are unknown to ESLint; svelte-check judges their types.
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  { files: ['**/*.js'], extends: [typescript.configs.disableTypeChecked] },
);
