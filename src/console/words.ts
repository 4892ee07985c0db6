/** A command line as words, with the shell's quotes: '…' as it stands, "…" and \ as in sh. `undefined`: a quote is left open. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    if (c === "'" || c === '"') {
      const end = closingQuote(line, i);
      if (end < 0) return undefined;
      const inside = line.slice(i + 1, end);
      word = (word ?? "") + (c === '"' ? inside.replace(/\\(["\\$`])/g, "$1") : inside);
      i = end;
    } else if (c === "\\" && i + 1 < line.length) word = (word ?? "") + (line[++i] as string);
    else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function closingQuote(line: string, open: number): number {
  const quote = line[open] as string;
  for (let i = open + 1; i < line.length; i++) {
    if (quote === '"' && line[i] === "\\") i++;
    else if (line[i] === quote) return i;
  }
  return -1;
}
