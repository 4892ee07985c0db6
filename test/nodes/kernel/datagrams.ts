import { formatIp } from "../../../src/core/addr.ts";
import { setU16 } from "../../../src/core/bytes.ts";
import { complement16, sum16 } from "../../../src/core/checksum.ts";
import type { Outcome } from "../../../src/core/errno.ts";
import type { UdpSocket } from "../../../src/core/os.ts";
import type { Kernel } from "../../../src/nodes/kernel/kernel.ts";
import { seal } from "../../../src/protocols/udp/wire.ts";
import { ip, ipPacket, Lab, must } from "../../harness/kernels.ts";

/** A UDP datagram as an IP packet, checksums right, its payload counted up. */
export function udpPacket(from: string, fromPort: number, to: string, toPort: number, length: number): Uint8Array {
  const b = new Uint8Array(8 + length);
  setU16(b, 0, fromPort);
  setU16(b, 2, toPort);
  setU16(b, 4, b.length);
  for (let i = 0; i < length; i++) b[8 + i] = i;
  seal(b, 0, b.length, ip(from), ip(to));
  return ipPacket(from, to, 17, b);
}

/** Writes the checksum of all of `b` at `at`, where it is 0. */
export function complement(b: Uint8Array, at = 2): void {
  setU16(b, at, complement16(sum16(b, 0, b.length)));
}

/** How a request ended: `ok` or its errno. */
export const word = (o: Outcome<unknown>): string => (o.ok ? "ok" : o.errno);
export const bytes = (n: number): Uint8Array => new Uint8Array(n).fill(0x55);

/** `a` 10.9.0.1 and 10.9.1.1 on e0, 10.7.0.1 on e1; `b` 10.9.0.2 at the other end of e0. */
export function pair(seed = 1): { lab: Lab; a: Kernel; b: Kernel } {
  const lab = new Lab(seed);
  const [a, b] = [lab.host("a"), lab.host("b")];
  lab.cable([a, "e0 10.9.0.1/24 10.9.1.1/24"], [b, "e0 10.9.0.2/24"]);
  lab.cable([a, "e1 10.7.0.1/24"], [lab.host("c"), "e0 10.7.0.2/24"]);
  return { lab, a, b };
}
/** A socket, bound where told. */
export const udp = (k: Kernel, at = "", port = 0): UdpSocket => {
  const s = k.os.udpSocket();
  if (at !== "" || port !== 0) must(s.bind(at === "" ? 0 : ip(at), port));
  return s;
};
/** What a socket hears from now on: `10.9.0.1:5000 > 10.9.0.2:7, 3 octets`. */
export function listen(s: UdpSocket, heard: string[] = []): string[] {
  s.onReceive((_b, o, end, i) =>
    heard.push(
      `${formatIp(i.source)}:${i.sourcePort} > ${formatIp(i.destination)}:${i.destinationPort}, ${end - o} octets`,
    ),
  );
  return heard;
}
