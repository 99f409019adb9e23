//! The IP header on a log line, IPv4 and IPv6, as `dump_ipv4_packet` and `dump_ipv6_packet` of the kernel's
//! `net/netfilter/nf_log_syslog.c` write it.

use std::net::IpAddr;

use super::{
    Error,
    fields::Fields,
    transports::{self, Place},
};
use crate::packet::{Fragment, Packet, Protocol, Transport};

/// What stands for the protocol where the kernel could not read so far: "no next header" (RFC 8200 section 4.7).
pub(super) const UNREAD: Protocol = Protocol(59);
/// The longest packet that the kernel passes on in one piece (`GSO_MAX_SIZE`, include/linux/netdevice.h).
const LONGEST: u32 = 8 * 65_535;

/// A packet of which nothing is read.
pub(super) const EMPTY: Packet = Packet::blank(UNREAD);

/// From `SRC=` to the end of a packet: the one that came, or one that it quotes.
#[inline]
pub(super) fn packet(
    fields: &mut Fields<'_>,
    place: Place,
    packet: &mut Packet,
) -> Result<(), Error> {
    packet.src = fields.address(b"SRC=")?;
    packet.dst = fields.address(b"DST=")?;
    match (packet.src, packet.dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) => ipv4(fields, place, packet),
        (IpAddr::V6(_), IpAddr::V6(_)) => ipv6(fields, place, packet),
        _ => Err(Error::Value("DST=")),
    }
}

/// The length of the whole packet.
pub(super) fn length(fields: &mut Fields<'_>) -> Result<u32, Error> {
    let len = fields.number(b"LEN=")?;
    if len > LONGEST {
        return Err(Error::Value("LEN="));
    }
    Ok(len)
}

/// `CE DF MF FRAG:185`: the flags and the offset of IPv4, in units of 8 bytes (RFC 791).
#[inline]
pub(super) fn fragment(fields: &mut Fields<'_>) -> Result<(bool, Option<Fragment>), Error> {
    fields.word(b"CE");
    let df = fields.word(b"DF");
    let more = fields.word(b"MF");
    let mut offset = 0;
    if fields.key(b"FRAG:") {
        // 13 bits, and 0 is not written.
        offset = fields
            .decimal(0x1fff)
            .filter(|units| *units > 0)
            .and_then(|units| units.checked_mul(8)?.try_into().ok())
            .filter(|_| fields.end().is_some())
            .ok_or(Error::Value("FRAG:"))?;
    }
    let fragment = (more || offset != 0).then_some(Fragment { offset, more });
    Ok((df, fragment))
}

/// Both halves of the byte, of which the lowest bit is never told (`IPTOS_TOS_MASK` and `IPTOS_PREC_MASK`,
/// include/uapi/linux/ip.h).
#[inline]
pub(super) const fn type_of_service(tos: u8, precedence: u8) -> Result<u8, Error> {
    if tos & !0x1e != 0 {
        return Err(Error::Value("TOS="));
    }
    if precedence & !0xe0 != 0 {
        return Err(Error::Value("PREC="));
    }
    Ok(tos | precedence)
}

/// What `dump_ipv4_packet` writes.
fn ipv4(fields: &mut Fields<'_>, place: Place, packet: &mut Packet) -> Result<(), Error> {
    packet.len = length(fields)?;
    packet.tos = type_of_service(fields.byte(b"TOS=")?, fields.byte(b"PREC=")?)?;
    packet.ttl = fields.number(b"TTL=")?;
    packet.ip_id = Some(fields.number::<u16, _>(b"ID=")?.into());
    if !fields.next_is(b"PROTO=") {
        (packet.df, packet.fragment) = fragment(fields)?;
        if let Some(options) = fields.options()? {
            packet.has_options = true;
            packet.ip_options = options;
        }
    }
    let later = packet.fragment.is_some_and(|fragment| fragment.offset != 0);
    if fields.next_is(b"PROTO=") {
        return transports::transport(fields, later, place, packet);
    }
    if fields.truncated() {
        return Ok(());
    }
    if later {
        // Of a later fragment of AH, and of nothing else, the kernel writes no protocol.
        packet.protocol = Protocol::AH;
        return Ok(());
    }
    Err(Error::Missing("PROTO="))
}

/// What `dump_ipv6_packet` writes.
fn ipv6(fields: &mut Fields<'_>, place: Place, packet: &mut Packet) -> Result<(), Error> {
    packet.len = length(fields)?;
    packet.tos = fields.number(b"TC=")?;
    packet.ttl = fields.number(b"HOPLIMIT=")?;
    // 20 bits (RFC 8200 section 3).
    if fields.number::<u32, _>(b"FLOWLBL=")? > 0x000f_ffff {
        return Err(Error::Value("FLOWLBL="));
    }
    if fields.next_is(b"PROTO=") {
        return transports::transport(fields, false, place, packet);
    }
    let mut extensions = Extensions::default();
    extensions.read(fields)?;
    packet.has_options = extensions.any;
    packet.fragment = extensions.fragment;
    packet.ip_id = extensions.id;
    let later = extensions.is_later();
    match extensions.end {
        Some((protocol, transport)) => {
            packet.protocol = protocol;
            packet.transport = transport;
            Ok(())
        }
        None => transports::transport(fields, later, place, packet),
    }
}

/// What the kernel tells of extension headers.
#[derive(Default)]
struct Extensions {
    any: bool,
    fragment: Option<Fragment>,
    id: Option<u32>,
    /// What the kernel's text ends with, where it ends before `PROTO=`.
    end: Option<(Protocol, Transport)>,
}

impl Extensions {
    fn is_later(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset != 0)
    }

    /// Up to `PROTO=`, or to where the kernel's text ends without one.
    #[cold]
    fn read(&mut self, fields: &mut Fields<'_>) -> Result<(), Error> {
        while !fields.next_is(b"PROTO=") && self.end.is_none() {
            if fields.truncated() {
                self.any = true;
                self.end = Some((UNREAD, Transport::Other));
            } else if fields.key(b"OPT ( ") {
                self.any = true;
                self.dumped(fields)?;
            } else if fields.next_is(b"FRAG:") {
                self.any = true;
                self.fragment(fields)?;
            } else if fields.is_at_end() || fields.next_is(b"]") {
                self.end = Some(self.silent());
            } else {
                return Err(Error::Missing("PROTO="));
            }
        }
        Ok(())
    }

    /// Where a rule does not log IP options, the kernel ends without a word at ESP, and in a later fragment at any
    /// extension header.
    fn silent(&mut self) -> (Protocol, Transport) {
        let protocol = if self.is_later() {
            UNREAD
        } else {
            Protocol::ESP
        };
        self.any = true;
        (protocol, Transport::Other)
    }

    /// One header as `OPT ( .. ) `.
    fn dumped(&mut self, fields: &mut Fields<'_>) -> Result<(), Error> {
        if fields.truncated() {
            self.end = Some((UNREAD, Transport::Other));
            return Ok(());
        }
        if fields.next_is(b"FRAG:") {
            self.fragment(fields)?;
            if self.end.is_some() {
                return Ok(());
            }
        } else if fields.word(b"AH") {
            self.ipsec(fields, Protocol::AH)?;
        } else if fields.word(b"ESP") {
            self.ipsec(fields, Protocol::ESP)?;
        } else if self.is_later() {
            self.end = Some((UNREAD, Transport::Other));
        }
        // The kernel writes no blank behind the bracket at which it ends, before the end of a quoted packet neither.
        fields.expect(b")")?;
        if self.end.is_some() && fields.next_is(b"]") {
            return Ok(());
        }
        fields.end().ok_or(Error::Value("OPT"))
    }

    fn ipsec(&mut self, fields: &mut Fields<'_>, protocol: Protocol) -> Result<(), Error> {
        if self.is_later() || fields.incomplete()? {
            self.end = Some((protocol, Transport::Other));
            return Ok(());
        }
        let spi = fields.hex_number(b"SPI=")?;
        // Behind AH the kernel reads on; what ESP holds is encrypted.
        if protocol == Protocol::ESP {
            self.end = Some((protocol, Transport::Ipsec { spi }));
        }
        Ok(())
    }

    /// `FRAG:1232 INCOMPLETE ID:0a1b2c3d `: the offset in bytes, and whether more are to come.
    fn fragment(&mut self, fields: &mut Fields<'_>) -> Result<(), Error> {
        fields.expect(b"FRAG:")?;
        if fields.truncated() {
            self.end = Some((UNREAD, Transport::Other));
            return Ok(());
        }
        let offset = fields
            .decimal(0xfff8)
            .filter(|offset| offset.is_multiple_of(8))
            .and_then(|offset| offset.try_into().ok())
            .filter(|_| fields.end().is_some())
            .ok_or(Error::Value("FRAG:"))?;
        let more = fields.word(b"INCOMPLETE");
        fields.expect(b"ID:")?;
        let id = fields.hex().filter(|_| fields.end().is_some());
        self.id = Some(id.ok_or(Error::Value("ID:"))?);
        self.fragment = Some(Fragment { offset, more });
        Ok(())
    }
}
