#!/usr/bin/env python3
"""Asks the kernel that runs here what its VXLAN device does with frames, and prints the answers as JSON.

Needs root, iproute2 and a kernel with VXLAN, veth and bridges. Use: record-vxlan.py > vxlan-linux.json
All happens in a network namespace of its own. Host 10.0.0.1 is `e0`; 10.0.0.2 is the bare other end of the cable, `e1`.
"""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time

NAME = "vxrec%d" % os.getpid()
VX_MAC = "02:00:00:00:00:aa"
E0_MAC = "02:00:00:00:01:01"
E1_MAC = "02:00:00:00:01:02"
HOST_MAC = "02:00:00:00:00:11"


def sh(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def mac(text):
    return bytes(int(octet, 16) for octet in text.split(":"))


def sum16(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ipv4(src, dst, protocol, payload, tos=0, ttl=64, df=False, ident=7):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), ident, 0x4000 if df else 0, ttl, protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    head = head[:10] + struct.pack("!H", ~sum16(head) & 0xFFFF) + head[12:]
    return head + payload


def ether(payload, kind=0x0800, dst="02:00:00:00:00:22", src=HOST_MAC):
    return mac(dst) + mac(src) + struct.pack("!H", kind) + payload


def inner(tos=0, ttl=33, df=False, length=60, protocol=253):
    return ether(ipv4("192.168.0.1", "192.168.0.2", protocol, bytes(i & 255 for i in range(length - 20)), tos, ttl, df))


def arp():
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac(HOST_MAC) + socket.inet_aton("192.168.0.1")
    return ether(body + bytes(6) + socket.inet_aton("192.168.0.2") + bytes(18), 0x0806, "ff:ff:ff:ff:ff:ff")


def ipv6(tclass=0x22):
    head = struct.pack("!IHBB", 0x60000000 | tclass << 20, 8, 59, 17) + bytes(15) + b"\1" + bytes(15) + b"\2"
    return ether(head + bytes(8), 0x86DD)


def tagged(frame, vid=5):
    return frame[:12] + struct.pack("!HH", 0x8100, vid) + frame[12:]


def icmp_error(length):
    message = b"\3\1\0\0\0\0\0\0" + bytes(length - 28)
    message = message[:2] + struct.pack("!H", ~sum16(message) & 0xFFFF) + message[4:]
    return ether(ipv4("192.168.0.1", "192.168.0.2", 1, message, 0, 33, True))


def packet_socket(dev):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((dev, 0))
    s.setblocking(False)
    return s


def drain(s, outgoing):
    frames = []
    time.sleep(0.03)
    while True:
        try:
            data, address = s.recvfrom(70000)
        except BlockingIOError:
            return frames
        if (address[2] == socket.PACKET_OUTGOING) == outgoing:
            frames.append(data)


def is_vxlan(frame):
    return frame[12:14] == b"\x08\x00" and frame[23] == 17


INNER = {
    "IPv4": inner(),
    "IPv4 with DF and ECT(0)": inner(tos=0x22, df=True),
    "IPv4 with congestion": inner(tos=0x2B),
    "IPv4, ECT(1), TTL 1": inner(tos=0x01, ttl=1),
    "ARP": arp(),
    "IPv6": ipv6(),
    "tagged IPv4": tagged(inner(tos=0x22, df=True)),
    "another Ethertype": ether(bytes(50), 0x88B5),
}
DEVICES = {
    "plain": "",
    "ttl 5": "ttl 5",
    "ttl inherit": "ttl inherit",
    "tos 0x10": "tos 0x10",
    "tos inherit": "tos inherit",
    "df set": "df set",
    "df inherit": "df inherit",
    "noudpcsum": "noudpcsum",
}


def transmit():
    cases = []
    for name, options in DEVICES.items():
        sh("ip link add vx0 address %s type vxlan id 100 remote 10.0.0.2 local 10.0.0.1 dstport 4789 %s" % (VX_MAC, options))
        sh("ip link set vx0 up")
        vx, wire = packet_socket("vx0"), packet_socket("e1")
        for what, frame in INNER.items():
            drain(wire, False)
            vx.send(frame)
            sent = [f.hex() for f in drain(wire, False) if is_vxlan(f)]
            cases.append({"device": name, "options": options, "inner": what, "frame": frame.hex(), "sent": sent})
        sh("ip link del vx0")
    return cases


def too_big():
    """Bridged frames that are larger than the tunnel's path: what is sent on, and what comes back to the bridge's port."""
    frames = {
        "1451 octets without DF": inner(length=1451),
        "1450 octets with DF": inner(length=1450, df=True),
        "1451 octets with DF": inner(length=1451, df=True, ttl=33, tos=0x22),
        "1500 octets with DF": inner(length=1500, df=True),
        "an ICMP error": icmp_error(1500),
        "tagged, with DF": tagged(inner(length=1500, df=True)),
    }
    cases = []
    for name in ("plain", "df set", "df inherit"):
        sh("ip link add vx0 address %s type vxlan id 100 remote 10.0.0.2 local 10.0.0.1 dstport 4789 %s" % (VX_MAC, DEVICES[name]))
        sh("ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0; ip link add p0 type veth peer name h0")
        sh("ip link set vx0 master br0; ip link set p0 master br0")
        for dev in ("vx0", "br0", "p0", "h0"):
            sh("ip link set %s up" % dev)
        time.sleep(0.2)
        host, wire = packet_socket("h0"), packet_socket("e1")
        for what, frame in frames.items():
            drain(host, False), drain(wire, False)
            host.send(frame)
            sent = [f.hex() for f in drain(wire, False) if is_vxlan(f)]
            back = [f.hex() for f in drain(host, False) if f[0:6] == mac(HOST_MAC)]
            cases.append({"device": name, "options": DEVICES[name], "inner": what, "frame": frame.hex(), "sent": sent, "back": back})
        sh("ip link del vx0; ip link del br0; ip link del p0")
    return cases


def outer(payload, tos=0, vni=100, head=None, port=4789, checksum=0):
    vxlan = head if head is not None else struct.pack("!II", 0x08000000, vni << 8)
    udp = struct.pack("!HHHH", 50000, port, 8 + len(vxlan) + len(payload), checksum) + vxlan + payload
    return mac(E0_MAC) + mac(E1_MAC) + b"\x08\x00" + ipv4("10.0.0.2", "10.0.0.1", 17, udp, tos)


def receive():
    """Datagrams from the other end: the frame that the device gives to the stack, or none."""
    good = inner()
    frames = {}
    for mark in range(4):
        for name, frame in {
            "not ECN-capable": inner(tos=0x28),
            "ECT(1)": inner(tos=0x29),
            "ECT(0)": inner(tos=0x2A),
            "congested": inner(tos=0x2B),
            "IPv6 ECT(0)": ipv6(0x22),
            "IPv6 not ECN-capable": ipv6(0x20),
            "ARP": arp(),
            "tagged ECT(0)": tagged(inner(tos=0x2A)),
            "tagged not ECN-capable": tagged(inner(tos=0x28)),
        }.items():
            frames["outer mark %d, inner %s" % (mark, name)] = outer(frame, tos=0x90 | mark)
    frames["another VNI"] = outer(good, vni=101)
    frames["no VNI flag"] = outer(good, head=bytes(6) + b"\x64\0")
    frames["an unknown flag"] = outer(good, head=b"\x18\0\0\0\0\0\x64\0")
    frames["a reserved octet"] = outer(good, head=b"\x08\0\0\0\0\0\x64\1")
    frames["a policy without gbp"] = outer(good, head=b"\x88\0\0\5\0\0\x64\0")
    frames["a wrong checksum"] = outer(good, checksum=0x1234)
    frames["a header cut short"] = outer(b"", head=b"\x08\0\0\0\0\0\x64")
    frames["a frame cut short"] = outer(good[:13])
    frames["just a header"] = outer(good[:14])
    frames["its own MAC as the source"] = outer(ether(bytes(46), 0x88B5, src=VX_MAC))
    frames["a group as the source"] = outer(ether(bytes(46), 0x88B5, src="03:00:00:00:00:01"))
    frames["no source"] = outer(ether(bytes(46), 0x88B5, src="00:00:00:00:00:00"))
    frames["another host's MAC"] = outer(ether(bytes(46), 0x88B5, dst="02:00:00:00:00:77"))
    frames["another port"] = outer(good, port=4790)
    sh("ip link add vx0 address %s type vxlan id 100 remote 10.0.0.2 local 10.0.0.1 dstport 4789" % VX_MAC)
    sh("ip link set vx0 up")
    vx, wire = packet_socket("vx0"), packet_socket("e1")
    cases = []
    for what, frame in frames.items():
        drain(vx, False)
        wire.send(frame)
        cases.append({"what": what, "frame": frame.hex(), "received": [f.hex() for f in drain(vx, False)]})
    sh("ip link del vx0")
    return cases


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def main():
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    sh("ip netns add " + NAME)
    try:
        enter(os.open("/var/run/netns/" + NAME, os.O_RDONLY))
        sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
        sh("ip link set lo up; ip link add e0 address %s type veth peer name e1 address %s" % (E0_MAC, E1_MAC))
        sh("ip addr add 10.0.0.1/24 dev e0; ip link set e0 up; ip link set e1 up")
        sh("ip neigh add 10.0.0.2 lladdr %s dev e0 nud permanent" % E1_MAC)
        answers = {
            "kernel": os.uname().release.split("-")[0],
            "transmit": transmit(),
            "tooBig": too_big(),
            "receive": receive(),
        }
        json.dump(answers, sys.stdout, indent=1)
        print()
    finally:
        enter(home)
        sh("ip netns del " + NAME)


main()
