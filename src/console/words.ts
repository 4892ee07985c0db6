/** A word, or an operator of the shell that redirects. */
export interface Token {
  readonly text: string;
  readonly operator: boolean;
}

const OPERATOR = /^(?:[012]?>>|[012]?>&[012]|&>|[012]?>|0?<)/;

/** A command line as words, with the shell's quotes: '…' as it stands, "…" and \ as in sh. `undefined`: a quote is left open. */
export function splitWords(line: string): string[] | undefined {
  return split(line, false)?.map((token) => token.text);
}

/** The same, with `>`, `>>`, `2>`, `2>&1`, `&>` and `<` apart. */
export const splitTokens = (line: string): Token[] | undefined => split(line, true);

function split(line: string, operators: boolean): Token[] | undefined {
  const tokens: Token[] = [];
  let word: string | undefined;
  const finish = (): void => {
    if (word !== undefined) tokens.push({ text: word, operator: false });
    word = undefined;
  };
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    const operator =
      operators && (word === undefined || /[<>&]/.test(c)) ? OPERATOR.exec(line.slice(i))?.[0] : undefined;
    if (operator !== undefined) {
      finish();
      tokens.push({ text: operator, operator: true });
      i += operator.length - 1;
    } else if (c === "'" || c === '"') {
      const end = closingQuote(line, i);
      if (end < 0) return undefined;
      const inside = line.slice(i + 1, end);
      word = (word ?? "") + (c === '"' ? inside.replace(/\\(["\\$`])/g, "$1") : inside);
      i = end;
    } else if (c === "\\" && i + 1 < line.length) word = (word ?? "") + (line[++i] as string);
    else if (/\s/.test(c)) finish();
    else word = (word ?? "") + c;
  }
  finish();
  return tokens;
}

function closingQuote(line: string, open: number): number {
  const quote = line[open] as string;
  for (let i = open + 1; i < line.length; i++) {
    if (quote === '"' && line[i] === "\\") i++;
    else if (line[i] === quote) return i;
  }
  return -1;
}
