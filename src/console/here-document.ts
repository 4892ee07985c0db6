/** A line whose here-documents were taken out: each `<<WORD` is `<` and a mark now, which `documentAt` knows. */
export interface WithDocuments {
  readonly line: string;
  readonly documents: readonly string[];
}

/** No command line has a zero byte. */
const MARK = "\0";
const DOCUMENTS_MAX = 64;

/** Takes the here-documents out of a command line of several lines (`<<EOF`, `<<'EOF'`, `<<-EOF`); a text says why it cannot. */
export function takeDocuments(line: string): WithDocuments | string {
  if (line.includes(MARK)) return "a zero byte";
  if (!line.includes("<<")) return { line, documents: [] };
  const documents: string[] = [];
  const lines = line.split("\n");
  const kept: string[] = [];
  let quote = "";
  for (let i = 0; i < lines.length; i++) {
    const read = markDocuments(lines[i] as string, quote, documents.length);
    quote = read.quote;
    kept.push(read.line);
    for (const document of read.found) {
      const body: string[] = [];
      for (i++; ; i++) {
        const next = lines[i];
        if (next === undefined) return `here-document without its end "${document.end}"`;
        const text = document.tabs ? next.replace(/^\t+/, "") : next;
        if (text === document.end) break;
        body.push(`${text}\n`);
      }
      const text = document.quoted ? body.join("") : unquoted(body.join(""));
      if (text === undefined) return '"$" in a here-document is not built: quote the word behind "<<"';
      documents.push(text);
      if (documents.length > DOCUMENTS_MAX) return `more than ${DOCUMENTS_MAX} here-documents`;
    }
  }
  return { line: kept.join("\n"), documents };
}

interface Document {
  readonly end: string;
  readonly quoted: boolean;
  /** Tabs at the beginning of lines are left out (`<<-`). */
  readonly tabs: boolean;
}

/** The document that a mark stands for; undefined when it is a file's name. */
export const documentAt = (path: string, documents: readonly string[]): string | undefined =>
  path.startsWith(MARK) ? documents[Number(path.slice(1, -1))] : undefined;

/** One line with marks for its here-documents; `quote` is the one that is open. */
function markDocuments(
  line: string,
  quote: string,
  first: number,
): { readonly line: string; readonly quote: string; readonly found: readonly Document[] } {
  const found: Document[] = [];
  let open = quote;
  let out = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    if (open === "" && line.startsWith("<<", i)) {
      const match = /^<<(-?)[ \t]*(?:'([^']*)'|"([^"]*)"|(\\?)([^\s;&|<>()'"\\]+))/.exec(line.slice(i));
      if (match !== null) {
        const [all, dash, single, double, slash, word] = match;
        const end = single ?? double ?? word ?? "";
        out += `<${MARK}${first + found.length}${MARK}`;
        found.push({ end, quoted: word === undefined || slash !== "", tabs: dash === "-" });
        i += all.length - 1;
        continue;
      }
    }
    if (c === "\\" && open !== "'") out += c + (line[++i] ?? "");
    else {
      out += c;
      if (open === "") open = c === "'" || c === '"' ? c : "";
      else if (c === open) open = "";
    }
  }
  return { line: out, quote: open, found };
}

/** The text as the shell leaves it when the end word was not quoted; undefined when it would put in values of variables. */
const unquoted = (text: string): string | undefined =>
  /(^|[^\\])(\\\\)*[$`]/.test(text) ? undefined : text.replace(/\\\n/g, "").replace(/\\([\\$`])/g, "$1");
