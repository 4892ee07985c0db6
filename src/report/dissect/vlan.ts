import { ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD, ETHERTYPE_VLAN, LENGTH_MAX } from "../../protocols/ethernet/wire.ts";
import { decode, encode, encodedLength, TAG, type VlanTag } from "../../protocols/vlan/wire.ts";
import { dissect8023 } from "./ieee8023.ts";
import { addTrailer } from "./trailer.ts";
import { type Codec, type Dissector, type Fields, partial } from "./walk.ts";

const codec = { encode, encodedLength };
const fieldsOf = (tag: VlanTag): Fields => ({ prio: tag.pcp, dei: tag.dei ? 1 : 0, id: tag.vid, type: tag.type });

/** A tag behind 0x8100 or 0x9100. */
export const vlan: Dissector = {
  name: "vlan",
  etherTypes: [ETHERTYPE_VLAN, ETHERTYPE_QINQ_OLD],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end);
    if (!got.ok) {
      w.addRaw("vlan", s, partial(s, TAG, decode, fieldsOf, { prio: 2, dei: 2, id: 2 }));
      return w.short(s, TAG);
    }
    const tag = got.value;
    const { type, ...fields } = fieldsOf(tag);
    w.add("vlan", s, fields, codec, tag);
    if (tag.type <= LENGTH_MAX) return dissect8023(w, s, s.o + TAG, tag.type, fields, false);
    fields["type"] = tag.type;
    const payload = s.from(s.o + TAG);
    w.etherType(tag.type, payload);
    addTrailer(w, s, payload.wireEnd, fields, false);
  },
};

/** An S-tag and the C-tag behind it where that has the same type, which tshark reads as one header. */
interface ProviderTag {
  readonly service: VlanTag;
  readonly customer?: VlanTag;
}
const providerCodec: Codec<ProviderTag> = {
  encodedLength: (v) => (v.customer ? 2 * TAG : TAG),
  encode(v, b, o) {
    encode(v.service, b, o);
    if (v.customer) encode(v.customer, b, o + TAG);
  },
};

/** A provider's tag, behind 0x88a8 (IEEE 802.1ad). */
export const ieee8021ad: Dissector = {
  name: "ieee8021ad",
  etherTypes: [ETHERTYPE_QINQ],
  dissect(w, s) {
    const outer = decode(s.b, s.o, s.end);
    if (!outer.ok) return w.short(s, TAG);
    const service = outer.value;
    const { type: _, id, ...fields } = fieldsOf(service);
    const inner = service.type === ETHERTYPE_QINQ ? decode(s.b, s.o + TAG, s.end) : undefined;
    if (inner === undefined) w.add("ieee8021ad", s, Object.assign(fields, { id }), providerCodec, { service });
    else {
      fields["svid"] = service.vid;
      if (!inner.ok) {
        w.add("ieee8021ad", s, fields, providerCodec, { service });
        return w.short(s, 2 * TAG);
      }
      fields["cvid"] = inner.value.vid;
      w.add("ieee8021ad", s, fields, providerCodec, { service, customer: inner.value });
    }
    const last = inner?.ok ? inner.value : service;
    const payload = s.from(s.o + (inner ? 2 * TAG : TAG));
    w.etherType(last.type, payload);
    addTrailer(w, s, payload.wireEnd, fields, false);
  },
};
