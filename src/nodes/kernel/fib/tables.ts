import { TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN } from "./route.ts";
import { FibTable, unmerge } from "./table.ts";
import { Trie } from "./trie.ts";

export const TABLES_MAX = 4_096;

/** The tables of one namespace. They come into being with their first route, as in Linux. */
export class TableSet {
  main: FibTable | null = null;
  /** Table 253. */
  last: FibTable | null = null;
  /** Local and main have a trie each: a policy rule was added or deleted once (`fib_has_custom_rules`). */
  split = false;
  /** A plain list: hosts have two or three, and look-ups remember the table itself. */
  #tables: readonly FibTable[] = [];

  get(id: number): FibTable | undefined {
    return this.#tables.find((table) => table.id === id);
  }

  /** As the kernel walks them: by the number's low eight bits, and the newest first. */
  ids(): number[] {
    const ids = this.#tables.map((table) => table.id);
    return ids.reverse().sort((a, b) => (a & 255) - (b & 255));
  }

  /** The table, made when there is none; undefined when there are too many (net/ipv4/fib_frontend.c:fib_new_table). */
  make(id: number): FibTable | undefined {
    const known = this.get(id);
    if (known !== undefined) return known;
    if (this.#tables.length >= TABLES_MAX) return undefined;
    const shared = id === TABLE_LOCAL && !this.split ? this.make(TABLE_MAIN) : undefined;
    const table = new FibTable(id, shared?.trie ?? new Trie());
    this.#tables = [...this.#tables, table];
    if (id === TABLE_MAIN) this.main = table;
    if (id === TABLE_DEFAULT) this.last = table;
    return table;
  }

  /** The lowest number without a table (net/ipv4/fib_rules.c:fib_empty_table). */
  firstFree(): number {
    let id = 1;
    while (this.get(id) !== undefined) id++;
    return id;
  }

  /** Ends the sharing of local and main (net/ipv4/fib_frontend.c:fib_unmerge). */
  separate(): void {
    const local = this.get(TABLE_LOCAL);
    if (!this.split && local !== undefined && this.main !== null) unmerge(local, this.main);
    this.split = true;
  }
}
