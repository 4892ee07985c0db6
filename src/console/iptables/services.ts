/** Names of services (Debian 12's /etc/services): `name,alias:port/protocols`, TCP where none is named. */
const SERVICES = `
  tcpmux:1 echo:7/tcp+udp discard,sink,null:9/tcp+udp systat,users:11 daytime:13/tcp+udp netstat:15 qotd,quote:17
  chargen,ttytst,source:19/tcp+udp ftp-data:20 ftp:21 fsp,fspd:21/udp ssh:22 telnet:23 smtp,mail:25
  time,timserver:37/tcp+udp whois,nicname:43 tacacs:49/tcp+udp domain:53/tcp+udp bootps:67/udp bootpc:68/udp
  tftp:69/udp gopher:70 finger:79 http,www:80 kerberos,kerberos5,krb5,kerberos-sec:88/tcp+udp iso-tsap,tsap:102
  acr-nema,dicom:104 pop3,pop-3:110 sunrpc,portmapper:111/tcp+udp auth,authentication,tap,ident:113
  nntp,readnews,untp:119 ntp:123/udp epmap,loc-srv:135 netbios-ns:137/udp netbios-dgm:138/udp netbios-ssn:139
  imap2,imap:143 snmp:161/tcp+udp snmp-trap,snmptrap:162/tcp+udp cmip-man:163/tcp+udp cmip-agent:164/tcp+udp
  mailq:174 xdmcp:177/udp bgp:179 smux:199 qmtp:209 z3950,wais:210 ipx:213/udp ptp-event:319/udp ptp-general:320/udp
  pawserv:345 zserv:346 rpc2portmap:369/tcp+udp codaauth2:370/tcp+udp clearcase,Clearcase:371/udp ldap:389/tcp+udp
  svrloc:427/tcp+udp https:443/tcp+udp snpp:444 microsoft-ds:445 kpasswd:464/tcp+udp submissions,ssmtp,smtps,urd:465
  saft:487 isakmp:500/udp rtsp:554/tcp+udp nqs:607 asf-rmcp:623/udp qmqp:628 ipp:631 ldp:646/tcp+udp exec:512
  biff,comsat:512/udp login:513 who,whod:513/udp shell,cmd,syslog:514 syslog:514/udp printer,spooler:515 talk:517/udp
  ntalk:518/udp route,router,routed:520/udp gdomap:538/tcp+udp uucp,uucpd:540 klogin:543 kshell,krcmd:544
  dhcpv6-client:546/udp dhcpv6-server:547/udp afpovertcp:548 nntps,snntp:563 submission:587 ldaps:636/tcp+udp
  tinc:655/tcp+udp silc:706 kerberos-adm:749 domain-s:853/tcp+udp rsync:873 ftps-data:989 ftps:990 telnets:992
  imaps:993 pop3s:995 socks:1080 proofd:1093 rootd:1094 openvpn:1194/tcp+udp rmiregistry:1099
  lotusnote,lotusnotes:1352 ms-sql-s:1433 ms-sql-m:1434/udp ingreslock:1524 datametrics,old-radius:1645/tcp+udp
  sa-msg-port,old-radacct:1646/tcp+udp kermit:1649 groupwise:1677 l2f,l2tp:1701/udp radius:1812/tcp+udp
  radius-acct,radacct:1813/tcp+udp cisco-sccp:2000 nfs:2049/tcp+udp gnunet:2086/tcp+udp rtcm-sc104:2101/tcp+udp
  gsigatekeeper:2119 gris:2135 cvspserver:2401 venus:2430/tcp+udp venus-se:2431/tcp+udp codasrv:2432/tcp+udp
  codasrv-se:2433/tcp+udp mon:2583/tcp+udp dict:2628 f5-globalsite:2792 gsiftp:2811 gpsd:2947 gds-db,gds_db:3050
  icpv2,icp:3130/udp isns:3205/tcp+udp iscsi-target:3260 mysql:3306 ms-wbt-server:3389 nut:3493/tcp+udp distcc:3632
  daap:3689 svn,subversion:3690 suucp:4031 sysrqd:4094 sieve:4190 epmd:4369 remctl:4373 f5-iquery:4353 ntske:4460
  ipsec-nat-t:4500/udp iax:4569/udp mtn:4691 radmin-port:4899 sip:5060/tcp+udp sip-tls:5061/tcp+udp
  xmpp-client,jabber-client:5222 xmpp-server,jabber-server:5269 cfengine:5308 mdns:5353/udp postgresql,postgres:5432
  freeciv,rptp:5556 amqps:5671 amqp:5672/tcp+sctp x11,x11-0:6000 x11-1:6001 x11-2:6002 x11-3:6003 x11-4:6004
  x11-5:6005 x11-6:6006 x11-7:6007 gnutella-svc:6346/tcp+udp gnutella-rtr:6347/tcp+udp redis:6379
  sge-qmaster,sge_qmaster:6444 sge-execd,sge_execd:6445 mysql-proxy:6446 babel:6696/udp ircs-u:6697 bbs:7000
  afs3-fileserver:7000/udp afs3-callback:7001/udp afs3-prserver:7002/udp afs3-vlserver:7003/udp
  afs3-kaserver:7004/udp afs3-volser:7005/udp afs3-bos:7007/udp afs3-update:7008/udp afs3-rmtsys:7009/udp
  font-service,xfs:7100 http-alt,webcache:8080 puppet:8140 bacula-dir:9101 bacula-fd:9102 bacula-sd:9103 xmms2:9667
  nbd:10809 zabbix-agent:10050 zabbix-trapper:10051 amanda:10080 dicom:11112 hkp:11371 db-lsp:17500 dcap:22125
  gsidcap:22128 wnn6:22273 rtmp:1/ddp nbp:2/ddp echo:4/ddp zip:6/ddp kerberos4,kerberos-iv,kdc:750/udp+tcp
  kerberos-master,kerberos_master:751/udp kerberos-master:751 passwd-server,passwd_server:752/udp
  krb-prop,krb_prop,krb5_prop,hprop:754 zephyr-srv:2102/udp zephyr-clt:2103/udp zephyr-hm:2104/udp iprop:2121
  supfilesrv:871 supfiledbg:1127 poppassd:106 moira-db,moira_db:775 moira-update,moira_update:777
  moira-ureg,moira_ureg:779/udp spamd:783 skkserv:1178 predict:1210/udp rmtcfg:1236 xtel:1313 xtelw:1314
  zebrasrv:2600 zebra:2601 ripd:2602 ripngd:2603 ospfd:2604 bgpd:2605 ospf6d:2606 ospfapi:2607 isisd:2608 fax:4557
  hylafax:4559 munin,lrrd:4949 rplay:5555/udp nrpe:5666 nsca:5667 canna:5680 syslog-tls:6514
  sane-port,sane,saned:6566 ircd:6667 zope-ftp:8021 tproxy:8081 omniorb:8088 clc-build-daemon:8990 xinetd:9098
  git:9418 zope:9673 webmin:10000 kamanda:10081 amandaidx:10082 amidxtape:10083 sgi-cmsd:17001/udp sgi-crsd:17002/udp
  sgi-gcd:17003/udp sgi-cad:17004 binkp:24554 asp:27374/tcp+udp csync2:30865 dircproxy:57000 tfido:60177 fido:60179
`;

const byName = new Map<string, number>();
const byPort = new Map<string, string>();
for (const entry of SERVICES.trim().split(/\s+/)) {
  const [names = "", where = ""] = entry.split(":");
  const [port = "", protocols = "tcp"] = where.split("/");
  for (const protocol of protocols.split("+")) {
    const key = `${port}/${protocol}`;
    if (!byPort.has(key)) byPort.set(key, names.split(",")[0] as string);
    for (const name of names.split(",")) {
      const named = `${name}/${protocol}`;
      if (!byName.has(named)) byName.set(named, Number(port));
      if (!byName.has(name)) byName.set(name, Number(port));
    }
  }
}

/** The port of a service, of one protocol or, without one, of whichever has it; undefined when it is none. */
export const servicePort = (name: string, protocol?: string): number | undefined =>
  byName.get(protocol === undefined ? name : `${name}/${protocol}`);

/** The service at a port; undefined when it has no name. */
export const serviceName = (port: number, protocol: string): string | undefined => byPort.get(`${port}/${protocol}`);
