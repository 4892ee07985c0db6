/** What a daemon tells programs about itself, in the shapes of FRR's own JSON brought into one form. Local service `views <daemon>`. */
export interface Views {
  /**
   * `what`: `rib` (zebra); `ospf routes`, `ospf neighbors`, `ospf lsdb external` (ospfd); `bgp table`, `bgp received`, `bgp adj-in`,
   * `bgp advertised`, `bgp neighbors`, `bgp neighbor accepted`, `bgp count` (bgpd). Undefined: there is no such view.
   */
  view(what: string, query: ViewQuery): unknown;
}

export interface ViewQuery {
  /** Of one neighbour: its address as text. */
  readonly peer?: string | undefined;
  /** Only these prefixes: `10.0.0.0/8`. */
  readonly prefixes?: readonly string[] | undefined;
}
