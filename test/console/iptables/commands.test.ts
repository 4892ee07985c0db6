import { describe, expect, it } from "vitest";
import { Box } from "../../harness/transcript.ts";

const HINT = "Try `iptables -h' or 'iptables --help' for more information.\n";
const complaint = (what: string): { output: string; status: number } => ({
  output: `iptables v1.8.9 (nf_tables): ${what}\n${HINT}`,
  status: 2,
});

describe("iptables", () => {
  it("names what is not built", () => {
    const box = new Box();
    const noMatch = (name: string) => complaint(`Couldn't load match \`${name}':No such file or directory\n`);
    for (const name of ["recent", "hashlimit", "string", "set", "owner"])
      expect(box.run(`iptables -A INPUT -m ${name}`)).toEqual(noMatch(name));
    for (const name of ["NFLOG", "TPROXY", "NETMAP", "TEE"])
      expect(box.run(`iptables -A INPUT -j ${name}`)).toEqual(
        complaint(`Couldn't load target \`${name}':No such file or directory\n`),
      );
    const options = ["-j LOG --log-uid", "-j CT --zone 1", "-j CONNMARK --left-shift-mark 2", "-p sctp --dport 1"];
    for (const words of options)
      expect(box.run(`iptables -A INPUT ${words}`)).toEqual(
        complaint(`unknown option "${words.split(" ").find((word) => word.startsWith("--"))}"`),
      );
    expect(box.run("iptables -t security -L").output).toContain("table 'security' is not built");
    expect(box.run("iptables-legacy -L").status).toBe(127);
    expect(box.run("iptables -j CONNMARK -A INPUT --set-mark 1 --mask 2").status).toBe(2);
  });

  it("refuses what the kernel would, and keeps what was there", () => {
    const box = new Box();
    box.run("iptables -A INPUT -j ACCEPT");
    const before = box.run("iptables-save").output;
    const refused = [
      "-A INPUT ! -p tcp --dport 80",
      "-A INPUT -j MASQUERADE",
      "-R INPUT 1 -j NOTRACK",
      "-A INPUT ! -s 0.0.0.0/0",
      "-A INPUT -j OUTPUT",
    ];
    for (const words of refused) expect(box.run(`iptables ${words}`).status).toBe(4);
    expect(box.run("iptables -A INPUT -s 1.1.1.1,2.2.2.2 -g INPUT").status).toBe(4);
    expect(box.run("iptables -E INPUT other").status).toBe(4);
    expect(box.run("iptables-save").output).toBe(before);
  });

  it("does not let packets go round for ever", () => {
    const box = new Box();
    for (const words of ["-N a", "-N b", "-A a -j b", "-A b -j a"]) expect(box.run(`iptables ${words}`).status).toBe(0);
    expect(box.run("iptables -A INPUT -j a")).toEqual({
      output: "iptables v1.8.9 (nf_tables):  RULE_APPEND failed (Too many links): rule in chain INPUT\n",
      status: 4,
    });
  });

  it("lists without making tables", () => {
    const box = new Box();
    for (const words of ["-L", "-t nat -S", "-t mangle -nvL", "-F", "-Z", "-X"])
      expect(box.run(`iptables ${words}`).status).toBe(0);
    expect(box.run("iptables-save").output).toBe("");
    expect(box.n.netfilter).toBeNull();
  });
});

describe("iptables-restore", () => {
  it("reads files and pipes", () => {
    const box = new Box();
    box.run("iptables -A INPUT -p tcp --dport 22 -j ACCEPT");
    box.run("iptables -t nat -A POSTROUTING -o e1 -j MASQUERADE");
    const saved = box.run("iptables-save > /tmp/rules; iptables-save").output;
    for (const command of [
      "iptables-restore /tmp/rules",
      "iptables-restore < /tmp/rules",
      "cat /tmp/rules | iptables-restore",
    ]) {
      box.run("iptables -F; iptables -t nat -F");
      expect(box.run(command)).toEqual({ output: "", status: 0 });
      expect(box.run("iptables-save").output).toBe(saved);
    }
  });

  it("takes tens of thousands of rules", () => {
    const rules = Array.from({ length: 20_000 }, (_, i) => `-A FORWARD -s 10.${i >> 8}.${i & 255}.0/24 -j c${i % 50}`);
    const chains = Array.from({ length: 50 }, (_, i) => `:c${i} - [0:0]`);
    const box = new Box();
    box.run(`iptables-restore <<'EOF'\n*filter\n${chains.join("\n")}\n${rules.join("\n")}\nCOMMIT\nEOF`);
    expect(box.run("iptables -S").output).toContain(`${rules.at(-1)}\n`);
    expect(box.run("iptables -L c7").output).toContain("Chain c7 (400 references)");
  });
});
