#!/usr/bin/env python3
"""Plays the cases of htb-cases.json on the kernel at hand and prints them with what was measured: htb-recorded.json.

Three network namespaces of its own, s - r - d, joined by veth pairs; the commands of a case run in r, on its device `out`
towards d. Every flow is UDP to a port of its own, from s (paced, forwarded by r) or from r itself (`local`): paced when it has
a rate, giving up what the send buffer does not take, else by blocking sends without pause. A case is played `runs` times.
Needs root, veth and HTB. Use: record-htb.py [CASE ...] < htb-cases.json > htb-recorded.json
Named cases alone are played when some are named.
"""
import heapq, json, os, re, select, socket, struct, subprocess, sys, time

SO_TIMESTAMPNS = 35
L2_OVER_PAYLOAD = 14 + 20 + 8
TAG = f"nlh{os.getpid()}"
NS = {x: f"{TAG}{x}" for x in "srd"}


def sh(line, check=True):
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise SystemExit(f"{line}: {done.stderr}")
    return done.stdout + done.stderr


def build():
    for name in NS.values():
        sh(f"ip netns add {name}")
        sh(f"ip netns exec {name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
        sh(f"ip -n {name} link set lo up")
    s, r, d = NS["s"], NS["r"], NS["d"]
    sh(f"ip -n {s} link add eth0 type veth peer name in netns {r}")
    sh(f"ip -n {r} link add out type veth peer name eth0 netns {d}")
    for ns, dev, ip in ((s, "eth0", "10.0.1.1"), (r, "in", "10.0.1.254"), (r, "out", "10.0.2.254"), (d, "eth0", "10.0.2.1")):
        sh(f"ip -n {ns} addr add {ip}/24 dev {dev}")
        sh(f"ip -n {ns} link set {dev} up")
    sh(f"ip -n {s} route add default via 10.0.1.254")
    sh(f"ip -n {d} route add default via 10.0.2.254")
    sh(f"ip netns exec {r} sysctl -qw net.ipv4.ip_forward=1")
    sh(f"ip netns exec {s} ping -c 1 -W 2 10.0.2.1")


def destroy():
    for name in NS.values():
        sh(f"ip netns del {name}", check=False)


def enter(ns):
    fd = os.open(f"/var/run/netns/{ns}", os.O_RDONLY)
    libc = __import__("ctypes").CDLL(None, use_errno=True)
    if libc.setns(fd, 0) != 0:
        raise OSError("setns")
    os.close(fd)


def child(work):
    """Runs `work` in a process of its own; what it returns comes back as JSON."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        status = 0
        try:
            with os.fdopen(w, "w") as out:
                json.dump(work(), out)
        except BaseException as e:
            sys.stderr.write(f"{e!r}\n")
            status = 1
        os._exit(status)
    os.close(w)
    return pid, r


def result(started):
    pid, r = started
    with os.fdopen(r) as f:
        text = f.read()
    os.waitpid(pid, 0)
    return json.loads(text or "null")


def udp(flow):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if "tos" in flow:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, flow["tos"])
    sock.connect(("10.0.2.1", flow["port"]))
    return sock


def stamped(flow):
    filler = bytes(flow["bytes"] - 8)
    return lambda: struct.pack("!q", time.time_ns()) + filler


def pace(ns, flows, t0, end):
    """Sends each flow at its rate (of L2 bits), by absolute times."""
    enter(ns)
    heap = []
    for i, f in enumerate(flows):
        gap = (f["bytes"] + L2_OVER_PAYLOAD) * 8e9 / f["rate"]
        start = t0 + int(f.get("from", 0) * 1e9) + i * 1000
        stop = t0 + int(f.get("until", end) * 1e9)
        heapq.heappush(heap, (start, i, gap, stop))
    socks = [udp(f) for f in flows]
    make = [stamped(f) for f in flows]
    while heap:
        at, i, gap, stop = heapq.heappop(heap)
        left = at - time.time_ns()
        if left > 200_000:
            time.sleep((left - 100_000) / 1e9)
        while time.time_ns() < at:
            pass
        try:
            socks[i].send(make[i](), socket.MSG_DONTWAIT)
        except OSError:
            pass
        if at + gap < stop:
            heapq.heappush(heap, (at + gap, i, gap, stop))
    return None


def flood(ns, flow, t0, end):
    """Sends as a program does that never pauses: send() blocks while the send buffer is full."""
    enter(ns)
    sock, make = udp(flow), stamped(flow)
    stop = t0 + int(flow.get("until", end) * 1e9)
    while time.time_ns() < t0 + int(flow.get("from", 0) * 1e9):
        time.sleep(0.0005)
    while time.time_ns() < stop:
        try:
            sock.send(make())
        except OSError:
            time.sleep(0.0001)
    return None


def hear(ns, flows, t0, end, windows):
    enter(ns)
    poll = select.epoll()
    socks = {}
    for f in flows:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setblocking(False)
        sock.bind(("10.0.2.1", f["port"]))
        poll.register(sock.fileno(), select.EPOLLIN)
        socks[sock.fileno()] = (f["port"], sock)
    heard = {f["port"]: [] for f in flows}
    stop = t0 + int(end * 1e9)
    while time.time_ns() < stop:
        for fd, _ in poll.poll(0.05):
            port, sock = socks[fd]
            while True:
                try:
                    data, control, _, _ = sock.recvmsg(2048, 64)
                except BlockingIOError:
                    break
                sec, nsec = struct.unpack("qq", control[0][2][:16])
                at = sec * 10**9 + nsec
                heard[port].append((at, at - struct.unpack("!q", data[:8])[0], len(data) + L2_OVER_PAYLOAD))
    out = []
    for a, b in windows:
        row = {}
        for port, list_ in heard.items():
            inside = [x for x in list_ if t0 + a * 1e9 <= x[0] < t0 + b * 1e9]
            delays = sorted(x[1] for x in inside)
            row[str(port)] = {
                "bps": round(sum(x[2] for x in inside) * 8 / (b - a)),
                "delay_ms": round(delays[len(delays) // 2] / 1e6, 3) if delays else None,
            }
        out.append(row)
    return out


def counters(text):
    found = {}
    for block in re.split(r"\n(?=class |qdisc )", text.strip()):
        name = re.match(r"(?:class|qdisc) \w+ (\S+)|$", block).group(1)
        def numbers(pattern):
            m = re.search(pattern, block)
            return [int(x) for x in m.groups()] if m else []
        if "Sent" not in block:
            continue
        sent, queue = numbers(r"Sent (\d+) bytes (\d+) pkt"), numbers(r"dropped (\d+), overlimits (\d+)")
        row = {"bytes": sent[0], "packets": sent[1], "drops": queue[0], "overlimits": queue[1]}
        row["backlog_packets"] = numbers(r"backlog \S+ (\d+)p")[0]
        loans = numbers(r"lended: (\d+) borrowed: (\d+)")
        if loans:
            row.update(lended=loans[0], borrowed=loans[1])
        tokens = numbers(r"tokens: (-?\d+) ctokens: (-?\d+)")
        if tokens:
            row.update(tokens=tokens[0], ctokens=tokens[1])
        found[name] = row
    return found


def tc(line):
    return sh(f"tc -n {NS['r']} {line}")


def show(what):
    return tc(f"-s -d {what} show dev out")


def play(case):
    end, flows = case["seconds"], case["flows"]
    windows = case.get("windows", [[2, end]])
    for line in case["tc"]:
        tc(line)
    for f in flows:
        if "class" in f:
            tc(f"filter add dev out parent {f['class'].split(':')[0]}: protocol ip prio 1 u32 match ip dport {f['port']} 0xffff flowid {f['class']}")
    printed = {"class": tc("-d class show dev out"), "qdisc": tc("-d qdisc show dev out")}
    t0 = time.time_ns() + 400_000_000
    ear = child(lambda: hear(NS["d"], flows, t0, end + 0.2, windows))
    mouths = []
    for ns, local in (("s", False), ("r", True)):
        paced = [f for f in flows if "rate" in f and f.get("local", False) == local]
        if paced:
            mouths.append(child(lambda ns=ns, paced=paced: pace(NS[ns], paced, t0, end)))
    for f in flows:
        if "rate" not in f:
            mouths.append(child(lambda f=f: flood(NS["r"], f, t0, end)))
    looks = []
    todo = sorted([(at, 0, line) for at, line in case.get("at", [])] + [(t, 1, None) for w in windows for t in w])
    for at, _, line in todo:
        time.sleep(max(0, (t0 + at * 1e9 - time.time_ns()) / 1e9))
        if line is not None:
            tc(line)
        else:
            looks.append({"at": at, "class": counters(show("class")), "qdisc": counters(show("qdisc"))})
    heard = result(ear)
    for m in mouths:
        result(m)
    tc("qdisc del dev out root")
    return {"printed": printed, "windows": heard, "counters": looks}


def main():
    cases = json.load(sys.stdin)
    named = sys.argv[1:]
    kernel, version = os.uname().release, sh("tc -V").strip()
    build()
    try:
        out = []
        for case in cases:
            if named and case["name"] not in named:
                continue
            sys.stderr.write(f"{case['name']}\n")
            out.append({**case, "measured": [play(case) for _ in range(case.get("runs", 1))]})
    finally:
        destroy()
    lines = ",\n".join(json.dumps(c) for c in out)
    print(f'{{"kernel": "{kernel}", "tc": "{version}", "cases": [\n{lines}\n]}}')


main()
