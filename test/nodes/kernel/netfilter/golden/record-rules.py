"""Sends packets through a router, and prints how often each rule of iptables matched.

Needs root, iproute2 and iptables; everything happens in two network namespaces of its own. Output: the packets in
hexadecimal, then for every rule its packets, octets, and text.
"""
import ctypes, os, re, socket, struct, subprocess

R, X = "nfrR", "nfrX"
RULES = """
FORWARD -s 10.1.0.0/24
FORWARD ! -s 10.1.0.2
FORWARD -s 10.1.0.2/255.0.0.255
FORWARD -d 10.2.0.2 -p udp
FORWARD -i ra
FORWARD -i r+
FORWARD ! -i ra
FORWARD -o rb
FORWARD -o x+
FORWARD -p tcp
FORWARD ! -p tcp
FORWARD -f
FORWARD ! -f
FORWARD -p tcp -m tcp --sport 1000:2000
FORWARD -p tcp -m tcp ! --dport 80
FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN
FORWARD -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN
FORWARD -p tcp -m tcp --tcp-flags ALL NONE
FORWARD -p tcp -m tcp --tcp-flags SYN,FIN SYN,FIN
FORWARD -p tcp -m tcp --tcp-option 2
FORWARD -p tcp -m tcp ! --tcp-option 2
FORWARD -p udp -m udp --dport 53
FORWARD -p udp -m udp ! --sport 53
FORWARD -p tcp -m multiport --dports 53,80,1000:2000
FORWARD -p udp -m multiport --sports 53,5000
FORWARD -p udp -m multiport --ports 53
FORWARD -p tcp -m multiport ! --dports 80
FORWARD -p icmp -m icmp --icmp-type 8
FORWARD -p icmp -m icmp --icmp-type 3/3
FORWARD -p icmp -m icmp --icmp-type any
FORWARD -p icmp -m icmp ! --icmp-type 8
FORWARD -m length --length 0:100
FORWARD -m length ! --length 40
FORWARD -m ttl --ttl-eq 63
FORWARD -m ttl --ttl-lt 10
FORWARD -m ttl --ttl-gt 63
FORWARD -m ttl ! --ttl-eq 63
FORWARD -m mac --mac-source 02:00:00:00:00:a2
FORWARD -m mac ! --mac-source 02:00:00:00:00:a2
FORWARD -m addrtype --dst-type UNICAST
FORWARD -m addrtype --src-type LOCAL
FORWARD -m addrtype ! --dst-type MULTICAST
FORWARD -m addrtype --dst-type BROADCAST,UNICAST --src-type UNICAST
FORWARD -m statistic --mode nth --every 3 --packet 1
FORWARD -m statistic --mode nth --every 4 --packet 0
FORWARD -m statistic --mode nth ! --every 5 --packet 2
FORWARD -m limit --limit 1/hour --limit-burst 5
FORWARD -m comment --comment words
FORWARD -j MARK --set-xmark 0x5/0xffffffff
FORWARD -m mark --mark 0x5
FORWARD -p udp -j MARK --set-xmark 0xa/0xf
FORWARD -m mark --mark 0xa
FORWARD -m mark ! --mark 0xa
FORWARD -p tcp -j MARK --set-xmark 0x8/0x8
FORWARD -m mark --mark 0x8/0x8
FORWARD -p tcp -j MARK --set-xmark 0x0/0x1
FORWARD -m mark --mark 0xc
FORWARD -p tcp -j MARK --set-xmark 0x3/0x0
FORWARD -m mark --mark 0xf
FORWARD -p tcp -j one
FORWARD -p udp -g two
FORWARD -p udp
FORWARD -p icmp -j ACCEPT
FORWARD
one -m tcp -p tcp --dport 80 -j RETURN
one -s 10.1.0.2 -j two
one
two -p tcp -m tcp --dport 22 -j DROP
two
""".strip().split("\n")

F, S, RST, P, A, U = 1, 2, 4, 8, 16, 32


def sh(c):
    return subprocess.run(c, shell=True, capture_output=True, text=True)


def must(c):
    r = sh(c)
    assert r.returncode == 0, (c, r.stderr)


def csum(b):
    if len(b) & 1:
        b += b"\0"
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def ip4(proto, payload, src="10.1.0.2", dst="10.2.0.2", ttl=64, frag=0):
    h = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, frag, ttl, proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return h[:10] + struct.pack("!H", csum(h)) + h[12:] + payload


def tcp(sp, dp, flags, opts=b"", data=b"", **k):
    h = struct.pack("!HHIIBBHHH", sp, dp, 1, 2, (5 + len(opts) // 4) << 4, flags, 1000, 0, 0) + opts + data
    src, dst = k.get("src", "10.1.0.2"), k.get("dst", "10.2.0.2")
    c = csum(socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, 6, len(h)) + h)
    return ip4(6, h[:16] + struct.pack("!H", c) + h[18:], **k)


def udp(sp, dp, data=b"hello", **k):
    return ip4(17, struct.pack("!HHHH", sp, dp, 8 + len(data), 0) + data, **k)


def icmp(t, c, rest=b"\0\0\0\1", data=b"", **k):
    m = struct.pack("!BBH", t, c, 0) + rest + data
    return ip4(1, m[:2] + struct.pack("!H", csum(m)) + m[4:], **k)


MSS = b"\x02\x04\x05\xb4"
PACKETS = [
    tcp(1234, 80, S, MSS), tcp(1234, 80, S), tcp(1234, 80, A), tcp(5000, 22, S | A, MSS), tcp(5000, 22, F | A), tcp(5000, 8080, 0),
    tcp(5000, 1500, S | F), tcp(2000, 53, RST), tcp(2001, 81, P | A, b"\x01\x01\x01\x01"), tcp(80, 80, A, b"\x01\x01\x02\x04"),
    tcp(1000, 80, F | S | RST | P | A | U), tcp(1234, 80, A, data=b"x" * 500), tcp(1234, 2222, S, src="10.1.0.3"),
    udp(53, 53), udp(5000, 53), udp(53, 5000), udp(5000, 5001), udp(1, 65535, b""), udp(7, 7, b"y" * 1000), udp(7, 7, src="10.1.0.77"),
    udp(7, 9, dst="10.2.0.9", ttl=5), icmp(8, 0), icmp(0, 0), icmp(3, 3, data=b"q" * 28), icmp(3, 1, data=b"q" * 28), icmp(11, 0, data=b"q" * 28),
    icmp(8, 0, ttl=255, src="10.1.0.9"), icmp(13, 0, data=b"z" * 12), ip4(47, b"\0\0\x08\0" + b"g" * 20), ip4(89, b"o" * 40), ip4(2, b"\x11\0\0\0\0\0\0\0"),
    tcp(1234, 80, A, data=b"d" * 36, frag=0x2000), ip4(50, b"f" * 80, frag=0x2008), ip4(89, b"f" * 60, frag=0x0014), ip4(1, b"f" * 16, frag=0x0002),
    udp(53, 4000, ttl=2), tcp(22, 22, A, ttl=200), tcp(1999, 21, S, MSS + b"\x01\x03\x03\x07"), udp(5000, 53, src="10.9.9.2"),
]


def main():
    for ns in (R, X):
        sh(f"ip netns del {ns}")
        must(f"ip netns add {ns}")
    for a in "ab":
        must(f"ip link add r{a} netns {R} type veth peer name x{a} netns {X}")
        must(f"ip -n {R} link set r{a} address 02:00:00:00:00:{a}1 up")
        must(f"ip -n {X} link set x{a} address 02:00:00:00:00:{a}2 up")
        n = 1 if a == "a" else 2
        must(f"ip -n {R} addr add 10.{n}.0.1/24 dev r{a}")
        for host in (2, 3, 9, 77):
            must(f"ip -n {R} neigh replace 10.{n}.0.{host} lladdr 02:00:00:00:00:{a}2 dev r{a} nud permanent")
        must(f"ip netns exec {R} sysctl -qw net.ipv4.conf.r{a}.rp_filter=0")
    must(f"ip netns exec {R} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0")
    ipt = f"ip netns exec {R} iptables"
    for chain in ("one", "two"):
        must(f"{ipt} -N {chain}")
    for rule in RULES:
        must(f"{ipt} -A {rule}")
    fd = os.open(f"/var/run/netns/{X}", os.O_RDONLY)
    assert ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) == 0
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("xa", 0))
    for p in PACKETS:
        s.send(bytes.fromhex("0200000000a10200000000a20800") + p)
        print(p.hex())
    for chain in ("FORWARD", "one", "two"):
        listed = sh(f"{ipt} -nvxL {chain}").stdout.split("\n")
        print("policy", *re.findall(r"policy \w+ (\d+) packets, (\d+) bytes", listed[0])[:1] or "-")
        rules = [r for r in RULES if r.split()[0] == chain]
        for rule, line in zip(rules, listed[2:]):
            print(*line.split()[:2], rule)
    for ns in (R, X):
        sh(f"ip netns del {ns}")


main()
