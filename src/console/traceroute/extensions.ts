import { u32 } from "../../core/bytes.ts";
import { decode, type ExtensionObject, mplsStack, VERSION } from "../../protocols/icmp-extensions/wire.ts";

/** An extension structure as `traceroute -e` prints it; empty when it cannot be read (traceroute's extension.c:try_extension). */
export function extensionText(octets: Uint8Array): string {
  const got = decode(octets, 0, octets.length);
  if (!got.ok || got.value.version !== VERSION) return "";
  return got.value.objects.map(objectText).join(";");
}

/** A label stack, or class, type and words of what is not known. */
function objectText(object: ExtensionObject): string {
  const stack = mplsStack(object);
  if (stack !== undefined) {
    const entries = stack.map((e) => `L=${e.label},E=${e.tc},S=${e.bottom ? 1 : 0},T=${e.ttl}`);
    return `MPLS:${entries.join("/")}`;
  }
  const { data } = object;
  const words = Array.from({ length: data.length >> 2 }, (_, i) =>
    u32(data, 4 * i)
      .toString(16)
      .padStart(8, "0"),
  );
  return `${object.class}/${object.ctype}:${words.join(",")}`;
}
