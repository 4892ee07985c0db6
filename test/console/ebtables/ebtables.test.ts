import { expect, it } from "vitest";
import { Box, testGarbage, testTranscripts } from "../../harness/transcript.ts";

// Recorded with record.sh from ebtables 1.8.9 (nf_tables) of Debian 12 on Linux 6.18.
testTranscripts(new URL("golden/", import.meta.url));

const lines = (...text: readonly string[]): string => text.map((line) => `${line}\n`).join("");

it("names what it cannot do", () => {
  const box = new Box();
  const hint = "Try `ebtables -h' or 'ebtables --help' for more information.";
  for (const option of ["--limit", "--log", "--nflog", "--among-src", "--stp-type", "--foo", "--Lx"])
    expect(box.run(`ebtables -A FORWARD ${option} 1`)).toEqual({
      output: lines(`ebtables v1.8.9 (nf_tables): Unknown argument: '${option}'`, hint),
      status: 2,
    });
  expect(box.run("ebtables -t broute -L").status).toBe(3);
  expect(box.run("ebtables -A FORWARD -j nflog").output).toContain("Chain 'nflog' does not exist");
});

it("shows priorities of tags, and the devices of bridges", () => {
  // The real ones of Debian 12 forget the priority beside an id, and need a kernel with nft_meta_bridge.
  const box = new Box();
  const rules = [
    "-p 802_1Q --vlan-id 10 --vlan-prio 3 -j DROP",
    "-i e1 --logical-in br0 -o e2 --logical-out br1 -j ACCEPT",
  ];
  for (const rule of rules) expect(box.run(`ebtables -A FORWARD ${rule}`)).toEqual({ output: "", status: 0 });
  expect(box.run("ebtables -L FORWARD").output).toBe(
    lines("Bridge table: filter", "", "Bridge chain: FORWARD, entries: 2, policy: ACCEPT", ...rules),
  );
});

it("takes away the rules from one number to another", () => {
  // The real one of Debian 12 counts on while they move up, and leaves every second of them.
  const box = new Box();
  for (const mark of [1, 2, 3, 4, 5]) box.run(`ebtables -A FORWARD --mark ${mark}`);
  expect(box.run("ebtables -D FORWARD 2:4")).toEqual({ output: "", status: 0 });
  expect(box.run("ebtables -L FORWARD").output).toContain("--mark 0x1 -j CONTINUE\n--mark 0x5 -j CONTINUE\n");
  expect(box.run("ebtables -D FORWARD 3:2").status).toBe(2);
});

testGarbage(
  ["ebtables"],
  [
    ..."-A -I -D -L -P -N -F -Z -X -E -p -s -d -i -o -j -c -t -h -V ! --Lc --Ln --logical-in --mark --ip-src".split(
      " ",
    ),
    ..."--ip-proto --ip-dport --ip-tos --arp-op --arp-mac-src --arp-gratuitous --vlan-id --vlan-encap --pkttype-type".split(
      " ",
    ),
    ..."--mark-set --mark-target --to-source --to-dst --snat-arp --redirect-target --arpreply-mac -Lx -1 -- - ''".split(
      " ",
    ),
    ..."filter nat broute FORWARD PREROUTING POSTROUTING foo ACCEPT DROP RETURN CONTINUE mark snat dnat redirect".split(
      " ",
    ),
    ..."arpreply IPv4 ARP 802_1Q LENGTH 0x1234 1 2:3 99 1.2.3.4/24 00:11:22:33:44:55 Broadcast tcp 80:90 5/7 e1 e+".split(
      " ",
    ),
  ],
);
