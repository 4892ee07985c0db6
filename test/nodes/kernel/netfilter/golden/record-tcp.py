"""Sends TCP segments through a router with connection tracking, and prints what iptables and conntrack make of each.

Needs root, iproute2, iptables and conntrack; everything happens in two network namespaces of its own.
    python3 record-tcp.py SEED FLOWS
"""
import subprocess, socket, struct, random, sys, re, os
def sh(c): return subprocess.run(c,shell=True,capture_output=True,text=True)
R,X='nfgR','nfgX'
def setup():
    sh(f'ip netns del {R}; ip netns del {X}')
    for c in [f'ip netns add {R}',f'ip netns add {X}',
      f'ip link add ra netns {R} type veth peer name xa netns {X}', f'ip link add rb netns {R} type veth peer name xb netns {X}']:
        r=sh(c); assert r.returncode==0,(c,r.stderr)
    for d,m in [('ra','02:00:00:00:00:a1'),('rb','02:00:00:00:00:b1')]:
        sh(f'ip -n {R} link set {d} address {m}; ip -n {R} link set {d} up')
    for d,m in [('xa','02:00:00:00:00:a2'),('xb','02:00:00:00:00:b2')]:
        sh(f'ip -n {X} link set {d} address {m}; ip netns exec {X} sysctl -qw net.ipv6.conf.{d}.disable_ipv6=1; ip -n {X} link set {d} up')
    sh(f'ip -n {R} addr add 10.1.0.1/24 dev ra; ip -n {R} addr add 10.2.0.1/24 dev rb')
    sh(f'ip -n {R} neigh replace 10.1.0.2 lladdr 02:00:00:00:00:a2 dev ra nud permanent; ip -n {R} neigh replace 10.2.0.2 lladdr 02:00:00:00:00:b2 dev rb nud permanent')
    sh(f'ip netns exec {R} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.ra.rp_filter=0 net.ipv4.conf.rb.rp_filter=0')
    for st in ['INVALID','NEW','ESTABLISHED','RELATED','UNTRACKED']:
        r=sh(f'ip netns exec {R} iptables -A FORWARD -m conntrack --ctstate {st} -j ACCEPT'); assert r.returncode==0,r.stderr
def csum(b):
    if len(b)&1: b+=b'\0'
    s=sum(struct.unpack('!%dH'%(len(b)//2),b))
    while s>>16: s=(s&0xffff)+(s>>16)
    return ~s&0xffff
ip=lambda t: socket.inet_aton(t)
F,S,RS,P,A,U=1,2,4,8,16,32
def seg(src,dst,sp,dp,seq,ack,flags,win,opts=b'',payload=b''):
    assert len(opts)%4==0
    h=struct.pack('!HHIIBBHHH',sp,dp,seq&0xffffffff,ack&0xffffffff,(5+len(opts)//4)<<4,flags,win,0,0)+opts+payload
    ps=ip(src)+ip(dst)+struct.pack('!BBH',0,6,len(h))
    c=csum(ps+h); h=h[:16]+struct.pack('!H',c)+h[18:]
    i=struct.pack('!BBHHHBBH4s4s',0x45,0,20+len(h),0,0,64,6,0,ip(src),ip(dst))
    return i[:10]+struct.pack('!H',csum(i))+i[12:]+h
class Fork:
    pass
def in_ns(ns):
    fd=os.open(f'/var/run/netns/{ns}',os.O_RDONLY)
    import ctypes; libc=ctypes.CDLL(None,use_errno=True); assert libc.setns(fd,0x40000000)==0
def counters():
    o=sh(f'ip netns exec {R} iptables -nvxL FORWARD').stdout
    return {m.group(2):int(m.group(1)) for m in re.finditer(r'^\s*(\d+)\s+.*ctstate (\w+)$',o,re.M)}
def flow(sport):
    o=sh(f'ip netns exec {R} conntrack -L -p tcp --orig-port-src {sport} 2>/dev/null').stdout.strip()
    return o.split('\n')[0] if o else ''
def main():
    seed=int(sys.argv[1]); nflows=int(sys.argv[2]); rnd=random.Random(seed)
    setup()
    in_ns(X)
    sk={0:socket.socket(socket.AF_PACKET,socket.SOCK_RAW),1:socket.socket(socket.AF_PACKET,socket.SOCK_RAW)}
    sk[0].bind(('xa',0)); sk[1].bind(('xb',0))
    mac=lambda t: bytes.fromhex(t.replace(':',''))
    eth={0:mac('02:00:00:00:00:a1')+mac('02:00:00:00:00:a2')+b'\x08\x00',1:mac('02:00:00:00:00:b1')+mac('02:00:00:00:00:b2')+b'\x08\x00'}
    before=counters()
    for n in range(nflows):
        sport=20000+n
        nxt=[rnd.randrange(1<<32),rnd.randrange(1<<32)]; iss=list(nxt)
        script=rnd.choice(['honest','honest','random','close','rst','simul','mid','reuse'])
        steps=[]
        H=[(0,S),(1,S|A),(0,A)]
        if script=='honest': plan=H+[(rnd.randrange(2),rnd.choice([A,A|P])) for _ in range(rnd.randrange(1,8))]
        elif script=='close': plan=H+[(rnd.randrange(2),A) for _ in range(rnd.randrange(3))]+rnd.choice([[(0,F|A),(1,A),(1,F|A),(0,A)],[(1,F|A),(0,F|A),(1,A)],[(0,F|A),(1,F|A),(0,A),(1,A)],[(0,F|A),(0,S)],[(0,F|A),(1,F|A),(0,A),(0,S),(1,S|A),(0,A)]])
        elif script=='rst': plan=H[:rnd.randrange(1,4)]+[(rnd.randrange(2),A)]*rnd.randrange(2)+[(rnd.randrange(2),rnd.choice([RS,RS|A]))]+[(rnd.randrange(2),rnd.choice([A,S,RS]))for _ in range(2)]
        elif script=='simul': plan=[(0,S),(1,S),(0,S|A),(1,S|A),(0,A),(1,A)][:rnd.randrange(3,7)]+[(rnd.randrange(2),A)]
        elif script=='mid': plan=[(rnd.randrange(2) if 0 else 0,rnd.choice([A,A|P,F|A,S|A,RS]))]+[(rnd.randrange(2),rnd.choice([A,A|P,S,F|A])) for _ in range(5)]
        elif script=='reuse': plan=H+[(0,F|A),(1,A),(1,F|A),(0,A)]+[(0,S),(1,S|A),(0,A)]
        else: plan=[(rnd.randrange(2),rnd.choice([S,S|A,A,A|P,F|A,RS,RS|A,F,0,A|U])) for _ in range(rnd.randrange(3,10))]; plan[0]=(0,plan[0][1])
        # inject noise
        if script!='random' and rnd.random()<0.5:
            plan.insert(rnd.randrange(1,len(plan)+1),(rnd.randrange(2),rnd.choice([S,S|A,A,A|P,F|A,RS,RS|A])))
        for d,fl in plan:
            if (fl&S) and not (fl&A) and script=='reuse' and steps: nxt[d]=(nxt[d]+100000)&0xffffffff
            ln=rnd.choice([0,0,10,1000]) if fl&A and not fl&(S|RS) else 0
            seq=nxt[d] ; ack=nxt[1-d] if fl&A else 0
            r=rnd.random()
            if r<0.03: seq+=rnd.choice([100000,70000,1<<20,5000])
            elif r<0.07: seq-=rnd.choice([1,100,100000,1000])
            elif r<0.10: ack+=rnd.choice([1,1000,100000])*(1 if fl&A else 0)
            elif r<0.13: ack-=rnd.choice([1,1000,70000])*(1 if fl&A else 0)
            win=rnd.choice([65535]*8+[1000,0,500])
            opts=b''
            if fl&S: opts=rnd.choice([b'\x02\x04\x05\xb4',b'\x02\x04\x05\xb4\x04\x02\x03\x03\x07\x01\x01\x01',b'\x03\x03\x0a\x01',b'\x04\x02\x01\x01'])
            if fl&RS and rnd.random()<0.3: seq=0
            seq&=0xffffffff; ack&=0xffffffff
            src,dst=('10.1.0.2','10.2.0.2') if d==0 else ('10.2.0.2','10.1.0.2')
            sp,dp=(sport,80) if d==0 else (80,sport)
            sk[d].send(eth[d]+seg(src,dst,sp,dp,seq,ack,fl,win,opts,b'x'*ln))
            end=(seq+ln+(1 if fl&S else 0)+(1 if fl&F else 0))&0xffffffff
            if r>=0.13 or r<0.0: nxt[d]=end
            elif ((end-nxt[d])&0xffffffff)<70000: nxt[d]=end
            after=counters()
            state=[k for k in after if after[k]!=before.get(k,0)]
            before=after
            f=flow(sport)
            m=re.match(r'tcp\s+6 (\d+) (\w+) src=.*',f)
            res=f'{m.group(1)} {m.group(2)}{" UNREPLIED" if "[UNREPLIED]" in f else ""}{" ASSURED" if "[ASSURED]" in f else ""} {"own" if f.split("src=")[1].startswith("10.1.0.2") else "turned"}' if m else '-'
            print(f'{sport} {d} {fl} {seq} {ack} {win} {ln} {opts.hex() or "-"} {state[0] if state else "NONE"} {res}',flush=True)
    
try: main()
finally:
    pass
