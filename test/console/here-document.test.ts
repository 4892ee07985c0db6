import { describe, expect, it } from "vitest";
import { Box } from "../harness/transcript.ts";

const run = (line: string): string => new Box().run(line).output;

describe("here-documents", () => {
  it("hands the lines behind a command to it", () => {
    expect(run("cat <<EOF\none\n two\nEOF")).toBe("one\n two\n");
    expect(run("cat <<'END' | wc -c && echo done\na\nb\nEND")).toBe("4\ndone\n");
    expect(run("cat <<A; cat <<B\n1\nA\n2\nB\necho 3")).toBe("1\n2\n3\n");
    expect(run("sh -c 'cat <<EOF\nx\nEOF'")).toBe("x\n");
  });
  it("takes away tabs when asked, and backslashes unless the word is quoted", () => {
    expect(run("cat <<-EOF\n\t\tx\n\tEOF")).toBe("x\n");
    expect(run("cat <<EOF\n\\$HOME a\\\nb \\n\nEOF")).toBe("$HOME ab \\n\n");
    expect(run("cat <<'EOF'\n\\$HOME $x\nEOF")).toBe("\\$HOME $x\n");
  });
  it("leaves what is quoted alone", () => {
    expect(run("echo 'a <<EOF' \"<<b\" \\<\\<c")).toBe("a <<EOF <<b <<c\n");
  });
  it("refuses what it cannot read", () => {
    expect(run("cat <<EOF\nx")).toBe('sh: here-document without its end "EOF"\n');
    expect(run("cat <<EOF\n$x\nEOF")).toContain("is not built");
  });
});
