import type { Ipv4, Mac } from "../../core/addr.ts";
import { parseHost } from "../programs/options.ts";

/** Statuses of net-tools: the command line makes no sense; a name is unknown; the kernel refused. */
export const STATUS_USAGE = 3;
export const STATUS_LOOKUP = 6;
export const STATUS_KERNEL = 7;

/** An address, or a network by the one name that everybody knows (lib/inet.c:INET_resolve). */
export interface Resolved {
  readonly address: Ipv4;
  readonly isNetwork: boolean;
}

/** `default`, or an address. Other names are unknown: a node has no resolver. */
export function resolve(text: string): Resolved | undefined {
  if (text === "default") return { address: 0, isNetwork: true };
  const address = parseHost(text);
  return address === undefined ? undefined : { address, isNetwork: false };
}

export const unknownHost = (text: string): string => `${text}: Unknown host\n`;

/** Ends the command from wherever it is; caught in `guarded`. */
export class Stop extends Error {
  readonly status: number;

  /** `message` goes to standard error as it stands. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Runs a command that returns its status, or ends by a `Stop`. */
export function guarded(
  self: { readonly err: (text: string) => void; readonly exit: (status: number) => void },
  run: () => number,
): void {
  let status: number;
  try {
    status = run();
  } catch (end) {
    if (!(end instanceof Stop)) throw end;
    self.err(end.message);
    status = end.status;
  }
  self.exit(status & 0xff);
}

/** `MAC` in hexadecimal, octets with or without a leading zero (lib/ether.c:in_ether). */
export function parseEther(text: string): Mac | undefined {
  const octets = text.split(":");
  if (octets.length !== 6 || octets.some((octet) => !/^[0-9a-f]{1,2}$/i.test(octet))) return undefined;
  return octets.reduce((mac, octet) => mac * 256 + Number.parseInt(octet, 16), 0);
}
