/** How the systems of a test file stand, by whatever stands for one: told when a test of the file fails. */
export const standing = new Map<object, () => Promise<string>>();
