/** The options of an action cannot be read: what is said of it stands before what the filter says. */
export class Unreadable extends Error {
  readonly lines: readonly string[];

  constructor(...lines: readonly string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}
