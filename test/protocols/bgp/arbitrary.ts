import fc from "fast-check";
import type { Prefix } from "../../../src/core/addr.ts";
import type { BgpMessage, Parameter, RawAttribute } from "../../../src/protocols/bgp/wire.ts";

/** Messages of every kind, as the codec can write them. */

const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const ipv4 = fc.nat(0xffffffff);

/** A prefix as a message can hold it: bits behind the octets that its length needs are clear. */
export const prefix: fc.Arbitrary<Prefix> = fc.tuple(ipv4, fc.nat(32)).map(([address, length]) => {
  const kept = ((length + 7) >> 3) * 8;
  return { address: kept === 0 ? 0 : (address & (0xffffffff << (32 - kept))) >>> 0, length };
});

export const rawAttribute: fc.Arbitrary<RawAttribute> = fc
  .tuple(fc.constantFrom(0x40, 0x80, 0xc0, 0xe0, 0x50, 0xd0), fc.nat(40), octets(20))
  .map(([flags, type, value]) => ({ flags, type, value }));

const parameter: fc.Arbitrary<Parameter> = fc.record({ type: fc.nat(254), value: octets(30) });

export const message: fc.Arbitrary<BgpMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("open" as const),
    version: fc.nat(255),
    as: fc.nat(0xffff),
    holdS: fc.nat(0xffff),
    id: ipv4,
    parameters: fc.array(parameter, { maxLength: 6 }),
    extended: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("update" as const),
    withdrawn: fc.array(prefix, { maxLength: 8 }),
    attributes: fc.array(rawAttribute, { maxLength: 8 }),
    attributesRest: fc.constantFrom(new Uint8Array(0), Uint8Array.of(0x40), Uint8Array.of(0x40, 1, 9, 1)),
    nlri: fc.array(prefix, { maxLength: 8 }),
  }),
  fc.record({
    kind: fc.constant("notification" as const),
    code: fc.nat(255),
    subcode: fc.nat(255),
    data: octets(40),
  }),
  fc.constant({ kind: "keepalive" as const }),
  fc.record({
    kind: fc.constant("refresh" as const),
    afi: fc.nat(0xffff),
    subtype: fc.nat(255),
    safi: fc.nat(255),
    rest: octets(10),
  }),
);
