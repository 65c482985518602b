/** What opens closed sites to a production that is held because none takes its jobs, in clauses: of those that are banned, and those that it leaves out for its failures. */
export function waysToSites(
  production: string,
  { banned, leftOut }: { readonly banned: readonly string[]; readonly leftOut: boolean },
): string[] {
  const [first] = banned;
  return [
    ...(first === undefined
      ? []
      : [
          `\`fabrica site unban ${banned.length === 1 ? first : 'NAME'}\` lets its jobs go to a site that is banned`,
        ]),
    ...(leftOut
      ? [`\`fabrica release ${production}\` tries those again where too many of its jobs failed`]
      : []),
  ];
}
