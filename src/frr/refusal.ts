/** How FRR refuses a configuration that its data model does not allow (lib/northbound_cli.c:vty_show_nb_errors). */
export const configurationFailed = (why?: string): { readonly refused: string } => ({
  refused: `% Configuration failed.\n\nError type: validation\n${why === undefined ? "" : `Error description: ${why}\n`}`,
});

/** A table of this daemon is full: more is refused, by name. */
export const tableFull = (what: string, max: number): { readonly refused: string } =>
  configurationFailed(`${what}: at most ${max}`);
