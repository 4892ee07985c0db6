/** Ends the command from wherever it is, as the real program does with `exit(3)`: caught in one place. */
export class Exit extends Error {
  /** 1: refused; 2: the words make no sense; 3: no such table; 4: the kernel refused. */
  readonly status: number;
  /** Whether `message` stands behind the program's name and version. */
  readonly named: boolean;
  /** Whether nothing at all stands before it. */
  readonly bare: boolean;

  constructor(status: number, message: string, named = true, bare = false) {
    super(message);
    this.status = status;
    this.named = named;
    this.bare = bare;
  }
}

/** The words make no sense (PARAMETER_PROBLEM): a hint follows. */
export const problem = (message: string): Exit => new Exit(2, message);
/** A refusal of a request that made sense (`nft_strerror`): `program: why`. */
export const failure = (message: string): Exit => new Exit(1, message, false);
/** The kernel refused (RESOURCE_PROBLEM). */
export const kernelRefused = (message: string): Exit => new Exit(4, message);

/** Ends a command that only wanted to be told something. */
export class Told extends Error {
  readonly what: "version" | "help" | "restore";
  constructor(what: "version" | "help" | "restore") {
    super(what);
    this.what = what;
  }
}

/** `-6`: the line is for another program. */
export class OtherFamily extends Exit {
  constructor() {
    super(2, "");
  }
}

/** A word where none can stand: told without the program's name. */
export class BadArgument extends Exit {
  constructor(word: string) {
    super(2, `Bad argument \`${word}'`, false);
  }
}
