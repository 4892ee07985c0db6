import { testGarbage, testTranscripts } from "../../harness/transcript.ts";

testTranscripts(new URL("golden/", import.meta.url));

testGarbage(
  ["conntrack -L", "conntrack -I", "conntrack -U", "conntrack -D", "conntrack -G", "conntrack"],
  "-p udp tcp icmp gre 89 -s -d -r -q 10.0.0.1 10.0.0.2 10.0.0.0/8 --sport --dport --state ESTABLISHED -t 5 0 -1 -m 0x3/1 -u ASSURED -n -g -j 1.2.3.4:5 -o id,extended ktimestamp -z -f ipv4 ipv6 -F -C -S -h -V --icmp-type 8 --icmp-code --icmp-id --srckey --dstkey expect dying = -- - --reply-port-src".split(
    " ",
  ),
);
