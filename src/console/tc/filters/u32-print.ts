import { formatIp } from "../../../core/addr.ts";
import type { U32Key } from "../../../nodes/kernel/tc/filters/u32.ts";
import type { Tc } from "../context.ts";

const ETHERTYPE_IPV4 = 0x0800;

/** Prints a key: as it stands, or with `-pretty` by the names of IP's fields (tc/f_u32.c:show_keys). */
export function printKey(tc: Tc, key: U32Key, protocol: number): void {
  if (tc.options.pretty && protocol === ETHERTYPE_IPV4) printIpv4(tc, key);
  else printRaw(tc, key);
}

const hex8 = (value: number): string => value.toString(16).padStart(8, "0");

function printRaw({ out }: Tc, key: U32Key): void {
  out.object("match");
  out.newline();
  out.put("value", key.value.toString(16), `  match ${hex8(key.value)}`);
  out.put("mask", key.mask.toString(16), `/${hex8(key.mask)} `);
  const next = key.next ? "nexthdr+" : "";
  out.put("offmask", next, `at ${next}`);
  out.put("off", key.offset, String(key.offset));
  out.endObject();
}

/** What has no name is left out. */
function printIpv4(tc: Tc, key: U32Key): void {
  const { out } = tc;
  const { offset, value, mask } = key;
  const put = (name: string, shown: string | number, text: string): void => {
    out.newline();
    out.put(name, shown, text);
  };
  out.object("match");
  if (offset === 0 && mask === 0x0f00_0000) put("ip_ihl", value >>> 24, `  match IP ihl ${value >>> 24}`);
  else if (offset === 0 && mask === 0x00ff_0000) {
    const field = `0x${(value >>> 16).toString(16)}`;
    put("ip_dsfield", field, `  match IP dsfield ${value === 0 ? "0" : field}`);
  } else if (offset === 8 && mask === 0x00ff_0000) {
    put("ip_protocol", value >>> 16, `  match IP protocol ${value >>> 16}`);
  } else if (offset === 12 || offset === 16) printAddress(tc, key);
  else if (offset === 20) printPorts(tc, key);
  out.endObject();
}

function printAddress({ out }: Tc, { offset, value, mask }: U32Key): void {
  const length = mask === 0 ? 0 : 32 - (31 - Math.clz32(mask & -mask));
  if ((length === 0 ? 0 : 0xffff_ffff << (32 - length)) >>> 0 !== mask) return;
  const side = offset === 12 ? "src" : "dst";
  out.newline();
  out.text(`  match IP ${side} `);
  out.object(side);
  out.put("address", formatIp(value), formatIp(value));
  out.put("prefixlen", length, `/${length}`);
  out.endObject();
}

function printPorts({ out }: Tc, { value, mask }: U32Key): void {
  const [source, destination] = [value >>> 16, value & 0xffff];
  if (mask === 0x0000_ffff) out.put("dport", destination, `match dport ${destination}`);
  else if (mask === 0xffff_0000) {
    out.newline();
    out.put("sport", source, `  match sport ${source}`);
  } else if (mask === 0xffff_ffff) {
    out.newline();
    out.put("dport", destination, `  match dport ${destination}, `);
    out.put("sport", source, `match sport ${source}`);
  }
}
