import type { FieldPath, Problem } from './problem.js';

/** Problems of the productions of a campaign, each told once, with a production that has it. */
export class DistinctProblems {
  readonly list: Problem[] = [];
  readonly #known = new Set<string>();
  /** Places of the file that are wrong by themselves. */
  readonly #wrong = new Set<string>();

  constructor(problems: readonly Problem[] = []) {
    this.addAll(problems);
  }

  /** Takes what is wrong with the file itself. */
  addAll(problems: readonly Problem[]): void {
    for (const one of problems) {
      this.#wrong.add(JSON.stringify(one.path));
      this.#add(one, one.text);
    }
  }

  /**
   * Takes what is wrong with a production; `origin` tells where its fields come from. What a place makes that is wrong by itself is wrong for that
   * reason, and not told again.
   */
  add(
    production: string,
    problems: readonly Problem[],
    origin: (path: FieldPath) => FieldPath,
  ): void {
    for (const one of problems) {
      const { remedy, text } = one;
      const path = origin(one.path);
      if (this.#wrong.has(JSON.stringify(path))) continue;
      this.#add({ path, text: `${text}, in production ${production}`, remedy }, text);
    }
  }

  #add(problem: Problem, text: string): void {
    const key = JSON.stringify([problem.path, text]);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.list.push(problem);
  }
}
