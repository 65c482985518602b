/** Longer words are not compared: the cost grows with the square of the length. */
const LONGEST = 60;

/**
 * The candidate that was probably meant: the same but for case, dashes and underscores, or else at most a third of the
 * letters apart (an exchange of neighbours counts as one), or begun so; a longer beginning may have one mistake. Null if none is near.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  if (word.length === 0 || word.length > LONGEST) return null;
  const bare = (text: string): string => text.replaceAll(/[-_\s]/g, '').toLowerCase();
  const meant = bare(word);
  let best: string | null = null;
  let least = Infinity;
  for (const candidate of candidates) {
    const other = bare(candidate);
    const most = Math.floor(Math.max(meant.length, other.length) / 3);
    const begun = meant.length >= 3 && beginsLike(meant, other);
    if (!begun && Math.abs(meant.length - other.length) > most) continue;
    const distance = begun ? most : editDistance(meant, other);
    if (distance <= most && distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** Shorter beginnings must be right: too many words are one letter apart. */
const LONG_BEGINNING = 6;

function beginsLike(beginning: string, word: string): boolean {
  if (word.startsWith(beginning)) return true;
  const { length } = beginning;
  if (length < LONG_BEGINNING || word.length <= length + 1) return false;
  return [-1, 0, 1].some((more) => editDistance(beginning, word.slice(0, length + more)) <= 1);
}

/** Insertions, deletions, replacements and exchanges of neighbours that lead from `a` to `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(before, j - 2) + 1);
      }
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], j: number): number => row[j] ?? Infinity;
