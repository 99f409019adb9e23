//! Packets with an impossible address, as the kernel tells of them (net/ipv4/route.c) where `log_martians` is on.

use std::net::{IpAddr, Ipv4Addr};

use super::{Body, Error, Martian, Report, fields::Fields, log_line::interface};
use crate::event::{Feed, Interface};

/// `IPv4: martian source DST from SRC, on dev IF` or `IPv4: martian destination DST from SRC, dev IF`; the name of the
/// protocol before it is written since Linux 3.6 only. Kernels since 2026 write `martian source (src=.., dst=.., dev=..)`.
#[cold]
pub(super) fn martian(text: &[u8]) -> Result<Report, Error> {
    let mut fields = Fields::new(text);
    fields.key(b"IPv4: ");
    // The frame of the packet is dumped on a line of its own.
    if fields.next_is(b"ll header: ") {
        return Err(Error::MartianFrame);
    }
    let source = fields.key(b"martian source ");
    if !source && !fields.key(b"martian destination ") {
        return Err(Error::NotFirewall);
    }
    let (src, dst, input) = if fields.next_is(b"(") {
        in_brackets(fields)?
    } else {
        in_words(fields, source)?
    };
    let martian = Martian {
        src: IpAddr::V4(src),
        dst: IpAddr::V4(dst),
        source,
    };
    Ok(Report {
        input,
        group: dst.is_multicast() || dst.is_broadcast(),
        ..Report::bare(Feed::File, Body::Martian(martian))
    })
}

/// `DST from SRC, on dev IF`: source, destination and interface.
fn in_words(
    mut fields: Fields<'_>,
    source: bool,
) -> Result<(Ipv4Addr, Ipv4Addr, Interface), Error> {
    let dst = fields.ipv4().ok_or(Error::Value("martian"))?;
    fields.expect(b" from ")?;
    let src = fields.ipv4().ok_or(Error::Value("from"))?;
    let on_device = if source {
        fields.key(b", on dev ")
    } else {
        fields.key(b", dev ")
    };
    if !on_device {
        return Err(Error::Missing("dev"));
    }
    let input = interface(&mut fields, b"dev")?;
    if !fields.is_at_end() {
        return Err(Error::Trailing);
    }
    Ok((src, dst, input))
}

/// `(src=SRC, dst=DST, dev=IF)`, the source first.
fn in_brackets(mut fields: Fields<'_>) -> Result<(Ipv4Addr, Ipv4Addr, Interface), Error> {
    fields.expect(b"(src=")?;
    let src = fields.ipv4().ok_or(Error::Value("src="))?;
    if !fields.key(b", dst=") {
        return Err(Error::Missing("dst="));
    }
    let dst = fields.ipv4().ok_or(Error::Value("dst="))?;
    if !fields.key(b", dev=") {
        return Err(Error::Missing("dev="));
    }
    let Some(name) = fields.rest().strip_suffix(b")") else {
        let closed = memchr::memchr(b')', fields.rest()).is_some();
        return Err(if closed {
            Error::Trailing
        } else {
            Error::Missing(")")
        });
    };
    let mut name = Fields::new(name);
    let input = interface(&mut name, b"dev=")?;
    if !name.is_at_end() {
        return Err(Error::Trailing);
    }
    Ok((src, dst, input))
}
