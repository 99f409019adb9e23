//! Packets with an impossible address, as the kernel tells of them (net/ipv4/route.c) where `log_martians` is on.

use std::net::IpAddr;

use super::{Body, Error, Martian, Report, fields::Fields, log_line::interface};
use crate::event::Feed;

/// `IPv4: martian source DST from SRC, on dev IF` or `IPv4: martian destination DST from SRC, dev IF`; the name of the
/// protocol before it is written since Linux 3.6 only.
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
