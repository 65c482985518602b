import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** What each folder may not import: imports point down the list of docs/explanation/house.md, never up or in circles. */
const above = {
  domain: ['policy', 'catalog', 'grid', 'activities', 'workflows', 'worker', 'client', 'bench'],
  policy: ['catalog', 'grid', 'activities', 'workflows', 'worker', 'client', 'bench'],
  catalog: ['policy', 'grid', 'activities', 'workflows', 'worker', 'client', 'bench'],
  grid: ['policy', 'catalog', 'activities', 'workflows', 'worker', 'client', 'bench'],
  'grid/simulated': ['policy', 'catalog', 'activities', 'workflows', 'worker', 'client', 'bench'],
  activities: ['workflows', 'worker', 'client', 'bench'],
  workflows: ['policy', 'catalog', 'grid', 'worker', 'client', 'bench'],
  worker: ['client', 'bench'],
  client: ['bench'],
};

const restricted = (folder, patterns = []) => ({
  files: [`${folder}/**/*.ts`],
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: above[folder].flatMap((name) => [
              `../${name}/**`,
              `../../${name}/**`,
              `../../../${name}/**`,
            ]),
            message: `${folder}/ may not import from above it.`,
          },
          ...patterns,
        ],
      },
    ],
  },
});

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'node_modules/',
      '.fabrica/',
      '.faults/',
      '.recording/',
      'examples/',
      '**/*.mjs',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    plugins: { 'import-x': importX },
    // Files import each other by the names that they have once they are built.
    settings: {
      'import-x/extensions': ['.ts', '.js'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({
          extensions: ['.ts', '.js'],
          extensionAlias: { '.js': ['.ts', '.js'] },
        }),
      ],
    },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/require-await': 'off',
      // What libraries import is theirs.
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'no-console': 'error',
      eqeqeq: 'error',
      // An empty environment variable counts as none.
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { string: true } },
      ],
      // Temporal's protobuf enums are numbers at run time.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Sums come back from SQL as numbers here and as strings elsewhere; a cast says so, an assertion would hide it.
      '@typescript-eslint/no-unnecessary-type-conversion': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  restricted('domain', [
    {
      group: ['node:*', '@temporalio/*', 'kysely', 'better-sqlite3', 'pino'],
      message: 'domain/ knows nothing but words.',
    },
  ]),
  restricted('policy', [
    {
      group: ['node:*', '@temporalio/*', 'kysely', 'better-sqlite3', 'pino', 'zod'],
      message: 'policy/ is pure.',
    },
  ]),
  restricted('catalog', [
    { group: ['@temporalio/*', 'pino'], message: 'catalog/ knows SQL only.' },
  ]),
  restricted('grid', [
    {
      group: ['@temporalio/*', 'kysely', 'better-sqlite3'],
      message: 'grid/ knows what is out there only.',
    },
  ]),
  restricted('grid/simulated', [
    {
      group: ['@temporalio/*', 'kysely'],
      message: 'grid/ knows what is out there only; a simulation remembers in a database.',
    },
  ]),
  restricted('activities'),
  restricted('workflows', [
    {
      group: [
        'node:*',
        'kysely',
        'better-sqlite3',
        'pino',
        'zod',
        '@temporalio/worker',
        '@temporalio/client',
      ],
      message: 'workflows/ run in a sandbox.',
    },
    {
      group: ['../activities/**'],
      allowTypeImports: true,
      message: 'workflows/ import types of activities only.',
    },
    {
      group: ['@temporalio/workflow'],
      importNames: ['proxyLocalActivities', 'scheduleLocalActivity'],
      message: 'Bursts of them can not be replayed: docs/adr/0021-no-local-activities.md.',
    },
  ]),
  restricted('worker'),
  restricted('client'),
  { files: ['client/cli/**/*.ts', 'bench/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'off',
    },
  },
);
