import { hex } from "../../core/bytes.ts";
import {
  control,
  critical,
  decode,
  encode,
  encodedLength,
  HEADER,
  headerLength,
  optionsLength,
  PORT,
  protocol,
  readOptions,
  version,
  vni,
} from "../../protocols/geneve/wire.ts";
import type { Dissector, Fields, Span } from "./walk.ts";

const codec = { encode, encodedLength };

export const geneve: Dissector = {
  name: "geneve",
  udpPorts: [PORT],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end);
    const fields = fieldsOf(s);
    if (got.ok) w.add("geneve", s, fields, codec, got.value);
    else w.addRaw("geneve", s, fields, Math.min(s.captured, headerLength(s.b, s.o)));
    if (s.captured < HEADER || headerLength(s.b, s.o) > s.captured) {
      return w.short(s, s.captured < HEADER ? HEADER : headerLength(s.b, s.o));
    }
    const payload = s.from(s.o + headerLength(s.b, s.o));
    if (payload.length > 0) w.next(w.tables.etherTypes.get(protocol(s.b, s.o)), payload);
  },
};

/** The fields that were captured, of a header of any version. Lengths are octets; an option's counts its own header. */
function fieldsOf(s: Span): Fields {
  const { b, o, captured } = s;
  const fields: Fields = {};
  if (captured >= 1) Object.assign(fields, { ver: version(b, o), optlen: optionsLength(b, o) });
  if (captured >= 2) Object.assign(fields, { oam: control(b, o) ? 1 : 0, critical: critical(b, o) ? 1 : 0 });
  if (captured >= 4) fields["proto"] = protocol(b, o);
  if (captured >= 7) fields["vni"] = vni(b, o);
  if (captured < headerLength(b, o)) return fields;
  const { options } = readOptions(b, o + HEADER, o + headerLength(b, o));
  if (options.length > 0) {
    fields["options"] = options.map((option) => ({
      class: option.class,
      type: option.type,
      len: 4 + option.data.length,
      data: hex(option.data),
    }));
  }
  return fields;
}
