"""Plays the conversations of conversations.json between two network namespaces of a real kernel, and writes what tcpdump saw of
them to linux.json; those of trouble.json, where segments are lost, go to linux-trouble.json. Needs root, iproute2, iptables,
ethtool and tcpdump. The namespaces are its own and are removed; nothing leaves them.

    python3 record-linux.py conversations.json linux.json
    python3 record-linux.py trouble.json linux-trouble.json
"""
import ctypes, json, os, select, socket, struct, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
LIBC = ctypes.CDLL(None, use_errno=True)
NAMES = ("tcpgold-a", "tcpgold-b")
ADDRESSES = ("10.0.0.1", "10.0.0.2")
CLONE_NEWNET = 0x40000000


def sh(command):
    subprocess.run(command.split(), check=True)


def enter(name):
    with open(f"/run/netns/{name}") as f:
        if LIBC.setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno())


def make_socket(name):
    enter(name)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    return s


def filter(name, rule):
    sh(f"ip netns exec {name} iptables {rule}")


def heal():
    for name in NAMES:
        filter(name, "-F INPUT")


def sack(on):
    for name in NAMES:
        sh(f"ip netns exec {name} sysctl -qw net.ipv4.tcp_sack={on}")


class Talk:
    def __init__(self):
        self.ends = {}
        self.reading = {"c": True, "s": True}

    def idle(self, seconds):
        """Lets time pass; ends that read take what comes."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            waiting = [s for k, s in self.ends.items() if self.reading[k]]
            for s in select.select(waiting, [], [], left)[0]:
                key = next(k for k, v in self.ends.items() if v is s)
                try:
                    if s.recv(65536) == b"":
                        self.reading[key] = False
                except OSError:
                    self.reading[key] = False

    def step(self, who, what, value=None):
        s = self.ends.get(who)
        if what == "wait":
            self.idle(value / 1000)
        elif what == "send":
            s.setblocking(False)
            s.send(b"x" * value)
            s.setblocking(True)
        elif what == "keepalive":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, value)
        elif what == "cut":  # neither hears the other any more
            for name in NAMES:
                filter(name, "-A INPUT -p tcp -j DROP")
        elif what == "drop":  # a segment of data, by its number among those that come from here on and earlier steps let through
            filter(NAMES[1], f"-A INPUT -p tcp -m length --length 100:2000 -m statistic --mode nth --every 100000 --packet {value - 1} -j DROP")
        elif what == "heal":
            heal()
        elif what == "nodelay":
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif what == "pause":
            self.reading[who] = False
        elif what == "resume":
            self.reading[who] = True
        elif what == "shutdown":
            s.shutdown(socket.SHUT_WR)
        elif what == "close":
            del self.ends[who]
            s.close()
        elif what == "abort":
            del self.ends[who]
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()


def play(steps, port, listening):
    talk = Talk()
    sack(0 if ["", "nosack"] in steps else 1)
    client = make_socket(NAMES[0])
    listener = make_socket(NAMES[1])
    for who, what, *value in steps:
        if what == "rcvbuf":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, value[0] // 2)
    if listening:
        listener.bind((ADDRESSES[1], port))
        listener.listen(5)
    silent = ["c", "connect"] in steps
    try:
        if silent:
            client.setblocking(False)
        else:
            client.connect((ADDRESSES[1], port))
            talk.ends = {"c": client, "s": listener.accept()[0]}
            listener.close()
        for step in steps:
            if step[1] == "connect":
                client.connect_ex((ADDRESSES[1], port))
            elif step[1] not in ("nosack", "rcvbuf"):
                talk.step(*step)
            talk.idle(0.001)
    except ConnectionRefusedError:
        pass
    time.sleep(0.3)
    end = time.time() * 1000
    if silent:
        client.close()
        listener.close()
    for s in talk.ends.values():
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    time.sleep(0.1)
    heal()
    return end


def options_of(raw):
    names, at = [], 0
    while at < len(raw):
        kind = raw[at]
        length = 1 if kind <= 1 else raw[at + 1]
        if kind == 2:
            names.append(f"mss {struct.unpack('!H', raw[at + 2:at + 4])[0]}")
        elif kind == 3:
            names.append(f"wscale {raw[at + 2]}")
        elif kind == 5:
            names.append(f"sack {(length - 2) // 8}")
        else:
            names.append({0: "eol", 1: "nop", 4: "sackOK", 8: "TS"}[kind])
        at += length
    return ",".join(names)


def read(path, port, until):
    data = open(path, "rb").read()
    lines, at, first, zero = [], 24, {}, None
    while at < len(data):
        sec, usec, caplen, _ = struct.unpack("<IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + caplen]
        at += 16 + caplen
        sport, dport, seq, ack, off, flags, win = struct.unpack("!HHIIBBH", frame[34:50])
        if port not in (sport, dport):
            continue
        who = "s" if sport == port else "c"
        other = "c" if who == "s" else "s"
        first.setdefault(who, seq)
        now = sec * 1000 + usec / 1000
        if now > until:
            break
        zero = now if zero is None else zero
        length = struct.unpack("!H", frame[16:18])[0] - 20 - (off >> 4) * 4
        lines.append({
            "ms": round(now - zero, 1), "who": who,
            "flags": "".join(n for n, b in zip("FSRPAUEC", (1, 2, 4, 8, 16, 32, 64, 128)) if flags & b),
            "seq": (seq - first[who]) & 0xffffffff,
            "ack": (ack - first[other]) & 0xffffffff if flags & 16 and other in first else 0,
            "win": win, "len": length, "options": options_of(frame[54:34 + (off >> 4) * 4]),
            "df": bool(frame[20] & 0x40), "id0": frame[18:20] == b"\0\0",
        })
    return lines


def main():
    for name in NAMES:
        sh(f"ip netns add {name}")
    try:
        sh(f"ip link add ga netns {NAMES[0]} type veth peer name gb netns {NAMES[1]}")
        for name, dev, address in zip(NAMES, ("ga", "gb"), ADDRESSES):
            sh(f"ip -n {name} addr add {address}/24 dev {dev}")
            sh(f"ip -n {name} link set {dev} up")
            # What 6.18 has made larger than the settings that most kernels run with.
            subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 6291456"], check=True)
            # No conversation shall know what another has learnt.
            subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1"], check=True)
            # Doubled from the first one on, as kernels before 6.5 do.
            subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.tcp_syn_linear_timeouts=0"], check=True)
            subprocess.run(f"ip netns exec {name} ethtool -K {dev} tso off gso off gro off".split(), capture_output=True)
        capture = os.path.join(HERE, "linux.pcap")
        tcpdump = subprocess.Popen(
            f"ip netns exec {NAMES[0]} tcpdump -U -i ga -s 120 -w {capture} tcp".split(), stderr=subprocess.DEVNULL)
        time.sleep(1)
        talks = json.load(open(os.path.join(HERE, sys.argv[1])))
        ends = {}
        for n, (name, steps) in enumerate(talks.items()):
            ends[name] = play(steps, 5000 + n, name != "nobody listens")
            print(name, flush=True)
        time.sleep(1)
        tcpdump.terminate()
        tcpdump.wait()
        result = {name: read(capture, 5000 + n, ends[name]) for n, name in enumerate(talks)}
        os.unlink(capture)
        with open(os.path.join(HERE, sys.argv[2]), "w") as f:
            f.write("{\n" + ",\n".join(
                f'  {json.dumps(name)}: [\n' + ",\n".join(f"    {json.dumps(l)}" for l in lines) + "\n  ]"
                for name, lines in result.items()) + "\n}\n")
    finally:
        for name in NAMES:
            sh(f"ip netns del {name}")


main()
