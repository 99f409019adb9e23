"""Sends what no installed tool sends, or not at a pace that can be set; for corpus.sh.

craft.py WHAT ARGUMENT...: see each function. The numbers it draws come from the argument SEED where there is one.
"""

import asyncio
import random
import socket
import sys
import time

from scapy.all import DNS, DNSQR, DNSRR, ICMP, IP, TCP, UDP, Raw, conf  # pylint: disable=no-name-in-module


def doc_address(chance, *nets):
    """An address of one of the networks, which are given by their first three numbers."""
    return f"{chance.choice(nets)}.{chance.randint(1, 254)}"


def paced(packets, rate):
    """Sends packets, RATE a second."""
    sender = conf.L3socket()
    started = time.monotonic()
    for number, packet in enumerate(packets):
        sender.send(packet)
        time.sleep(max(0, started + number / rate - time.monotonic()))


def connect(port_list, at_once, wait, *targets):
    """An asyncio connect scan of the ports of each target, AT_ONCE together, WAIT seconds before each."""
    async def one(gate, target, port):
        async with gate:
            await asyncio.sleep(float(wait))
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(target, port), 1)
                writer.close()
            except (OSError, asyncio.TimeoutError):
                pass

    async def everything():
        gate = asyncio.Semaphore(int(at_once))
        await asyncio.gather(*(one(gate, target, int(port)) for target in targets for port in port_list.split(",")))

    asyncio.run(everything())


def distributed(seed, target, port_list, *sources):
    """Each source connects to one of the ports, then some to a second; ordinary sockets, short pauses."""
    chance, ports = random.Random(seed), port_list.split(",")
    for number, source in enumerate([*sources, *chance.sample(sources, len(sources) // 3)]):
        with socket.socket() as sock:
            sock.settimeout(0.05)
            sock.bind((source, 0))
            try:
                sock.connect((target, int(ports[number % len(ports)])))
            except OSError:
                pass
        time.sleep(chance.uniform(0.02, 0.3))


def mirai(seed, *targets):
    """The telnet scan of the Mirai worm's published scanner.c: the sequence number is the address that is asked."""
    chance = random.Random(seed)
    sport = chance.randint(1024, 65535)
    for target in targets:
        port = 2323 if chance.randrange(10) == 0 else 23
        number = int.from_bytes(socket.inet_aton(target), "big")
        paced([IP(dst=target, id=chance.randint(1, 65535), ttl=64) /
               TCP(sport=sport, dport=port, flags="S", seq=number, window=chance.randint(1024, 65535))], 1)
        time.sleep(chance.uniform(0.1, 0.8))


def reflected(seed, target, count, rate, *nets):
    """Answers of COUNT/3 DNS resolvers to questions that the target never asked."""
    chance = random.Random(seed)
    resolvers = [doc_address(chance, *nets) for _ in range(int(count) // 3)]
    port = chance.randint(20000, 60000)
    question = DNSQR(qname="example.org", qtype="ANY")
    answer = DNSRR(rrname="example.org", type="TXT", rdata=b"x" * 200, ttl=300)
    packets = [IP(src=chance.choice(resolvers), dst=target, id=chance.randint(1, 65535), ttl=chance.randint(40, 64)) /
               UDP(sport=53, dport=port) / DNS(id=chance.randint(0, 65535), qr=1, ra=1, qd=question, an=answer)
               for _ in range(int(count))]
    paced(packets, float(rate))


def background(seed, target, count, *nets):
    """What any open address sees: COUNT strangers, one or two probes of one port each."""
    chance = random.Random(seed)
    for _ in range(int(count)):
        source, ttl = doc_address(chance, *nets), chance.randint(40, 120)
        port, sport = chance.choice((22, 23, 80, 443, 445, 1433, 3389, 5060, 6379, 8080, 123, 53)), chance.randint(1024, 65535)
        if port in (5060, 123, 53):
            packet = IP(src=source, dst=target, ttl=ttl) / UDP(sport=sport, dport=port) / Raw(b"\0" * 32)
        else:
            packet = IP(src=source, dst=target, ttl=ttl, id=chance.randint(1, 65535)) / TCP(
                sport=sport, dport=port, flags="S", seq=chance.getrandbits(32), window=chance.choice((1024, 64240, 65535)))
        paced([packet] * chance.choice((1, 1, 1, 2)), 2)
        time.sleep(chance.uniform(0.05, 0.3))


def late_dns(address, delay):
    """A resolver whose answers come DELAY seconds late."""
    async def everything():
        class Resolver(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, addr):
                question = DNS(data)
                answer = DNS(id=question.id, qr=1, ra=1, qd=question.qd,
                             an=DNSRR(rrname=question.qd.qname, type="A", rdata="192.0.2.1", ttl=60))
                asyncio.get_running_loop().call_later(float(delay), self.transport.sendto, bytes(answer), addr)

        await asyncio.get_running_loop().create_datagram_endpoint(Resolver, local_addr=(address, 53))
        await asyncio.sleep(60)

    asyncio.run(everything())


conf.verb = 0
globals()[sys.argv[1]](*sys.argv[2:])
