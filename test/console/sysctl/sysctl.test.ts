import { expect, it } from "vitest";
import { Box, testGarbage } from "../../harness/transcript.ts";

const run = (command: string): { readonly output: string; readonly status: number } => new Box().run(command);

it("lists everything, in order, but what is deprecated", () => {
  const { output, status } = run("sysctl -a");
  const names = output
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" = ")[0] as string);
  expect(status).toBe(0);
  expect(names).toContain("net.ipv4.conf.e1.rp_filter");
  expect(names).toContain("net.ipv4.neigh.default.gc_thresh1");
  expect(names).toContain("net.core.netdev_max_backlog");
  expect(names.filter((name) => /base_reachable_time$|retrans_time$/.test(name))).toEqual([]);
  expect(names.map((name) => name.replaceAll(".", "/"))).toEqual(names.map((name) => name.replaceAll(".", "/")).sort());
  expect(run("sysctl --deprecated -a").output).toContain("net.ipv4.neigh.e1.retrans_time = 100\n");
});

it("lists what a pattern fits", () => {
  expect(run("sysctl -a -r 'conf.(e1|lo).rp_f'").output).toBe(
    "net.ipv4.conf.e1.rp_filter = 0\nnet.ipv4.conf.lo.rp_filter = 0\n",
  );
  expect(run("sysctl -a --pattern=neigh.default.gc_t -N").output).toBe(
    [1, 2, 3].map((n) => `net.ipv4.neigh.default.gc_thresh${n}\n`).join(""),
  );
  expect(run("sysctl -n net.ipv4.neigh.default.gc_thresh2").output).toBe("512\n");
  expect(run("sysctl -a -r '('").output).toBe("");
});

it.each(["-p", "-p/etc/sysctl.conf", "--load", "-f", "--system"])("refuses to read files: %s", (option) => {
  const name = option === "--system" || option === "-f" ? option : "-p";
  expect(run(`sysctl ${option}`)).toEqual({ output: `sysctl: ${name} is not built\n`, status: 1 });
});

it("names what is not there: IPv6, the bridge's netfilter", () => {
  for (const key of ["net.ipv6.conf.all.forwarding", "net.bridge.bridge-nf-call-iptables"]) {
    expect(run(`sysctl -w ${key}=1`)).toEqual({
      output: `sysctl: cannot stat /proc/sys/${key.replaceAll(".", "/")}: No such file or directory\n`,
      status: 1,
    });
  }
});

it("tells of options that it does not know, and how it is used", () => {
  const usage = "\nUsage:\n sysctl [options] [variable[=value] ...]\n";
  expect(run("sysctl -z").output.startsWith(`sysctl: invalid option -- 'z'\n${usage}`)).toBe(true);
  expect(run("sysctl --zz").output.startsWith(`sysctl: unrecognized option '--zz'\n${usage}`)).toBe(true);
  expect(
    run("sysctl --d").output.startsWith(
      "sysctl: option '--d' is ambiguous; possibilities: '--deprecated' '--dry-run'\n",
    ),
  ).toBe(true);
  expect(run("sysctl --all=3").output.startsWith("sysctl: option '--all' doesn't allow an argument\n")).toBe(true);
  expect(run("sysctl -a -r").output.startsWith("sysctl: option requires an argument -- 'r'\n")).toBe(true);
  expect(run("sysctl").status).toBe(1);
  expect(run("sysctl -h")).toEqual({ output: run("sysctl").output, status: 0 });
});

testGarbage(
  ["sysctl", "sysctl -w", "sysctl -a -r"],
  "net.ipv4.ip_forward=1 net.ipv4.conf.e1.rp_filter=2 net..ipv4 net/ipv4/ip_forward - -- -n -N -q -e --dry-run --deprecated = =1 #x .. / net.ipv4=1 net.ipv4.neigh.e1 net.ipv4.ip_local_port_range=1 [".split(
    " ",
  ),
);
