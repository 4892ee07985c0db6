import { addressOn, type Line, TTL_MAX, ttlOf } from "./line.ts";

/** Pings from end to end and lists the hops on the way. */
export function reach(line: Line): void {
  const { net, near, first, last, routers } = line;
  const target = addressOn(last, 100);
  const command = `ping -c 3 -t ${TTL_MAX} ${target}`;
  const ping = near.exec(command);
  net.say(`${near.name}# ${command}\n${ping.output}`);
  checkPing(line, ping.output);
  const reachable = Math.min(routers.length + 1, TTL_MAX);
  const trace = near.sh(`traceroute -n -q 1 -m ${reachable} ${target}`);
  net.say(`${near.name}# traceroute -n -q 1 -m ${reachable} ${target}\n${trace}`);
  const seen = [...trace.matchAll(/^ *\d+ {2}([\d.]+|\*)/gm)].map((m) => m[1]);
  const expected = [addressOn(first, 2), ...routers.slice(1).map((_, i) => addressOn(first + i, 1)), target];
  net.check(
    `traceroute lists every hop: ${reachable} of ${expected.length}`,
    seen.length === reachable && seen.every((hop, i) => hop === expected[i]),
    `${seen.length} lines`,
  );
}

/** Over how many routers hosts can talk is a matter of their TTL. */
function checkPing({ net, routers }: Line, output: string): void {
  const hops = routers.length;
  if (hops >= TTL_MAX) {
    net.check(`no packet makes ${hops} hops: the far host is out of reach`, / 0 received/.test(output));
    return;
  }
  const answered = / 3 received/.test(output) && output.includes(`ttl=${ttlOf(hops) - hops} `);
  net.check(`the hosts reach each other over ${hops} routers`, answered, /ttl=\d+/.exec(output)?.[0] ?? "no answer");
}
