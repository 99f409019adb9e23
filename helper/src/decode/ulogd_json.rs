//! What ulogd's JSON output writes of a packet, one object a line (ulogd 2.0, `output/ulogd_output_JSON.c`).

use std::net::IpAddr;

use serde::Deserialize;

use super::{
    Body, Error, Mac, Report, Stamp,
    dates::Dates,
    json::{self, Number, Text},
};
use crate::{
    event::{Feed, Interface, Prefix, Timestamp},
    packet::{
        Fragment, Icmp, IcmpDetail, IpOptions, Packet, Protocol, Tcp, TcpFlags, Transport, Udp,
    },
};

/// The keys that are asked for.
#[derive(Debug, Deserialize)]
struct Object<'a> {
    #[serde(borrow, alias = "@timestamp")]
    timestamp: Option<Text<'a>>,
    #[serde(rename = "oob.time.sec")]
    seconds: Option<Number>,
    #[serde(rename = "oob.time.usec")]
    micros: Option<Number>,
    #[serde(borrow, rename = "oob.prefix")]
    prefix: Option<Text<'a>>,
    #[serde(rename = "oob.family")]
    family: Option<Number>,
    #[serde(borrow, rename = "oob.in")]
    input: Option<Text<'a>>,
    #[serde(borrow, rename = "oob.out")]
    output: Option<Text<'a>>,
    #[serde(rename = "oob.mark")]
    mark: Option<Number>,
    #[serde(rename = "oob.uid")]
    uid: Option<Number>,
    #[serde(rename = "oob.gid")]
    gid: Option<Number>,
    #[serde(rename = "oob.protocol")]
    ethertype: Option<Number>,
    #[serde(borrow, rename = "mac.saddr.str")]
    mac_src: Option<Text<'a>>,
    #[serde(borrow, rename = "mac.daddr.str")]
    mac_dst: Option<Text<'a>>,
    #[serde(borrow)]
    src_ip: Option<Text<'a>>,
    #[serde(borrow)]
    dest_ip: Option<Text<'a>>,
    #[serde(rename = "ip.protocol")]
    protocol: Option<Number>,
    #[serde(rename = "ip.totlen")]
    len: Option<Number>,
    #[serde(rename = "ip.tos")]
    tos: Option<Number>,
    #[serde(rename = "ip.ttl")]
    ttl: Option<Number>,
    #[serde(rename = "ip.id")]
    id: Option<Number>,
    #[serde(rename = "ip.ihl")]
    header_words: Option<Number>,
    #[serde(rename = "ip.fragoff")]
    fragment: Option<Number>,
    #[serde(rename = "ip6.payloadlen")]
    payload_len: Option<Number>,
    #[serde(rename = "ip6.priority")]
    class: Option<Number>,
    #[serde(rename = "ip6.hoplimit")]
    hop_limit: Option<Number>,
    #[serde(rename = "ip6.nexthdr")]
    next_header: Option<Number>,
    #[serde(rename = "ip6.fragoff")]
    fragment6: Option<Number>,
    #[serde(rename = "ip6.fragid")]
    fragment6_id: Option<Number>,
    src_port: Option<Number>,
    dest_port: Option<Number>,
    #[serde(rename = "tcp.seq")]
    seq: Option<Number>,
    #[serde(rename = "tcp.ackseq")]
    ack: Option<Number>,
    #[serde(rename = "tcp.window")]
    window: Option<Number>,
    #[serde(rename = "tcp.urgp")]
    urgp: Option<Number>,
    #[serde(rename = "tcp.fin")]
    fin: Option<Number>,
    #[serde(rename = "tcp.syn")]
    syn: Option<Number>,
    #[serde(rename = "tcp.rst")]
    rst: Option<Number>,
    #[serde(rename = "tcp.psh")]
    psh: Option<Number>,
    #[serde(rename = "tcp.ack")]
    ack_flag: Option<Number>,
    #[serde(rename = "tcp.urg")]
    urg: Option<Number>,
    /// The two bits above URG.
    #[serde(rename = "tcp.res2")]
    ecn: Option<Number>,
    #[serde(rename = "udp.len")]
    udp_len: Option<Number>,
    #[serde(rename = "icmp.type", alias = "icmpv6.type")]
    icmp_type: Option<Number>,
    #[serde(rename = "icmp.code", alias = "icmpv6.code")]
    icmp_code: Option<Number>,
    #[serde(rename = "icmp.echoid", alias = "icmpv6.echoid")]
    icmp_id: Option<Number>,
    #[serde(rename = "icmp.echoseq", alias = "icmpv6.echoseq")]
    icmp_seq: Option<Number>,
    #[serde(rename = "icmp.fragmtu")]
    icmp_mtu: Option<Number>,
    #[serde(rename = "ahesp.spi")]
    spi: Option<Number>,
}

/// Reads an object of ulogd's. Only its own rights let anybody write to its file, so it is trusted.
pub(super) fn object(line: &[u8], dates: &mut Dates) -> Result<Report, Error> {
    let object: Object<'_> = json::object(line)?;
    // Others write addresses by the same keys; what came with the packet only ulogd does.
    if object.prefix.is_none() && object.family.is_none() {
        return Err(Error::NotOurs);
    }
    let packet = object.packet()?;
    let mac = object.mac()?;
    let input = interface(object.input.as_ref(), Error::Value("oob.in"))?;
    let output = interface(object.output.as_ref(), Error::Value("oob.out"))?;
    let group_frame = mac.is_some_and(|mac| mac.dst.first().is_some_and(|first| first & 1 == 1));
    Ok(Report {
        stamp: object.stamp(dates)?,
        trusted: true,
        prefix: text::<Prefix>(object.prefix.as_ref(), Error::LongPrefix)?,
        outbound: input.is_empty() && !output.is_empty(),
        group: group_frame || packet.is_to_group(),
        input,
        output,
        mac,
        owner: within(object.uid, "oob.uid")?.zip(within(object.gid, "oob.gid")?),
        mark: within(object.mark, "oob.mark")?,
        ..Report::bare(Feed::Ulogd, Body::Packet(packet))
    })
}

impl Object<'_> {
    /// When the packet came, by the kernel's clock, else when ulogd wrote it, by the local one.
    fn stamp(&self, dates: &mut Dates) -> Result<Stamp, Error> {
        if let Some(seconds) = within::<u32>(self.seconds, "oob.time.sec")? {
            let micros = within::<u32>(self.micros, "oob.time.usec")?.unwrap_or(0);
            let time = Timestamp(i64::from(seconds).saturating_mul(Timestamp::SECOND));
            return Ok(Stamp::Wall(time.plus(i64::from(micros))));
        }
        let read = self
            .timestamp
            .as_ref()
            .map(|text| dates.iso_of_ulogd(text.as_bytes()));
        match read {
            Some(Some((time, []))) => Ok(Stamp::Wall(time)),
            Some(_) => Err(Error::Value("timestamp")),
            None => Ok(Stamp::None),
        }
    }

    fn mac(&self) -> Result<Option<Mac>, Error> {
        let (Some(src), Some(dst)) = (&self.mac_src, &self.mac_dst) else {
            return Ok(None);
        };
        let ethertype = within(self.ethertype, "oob.protocol")?;
        // Other links than Ethernet have addresses of other lengths.
        Ok(mac_address(src)
            .zip(mac_address(dst))
            .zip(ethertype)
            .map(|((src, dst), ethertype)| Mac {
                src,
                dst,
                ethertype,
            }))
    }

    fn packet(&self) -> Result<Packet, Error> {
        let src = address(self.src_ip.as_ref(), "src_ip")?;
        let dst = address(self.dest_ip.as_ref(), "dest_ip")?;
        let mut packet = match (src, dst) {
            (IpAddr::V4(_), IpAddr::V4(_)) => self.ipv4(src, dst)?,
            (IpAddr::V6(_), IpAddr::V6(_)) => self.ipv6(src, dst)?,
            _ => return Err(Error::Value("dest_ip")),
        };
        // Of a later fragment ulogd tells ports that are none: it takes them from the middle of the data.
        if packet.fragment.is_none_or(|fragment| fragment.offset == 0) {
            packet.transport = self.transport(packet.protocol)?;
        }
        Ok(packet)
    }

    fn ipv4(&self, src: IpAddr, dst: IpAddr) -> Result<Packet, Error> {
        // Two flags and thirteen bits in units of 8 bytes (RFC 791).
        let fragment: u16 = required(self.fragment, "ip.fragoff")?;
        let offset = (fragment & 0x1fff) << 3;
        let more = fragment & 0x2000 != 0;
        Ok(Packet {
            src,
            dst,
            protocol: Protocol(required(self.protocol, "ip.protocol")?),
            len: required::<u16>(self.len, "ip.totlen")?.into(),
            ttl: required(self.ttl, "ip.ttl")?,
            tos: required(self.tos, "ip.tos")?,
            ip_id: within::<u16>(self.id, "ip.id")?.map(u32::from),
            df: fragment & 0x4000 != 0,
            fragment: (more || offset != 0).then_some(Fragment { offset, more }),
            has_options: within::<u8>(self.header_words, "ip.ihl")?.is_some_and(|words| words > 5),
            ip_options: IpOptions::new(),
            transport: Transport::Other,
        })
    }

    fn ipv6(&self, src: IpAddr, dst: IpAddr) -> Result<Packet, Error> {
        let payload: u16 = required(self.payload_len, "ip6.payloadlen")?;
        let protocol = match within(self.protocol, "ip.protocol")? {
            Some(protocol) => protocol,
            None => required(self.next_header, "ip6.nexthdr")?,
        };
        // ulogd does not say whether more fragments follow; behind the first they do.
        let fragment = within::<u16>(self.fragment6, "ip6.fragoff")?.map(|offset| Fragment {
            offset,
            more: offset == 0,
        });
        Ok(Packet {
            src,
            dst,
            protocol: Protocol(protocol),
            // The header has 40 bytes (RFC 8200 section 3).
            len: u32::from(payload).saturating_add(40),
            ttl: required(self.hop_limit, "ip6.hoplimit")?,
            tos: required(self.class, "ip6.priority")?,
            ip_id: within(self.fragment6_id, "ip6.fragid")?,
            df: false,
            fragment,
            has_options: fragment.is_some(),
            ip_options: IpOptions::new(),
            transport: Transport::Other,
        })
    }

    /// The header behind; a packet that ends before it has no keys of it.
    fn transport(&self, protocol: Protocol) -> Result<Transport, Error> {
        let ports = within(self.src_port, "src_port")?.zip(within(self.dest_port, "dest_port")?);
        Ok(match (protocol, ports) {
            (Protocol::TCP, Some((sport, dport))) => Transport::Tcp(self.tcp(sport, dport)?),
            (Protocol::UDP | Protocol::UDPLITE, Some((sport, dport))) => Transport::Udp(Udp {
                sport,
                dport,
                len: within(self.udp_len, "udp.len")?,
            }),
            (Protocol::SCTP, Some((sport, dport))) => Transport::Ports { sport, dport },
            (Protocol::ICMP | Protocol::ICMPV6, None) if self.icmp_type.is_some() => {
                Transport::Icmp(self.icmp()?)
            }
            (Protocol::ESP | Protocol::AH, None) => match within(self.spi, "ahesp.spi")? {
                Some(spi) => Transport::Ipsec { spi },
                None => Transport::Other,
            },
            _ => Transport::Other,
        })
    }

    fn tcp(&self, sport: u16, dport: u16) -> Result<Tcp, Error> {
        let mut flags = TcpFlags::default();
        let ecn = within::<u8>(self.ecn, "tcp.res2")?.unwrap_or(0);
        for (flag, set, key) in [
            (TcpFlags::FIN, self.fin, "tcp.fin"),
            (TcpFlags::SYN, self.syn, "tcp.syn"),
            (TcpFlags::RST, self.rst, "tcp.rst"),
            (TcpFlags::PSH, self.psh, "tcp.psh"),
            (TcpFlags::ACK, self.ack_flag, "tcp.ack"),
            (TcpFlags::URG, self.urg, "tcp.urg"),
        ] {
            match within::<u8>(set, key)? {
                Some(1) => flags = flags.with(flag),
                Some(0) | None => {}
                Some(_) => return Err(Error::Value(key)),
            }
        }
        for (flag, bit) in [(TcpFlags::ECE, 1), (TcpFlags::CWR, 2)] {
            if ecn & bit != 0 {
                flags = flags.with(flag);
            }
        }
        Ok(Tcp {
            sport,
            dport,
            seq: within(self.seq, "tcp.seq")?,
            ack: within(self.ack, "tcp.ackseq")?,
            flags,
            window: required(self.window, "tcp.window")?,
            urgp: within(self.urgp, "tcp.urgp")?.unwrap_or(0),
            options: None,
        })
    }

    fn icmp(&self) -> Result<Icmp, Error> {
        Ok(Icmp {
            kind: required(self.icmp_type, "icmp.type")?,
            code: required(self.icmp_code, "icmp.code")?,
            id: within(self.icmp_id, "icmp.echoid")?,
            seq: within(self.icmp_seq, "icmp.echoseq")?,
            detail: within(self.icmp_mtu, "icmp.fragmtu")?.map(IcmpDetail::Mtu),
            quoted: None,
        })
    }
}

/// A number in range, where it is told.
fn within<T: TryFrom<u64>>(number: Option<Number>, key: &'static str) -> Result<Option<T>, Error> {
    number.map(|number| number.within(key)).transpose()
}

/// A number in range that ulogd always tells.
fn required<T: TryFrom<u64>>(number: Option<Number>, key: &'static str) -> Result<T, Error> {
    number.ok_or(Error::Missing(key))?.within(key)
}

/// An interface's name, which holds no blank (`dev_valid_name`, net/core/dev.c).
fn interface(name: Option<&Text<'_>>, wrong: Error) -> Result<Interface, Error> {
    let name = text::<Interface>(name, wrong)?;
    if name.contains(char::is_whitespace) {
        return Err(wrong);
    }
    Ok(name)
}

/// A text that has to fit, without blanks at its ends.
fn text<T: Default + for<'a> TryFrom<&'a str>>(
    text: Option<&Text<'_>>,
    wrong: Error,
) -> Result<T, Error> {
    let Some(text) = text else {
        return Ok(T::default());
    };
    let text = text.as_str().ok_or(wrong)?;
    T::try_from(text.trim()).map_err(|_| wrong)
}

fn address(text: Option<&Text<'_>>, key: &'static str) -> Result<IpAddr, Error> {
    let text = text.ok_or(Error::Missing(key))?;
    text.as_str()
        .and_then(|text| text.parse().ok())
        .ok_or(Error::Value(key))
}

/// `02:00:00:00:00:01`
fn mac_address(text: &Text<'_>) -> Option<[u8; 6]> {
    let mut address = [0; 6];
    let mut parts = text.as_bytes().split(|byte| *byte == b':');
    for byte in &mut address {
        let [high, low] = parts.next()? else {
            return None;
        };
        *byte = super::fields::pair(*high, *low)?;
    }
    parts.next().is_none().then_some(address)
}
