/** A reason or a message as a part of a sentence, which ends it: without a dot of its own. Reasons are also what people write. */
export const clause = (text: string): string => text.trimEnd().replace(/(?<!\.)\.$/, '');
