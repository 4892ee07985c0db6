import { z } from "zod";
import type { Net } from "../src/lab/net.ts";
import { rate } from "../src/lab/quantities.ts";
import { scenario } from "../src/lab/scenario.ts";

const parameters = z.object({
  bytes: z.coerce.number().int().min(1_000_000).max(100e9).default(63_000_000).describe("size of the file"),
  routers: z.coerce.number().int().min(1).max(64).default(4).describe("routers between client and server"),
  rate: z.string().default("1Gbit").describe("rate of every link"),
  delay: z.string().default("0.2ms").describe("one-way delay of every link"),
});

/** A full frame on the line: preamble, header, IP packet, check sequence, gap. And what of it is data: 20, 20 and 12 octets are headers. */
const FRAME_OCTETS = 1538;
const PAYLOAD_OCTETS = 1448;
/** How far below its limit the goodput may be. */
const TOLERANCE = 0.02;

export default scenario({
  name: "http-download",
  title: "curl fetches a file by HTTP over a chain of routers, as fast as the links carry it.",
  parameters,
  captures: [],
  story(net, p) {
    const { client, server } = chain(net, p);
    server.sh(`fallocate -l ${p.bytes} /www/file`);
    const log = server.spawn("python3 -m http.server -d /www 80");
    const url = `http://${server.ip}/file`;
    const half = Math.floor(p.bytes / 2);
    let halfAt = 0;
    const fetch = client.spawn(
      `curl -s -o /dev/null -w "%{http_code} %{size_download} %{time_connect} %{time_total}" ${url}`,
    );
    fetch.onExit(() => net.sim.halt());
    const device = client.dev("client-eth0");
    const from = net.now;
    while (!fetch.ended && halfAt === 0) {
      net.run("1ms");
      if (device.stats.rxBytes >= half) halfAt = net.now;
    }
    const atHalf = device.stats.rxPackets;
    net.runUntil(() => fetch.ended, "the download");
    const frames = device.stats.rxPackets - atHalf;
    const [status = "", size = "", connected = "", total = ""] = fetch.output.split(" ");
    const limit = (rate(p.rate) * PAYLOAD_OCTETS) / FRAME_OCTETS;
    const late = (frames * PAYLOAD_OCTETS * 8e9) / (net.now - halfAt);
    const whole = (p.bytes * 8) / Number(total);
    net.table({
      title: "the download",
      columns: ["what", "measured", "of the limit"],
      rows: [
        ["limit: 1448 octets in 1538 on the line", mbit(limit), "100 %"],
        ["goodput of the second half", mbit(late), percent(late / limit)],
        ["goodput of all of it, connecting and slow start included", mbit(whole), percent(whole / limit)],
        ["time to connect", `${(Number(connected) * 1e3).toFixed(3)} ms`, ""],
        ["time in all", `${Number(total).toFixed(6)} s`, ""],
      ],
    });
    net.check(
      "curl got all of it",
      fetch.status === 0 && status === "200" && Number(size) === p.bytes,
      `${status} ${size}`,
    );
    net.check(
      "once out of slow start the goodput is within 2 % of the payload rate",
      late >= limit * (1 - TOLERANCE),
      percent(late / limit),
    );
    const lost = [...net.nodes.values()].reduce((sum, node) => sum + dropped(node.kernel.drops), 0);
    net.check("no packet was lost", lost === 0, `${lost} dropped in ${((net.now - from) / 1e9).toFixed(3)} s`);
    net.check("the server answered once", log.output.includes('"GET /file HTTP/1.1" 200 -'));
    log.interrupt();
  },
});

const dropped = (counts: ArrayLike<number>): number => Array.from(counts).reduce((sum, n) => sum + n, 0);
const mbit = (bps: number): string => `${(bps / 1e6).toFixed(2)} Mbit/s`;
const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;

/** client – r1 – … – server, routed by hand. */
function chain(net: Net, p: z.infer<typeof parameters>) {
  const client = net.host("client");
  const routers = Array.from({ length: p.routers }, (_, i) => net.router(`r${i + 1}`));
  const server = net.host("server");
  const all = [client, ...routers, server];
  for (let i = 0; i + 1 < all.length; i++) {
    const [a, b] = [all[i] as typeof client, all[i + 1] as typeof client];
    net.link(a, b, { ip: `10.0.${i}.1/24`, peerIp: `10.0.${i}.2/24`, rate: p.rate, delay: p.delay });
  }
  client.sh("ip route add default via 10.0.0.2");
  server.sh(`ip route add default via 10.0.${p.routers}.1`);
  routers.forEach((router, i) => {
    if (i > 0) router.sh(`ip route add 10.0.0.0/24 via 10.0.${i}.1`);
    if (i + 1 < p.routers) router.sh(`ip route add 10.0.${p.routers}.0/24 via 10.0.${i + 1}.2`);
  });
  return { client, server };
}
