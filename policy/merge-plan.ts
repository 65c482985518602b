/** An output that waits to be merged; given in the order of its job's number. */
export interface MergeInput {
  readonly file: number;
  readonly size: number;
  readonly events: number;
}

/** More inputs would make argument lists and merge jobs unwieldy. */
const MOST_INPUTS = 500;

/**
 * Groups of consecutive outputs, each near the target (bytes or events). The whole is cut into round(total / target) even parts,
 * so that the tail is as good as the others and nothing waits for more. Every input is in exactly one group.
 */
export function planMerges(
  inputs: readonly MergeInput[],
  target: { readonly bytes: number } | { readonly events: number },
): MergeInput[][] {
  if (inputs.length === 0) return [];
  const weigh = (input: MergeInput): number => ('bytes' in target ? input.size : input.events);
  const aim = 'bytes' in target ? target.bytes : target.events;
  const total = inputs.reduce((sum, input) => sum + weigh(input), 0);
  const parts = Math.min(
    inputs.length,
    Math.max(1, Math.round(total / aim), Math.ceil(inputs.length / MOST_INPUTS)),
  );
  const groups: MergeInput[][] = [];
  let group: MergeInput[] = [];
  let sum = 0;
  inputs.forEach((input, i) => {
    group.push(input);
    sum += weigh(input);
    const left = inputs.length - i - 1;
    const groupsLeft = parts - groups.length - 1;
    const reached = sum >= (total * (groups.length + 1)) / parts - weigh(input) / 2;
    const full = group.length >= MOST_INPUTS;
    if (left === 0 || (groupsLeft > 0 && (reached || full || left <= groupsLeft)) || full) {
      groups.push(group);
      group = [];
    }
  });
  return groups;
}
