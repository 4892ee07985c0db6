/** Most datagrams in pieces at a time, and most octets kept of them; the oldest give way. */
const DATAGRAMS_MAX = 1024;
const OCTETS_MAX = 16 << 20;

interface Fragment {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface Datagram {
  /** By offset; one that came later stands behind those with the same offset. */
  readonly fragments: Fragment[];
  /** Octets of the whole, once a last fragment told it. */
  length: number | undefined;
  octets: number;
}

/** A datagram that is complete, and from how many fragments it was made. */
export interface Reassembled {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/**
 * Puts fragmented datagrams together, in whatever order their pieces come. Where pieces overlap, the one with the lower
 * offset wins, as in epan/reassemble.c:fragment_defragment; what exceeds the length that the last one told is cut off.
 */
export class FragmentTable {
  private readonly datagrams = new Map<string, Datagram>();
  private octets = 0;

  /** Takes a fragment, whose octets are copied. Returns the datagram when this completes it. */
  add(key: string, offset: number, bytes: Uint8Array, more: boolean): Reassembled | undefined {
    const datagram = this.datagrams.get(key) ?? { fragments: [], length: undefined, octets: 0 };
    this.datagrams.set(key, datagram);
    const place = datagram.fragments.findLastIndex((fragment) => fragment.offset <= offset) + 1;
    datagram.fragments.splice(place, 0, { offset, bytes: bytes.slice() });
    datagram.octets += bytes.length;
    this.octets += bytes.length;
    if (!more) datagram.length ??= offset + bytes.length;
    if (datagram.length === undefined || !isComplete(datagram.fragments, datagram.length)) {
      this.makeRoom(key);
      return undefined;
    }
    this.drop(key, datagram);
    return { bytes: join(datagram.fragments, datagram.length), count: datagram.fragments.length };
  }

  private makeRoom(key: string): void {
    for (const [oldest, datagram] of this.datagrams) {
      if (this.datagrams.size <= DATAGRAMS_MAX && this.octets <= OCTETS_MAX) return;
      if (oldest !== key || this.datagrams.size === 1) this.drop(oldest, datagram);
    }
  }

  private drop(key: string, datagram: Datagram): void {
    this.datagrams.delete(key);
    this.octets -= datagram.octets;
  }
}

function isComplete(fragments: readonly Fragment[], length: number): boolean {
  let reached = 0;
  for (const { offset, bytes } of fragments) if (offset <= reached) reached = Math.max(reached, offset + bytes.length);
  return reached >= length;
}

function join(fragments: readonly Fragment[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let reached = 0;
  for (const { offset, bytes } of fragments) {
    const end = Math.min(offset + bytes.length, length);
    if (offset > reached || end <= reached) continue;
    whole.set(bytes.subarray(reached - offset, end - offset), reached);
    reached = end;
  }
  return whole;
}
