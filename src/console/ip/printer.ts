/** What stands in JSON where the text has words. */
export type Scalar = string | number | boolean | null;

/**
 * Text for people, or JSON: every value is given in both forms, and the one asked for is written (lib/json_print.c,
 * lib/json_writer.c). JSON begins with `begin` and ends with `end`; before and after, there is only text.
 */
export class Printer {
  /** The line separator: `-oneline` makes it a backslash. */
  readonly separator: string;
  readonly #write: (text: string) => void;
  readonly #wantsJson: boolean;
  readonly #pretty: boolean;
  #json = false;
  #depth = 0;
  #comma = false;
  #buffer = "";

  constructor(write: (text: string) => void, options: { json: boolean; pretty: boolean; oneline: boolean }) {
    this.#write = write;
    this.#wantsJson = options.json;
    this.#pretty = options.pretty;
    this.separator = options.oneline ? "\\" : "\n";
  }

  /** Whether values go to JSON now. */
  get json(): boolean {
    return this.#json;
  }

  /** Opens the list that a command's JSON is. */
  begin(): void {
    this.#json = this.#wantsJson;
    this.array();
  }
  end(): void {
    this.endArray();
    if (this.#json) this.#buffer += "\n";
    this.#json = false;
    this.flush();
  }
  /** Hands on what was written so far. */
  flush(): void {
    if (this.#buffer !== "") this.#write(this.#buffer);
    this.#buffer = "";
  }

  /** Text that JSON does not have. */
  text(text: string): void {
    if (!this.#json) this.#buffer += text;
  }
  /** A line separator, in text only. */
  newline(): void {
    this.text(this.separator);
  }
  /** A value in both forms: under `key`, and in words. */
  put(key: string, value: Scalar, text: string): void {
    if (!this.#json) this.#buffer += text;
    else this.field(key, value);
  }
  /** An element of a list in both forms. */
  item(value: Scalar, text: string): void {
    if (!this.#json) this.#buffer += text;
    else this.#value(value);
  }
  /** A value that only JSON has. */
  field(key: string, value: Scalar): void {
    if (!this.#json) return;
    this.#name(key);
    this.#value(value);
  }
  /** A value that only JSON has, as it stands: a number with a fixed count of decimals. */
  rawField(key: string, text: string): void {
    if (!this.#json) return;
    this.#name(key);
    this.#next();
    this.#buffer += text;
  }

  object(key?: string): void {
    this.#open("{", key);
  }
  endObject(): void {
    this.#close("}");
  }
  /** Opens a list; `text` is what stands in its place in words. */
  array(key?: string, text = ""): void {
    this.text(text);
    this.#open("[", key);
    if (this.#json && this.#pretty) this.#buffer += " ";
  }
  endArray(text = ""): void {
    this.text(text);
    if (!this.#json) return;
    if (this.#pretty && this.#comma) this.#buffer += " ";
    this.#comma = false;
    this.#close("]");
  }

  #open(bracket: string, key: string | undefined): void {
    if (!this.#json) return;
    if (key !== undefined) this.#name(key);
    this.#next();
    this.#buffer += bracket;
    this.#depth++;
    this.#comma = false;
  }

  #close(bracket: string): void {
    if (!this.#json) return;
    this.#depth--;
    if (this.#comma) this.#line();
    this.#buffer += bracket;
    this.#comma = true;
  }

  #name(key: string): void {
    this.#next();
    this.#line();
    this.#comma = false;
    this.#buffer += `"${escaped(key)}":${this.#pretty ? " " : ""}`;
  }

  #value(value: Scalar): void {
    this.#next();
    this.#buffer += typeof value === "string" ? `"${escaped(value)}"` : String(value);
  }

  #next(): void {
    if (this.#comma) this.#buffer += ",";
    this.#comma = true;
  }

  #line(): void {
    if (this.#pretty) this.#buffer += `\n${"    ".repeat(this.#depth)}`;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\f": "\\f",
  "\b": "\\b",
  "\\": "\\\\",
  '"': '\\"',
};
const escaped = (text: string): string => text.replace(/[\t\n\r\f\b\\"]/g, (c) => ESCAPES[c] as string);
