import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that start whole systems come first: one that began last would go on alone. */
class SystemsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const late = ({ moduleId }: TestSpecification): number =>
      /\/test\/(system|client|examples|replay)\//.test(moduleId) ? 0 : 1;
    return sorted.sort((one, other) => late(one) - late(other));
  }
}

/** Files of rules and of the catalog, which change nothing of the process they run in: they share what they import. */
const SHARING = ['policy', 'domain', 'catalog', 'activities/control'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

/** Suites against real servers, which are run by themselves: `npm run test:conformance`. */
const CONFORMANCE = 'test/conformance/**';

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'apart',
          include: ['test/**/*.test.ts'],
          exclude: [...SHARING, CONFORMANCE],
          setupFiles: ['test/tell-standing.ts'],
        },
      },
      { extends: true, test: { name: 'sharing', include: SHARING, isolate: false } },
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests start real processes: more at once than cores only makes each of them slower.
    maxWorkers: 2,
    sequence: { sequencer: SystemsFirst },
    reporters: process.env['CI'] === undefined ? ['default'] : ['dot'],
  },
});
