import { describe, expect, it } from "vitest";
import { pair } from "../harness/pair.ts";

describe("the shell of a node", () => {
  const said = (command: string): string => pair().h1.exec(command).output;

  it("joins commands by pipes", () => {
    expect(said("echo hello | cat | wc -c")).toBe("6\n");
    expect(said("cat none 2>&1 | wc -c")).toBe("37\n");
    expect(said("cat none | wc -c").split("\n").sort()).toEqual(["", "0", "cat: none: No such file or directory"]);
    expect(pair().h1.exec("true | false").status).toBe(1);
    expect(pair().h1.exec("false | true").status).toBe(0);
  });
  it("reads and writes files", () => {
    expect(said("echo one > f; echo two >> f; cat < f; wc -c < f")).toBe("one\ntwo\n8\n");
    expect(said("echo one >f;echo two>f;cat<f")).toBe("two\n");
    expect(said("cat none 2> e; cat e")).toBe("cat: none: No such file or directory\n");
    expect(said("cat none > e 2>&1; wc -c e")).toBe("37 e\n");
    expect(said("cat none &> /dev/null; echo quiet")).toBe("quiet\n");
    expect(said("cat < none")).toBe("sh: none: No such file or directory\n");
    expect(said("echo x > /proc/y")).toBe("sh: cannot create /proc/y: Permission denied\n");
    expect(said("wc -c < /proc/sys/net/ipv4/ip_forward")).toBe("2\n");
  });
  it("starts what stands before & and goes on", () => {
    const { net, h1 } = pair();
    const running = h1.exec("sh -c 'sleep 2; echo late' & echo now");
    expect([running.output, net.now]).toEqual(["now\n", 0]);
    net.run(3);
    expect(running.output).toBe("now\nlate\n");
  });
  it("keeps quotes and operators apart", () => {
    expect(said("echo 'a | b > c & d' \"e;f\"")).toBe("a | b > c & d e;f\n");
    expect(said("echo 2 >f; cat f; echo a2>f; cat f")).toBe("2\na2\n");
  });
  it("refuses what it does not build, and what it cannot read", () => {
    expect(said("echo $(x)")).toContain('sh: "$" is not built');
    expect(said("| cat")).toContain("sh: syntax error");
    expect(said("echo x >")).toBe('sh: syntax error near ">"\n');
    expect(said("echo 'x")).toBe("sh: unterminated quote\n");
  });
});

describe("files of a node", () => {
  it("are made of patterns that take no memory", () => {
    const { h1 } = pair();
    h1.sh("fallocate -l 625M a; truncate -s 1G b; dd if=/dev/urandom of=c bs=1M count=900 status=none");
    for (const [name, size] of [
      ["/a", 655_360_000],
      ["/b", 2 ** 30],
      ["/c", 900 * 2 ** 20],
    ] as const) {
      const file = h1.kernel.os.files.open(name);
      expect(file.ok && [file.value.size, file.value.content.stored]).toEqual([size, 0]);
    }
    expect(h1.sh("ls")).toBe("a\nb\nc\n");
    h1.sh("rm a b");
    expect(h1.sh("ls /")).toBe("c\n");
    expect(h1.exec("rm a")).toMatchObject({ status: 1, output: "rm: cannot remove 'a': No such file or directory\n" });
  });
  it("have digests, however they came about", () => {
    const { h1 } = pair();
    expect(h1.sh("echo hello | md5sum")).toBe("b1946ac92492d2347c6235b4d2611184  -\n");
    h1.sh("dd if=/dev/urandom of=f bs=1000 count=70 status=none; cat f > g; head -c 333 f > h");
    const [f, g] = h1.sh("md5sum f g").split("\n");
    expect(f?.slice(0, 32)).toBe(g?.slice(0, 32));
    expect(h1.sh("dd if=f bs=333 count=1 status=none | md5sum")).toBe(h1.sh("md5sum < h"));
  });
  it("refuse what cannot be", () => {
    const said = (command: string): string => pair().h1.exec(command).output;
    expect(said("dd if=/dev/zero of=x")).toBe("dd: /dev/zero has no end: count= is needed\n");
    expect(said("dd if=none of=x")).toBe("dd: failed to open 'none': No such file or directory\n");
    expect(said("fallocate x")).toBe("fallocate: no length argument specified\n");
    expect(said("echo x > /tmp")).toBe("sh: cannot create /tmp: Is a directory\n");
  });
});
