import fc from "fast-check";
import { expect, it } from "vitest";
import { cases } from "../../harness/shared.ts";
import { Box, testGarbage } from "../../harness/transcript.ts";

const ports = fc.oneof(fc.nat(65_535).map(String), fc.constantFrom("1:80", "http", ":9", "9000:"));
const address = fc.constantFrom("10.1.2.3", "10.0.0.0/8", "! 192.168.1.0/24", "1.2.3.4/255.0.255.0", "0.0.0.0/0");
const option = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  value.map((v) => (v.startsWith("! ") ? `! ${name} ${v.slice(2)}` : `${name} ${v}`));
const maybe = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.option(part, { nil: "", freq: 2 }).map((text) => (text === "" ? "" : ` ${text}`));

const head = fc.tuple(
  maybe(option("-s", address)),
  maybe(option("-d", address)),
  maybe(fc.constantFrom("-i e1", "! -i e+", "-i +")),
  maybe(fc.constantFrom("-f", "! -f")),
);
/** Protocols with what only they can be asked for. */
const protocol = fc.oneof(
  fc.tuple(maybe(option("--sport", ports)), maybe(option("--dport", ports))).map(([s, d]) => `-p tcp -m tcp${s}${d}`),
  fc.constantFrom("-p tcp --syn", "-p tcp ! --tcp-flags ALL SYN,ACK", "-p tcp --tcp-option 3", "-p udp ! --sport 5"),
  fc.constantFrom("-p tcp -m multiport --dports 22,80:90", "-p udp -m multiport ! --ports 53"),
  fc.constantFrom("-p icmp --icmp-type echo-request", "-p icmp ! --icmp-type 3/1", "-p icmp --icmp-type any"),
  fc.constantFrom("", "! -p gre", "-p 253", "-p vrrp"),
);
const match = fc.oneof(
  fc.constantFrom("-m conntrack --ctstate NEW,RELATED", "-m conntrack ! --ctstatus ASSURED --ctdir REPLY"),
  fc.constantFrom("-m conntrack --ctorigsrc 1.2.3.4/16 --ctrepldstport 5:6 --ctexpire 1:9", "-m state --state INVALID"),
  fc
    .tuple(fc.integer({ min: 1, max: 9999 }), fc.constantFrom("s", "min", "hour", "day"))
    .map((r) => `-m limit --limit ${r.join("/")}`),
  fc.constantFrom("-m limit --limit-burst 9", "-m mac ! --mac-source 02:00:00:00:00:01", "-m ttl --ttl-lt 9"),
  fc.nat(0xffffffff).map((mark) => `-m mark ! --mark ${mark}/0xff`),
  fc.nat(65_535).map((n) => `-m length --length ${n}:`),
  fc.double({ min: 0, max: 1, noNaN: true }).map((p) => `-m statistic --mode random --probability ${p.toFixed(9)}`),
  fc.constantFrom("-m statistic --mode nth ! --every 4 --packet 2", "-m addrtype --dst-type LOCAL,MULTICAST"),
  fc.constantFrom("-m physdev --physdev-is-in ! --physdev-in e2", "-m connmark --mark 1", "-m comment --comment plain"),
  fc.constantFrom(`-m comment --comment 'it has "quotes" and \\ '`, "-m comment --comment ''"),
);
const target = fc.constantFrom(
  ...["ACCEPT", "DROP", "RETURN", "REJECT", "REJECT --reject-with icmp-host-prohibited", "LOG --log-prefix 'a b: '"],
  ...["LOG --log-level debug --log-ip-options", "MARK --set-mark 5/7", "MARK --and-mark 3", "CONNMARK --save-mark"],
  ...["CONNMARK --restore-mark --mask 15", "lower", "upper"],
);
const rule = fc
  .tuple(fc.constantFrom("INPUT", "lower"), head, protocol, fc.array(match, { maxLength: 3 }), target)
  .map(([chain, parts, proto, matches, to]) => `-A ${chain}${parts.join("")} ${proto} ${matches.join(" ")} -j ${to}`);

const undated = (text: string): string => text.replace(/^#.*\n/gm, "");

it("reads back what it writes: rules saved and restored are the same rules, and are found again", () => {
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 12 }), (rules) => {
      const box = new Box();
      for (const chain of ["lower", "upper"]) box.run(`iptables -N ${chain}`);
      const taken = rules.filter((line) => box.run(`iptables -c 3 300 ${line}`).status === 0);
      const saved = undated(box.run("iptables-save -c").output);
      const again = new Box();
      expect(again.run(`iptables-restore -c <<'EOF'\n${saved}EOF`)).toEqual({ output: "", status: 0 });
      expect(undated(again.run("iptables-save -c").output)).toBe(saved);
      expect(again.run("iptables -nvL").output).toBe(box.run("iptables -nvL").output);
      for (const line of taken)
        expect(again.run(`iptables ${line.replace("-A", "-D")}`)).toEqual({ output: "", status: 0 });
      expect(undated(again.run("iptables-save").output)).not.toContain("-A");
    }),
    { numRuns: cases(40, 2000) },
  );
});

it("changes nothing when a part of what is restored is refused", () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 8 }),
      fc.constantFrom("-A INPUT -j MASQUERADE", "-A none", "-D INPUT -j gone"),
      (rules, bad) => {
        const box = new Box();
        box.run("iptables -A OUTPUT -j DROP");
        const before = box.run("iptables-save").output;
        const lines = [
          "*filter",
          ":lower - [0:0]",
          ":upper - [0:0]",
          ...rules.map((line) => line.replaceAll("'", '"')),
          bad,
        ];
        expect(box.run(`iptables-restore <<'EOF'\n${lines.join("\n")}\nCOMMIT\nEOF`).status).not.toBe(0);
        expect(box.run("iptables-save").output).toBe(before);
      },
    ),
    { numRuns: cases(20, 1000) },
  );
});

testGarbage(
  ["iptables", "iptables -t nat", "iptables-save", "iptables-restore"],
  [
    ..."-A -I -D -R -C -L -S -F -Z -N -X -P -E -p -s -d -i -o -f -j -g -m -c -t -n -v -x -w -h -V -4 -6 -b ! --".split(
      " ",
    ),
    ..."--sport --dport --syn --tcp-flags --ctstate --ctorigsrc --limit --mark --set-mark --to-source --to --random".split(
      " ",
    ),
    ..."--reject-with --log-prefix --mode --every --packet --icmp-type --dports --comment --line-numbers --l -vnL -nvx".split(
      " ",
    ),
    ..."filter nat mangle raw security INPUT OUTPUT FORWARD POSTROUTING foo bar ACCEPT DROP RETURN tcp udp icmp all 6".split(
      " ",
    ),
    ..."REJECT LOG MARK SNAT DNAT MASQUERADE CT NFLOG conntrack multiport limit statistic recent 0 1 2 99 -1 0x10".split(
      " ",
    ),
    ..."1.2.3.4 10.0.0.0/8 1.1.1.1,2.2.2.2 e1 e+ + 80:90 5/7 NEW,ESTABLISHED 3/min random nth '' - x '<' ':'".split(
      " ",
    ),
  ],
);

it("answers whatever it is told to restore", () => {
  const word = fc.constantFrom(
    ...'*filter *nat *foo COMMIT :INPUT :foo ACCEPT DROP - [1:2] [1: -A -D -I -N INPUT foo -j -p tcp --dport 80 # " -t nat'.split(
      " ",
    ),
  );
  const box = new Box();
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 6 }), { maxLength: 8 }), (lines) => {
      const text = lines.map((words) => words.join(" ")).join("\n");
      expect(box.run(`iptables-restore -c <<'EOF'\n${text}\nEOF`).status).toBeLessThan(5);
    }),
    { numRuns: cases(300, 20_000) },
  );
});
