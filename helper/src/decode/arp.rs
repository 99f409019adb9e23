//! ARP messages as the kernel's log writes them (`dump_arp_packet` of `net/netfilter/nf_log_syslog.c`).

use std::net::Ipv4Addr;

use super::{
    Arp, Error,
    fields::{Fields, wrong},
};

/// `ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 MACSRC=.. IPSRC=.. MACDST=.. IPDST=..`; the addresses where the message is of
/// Ethernet and IPv4 and complete.
pub(super) fn arp(fields: &mut Fields<'_>) -> Result<Arp, Error> {
    fields.expect(b"ARP ")?;
    fields.number::<u16, _>(b"HTYPE=")?;
    fields.expect(b"PTYPE=0x")?;
    fields
        .hex()
        .filter(|protocol| *protocol <= 0xffff)
        .and_then(|_| fields.end())
        .ok_or(Error::Value("PTYPE="))?;
    let mut arp = Arp {
        operation: fields.number(b"OPCODE=")?,
        sender: None,
        target: None,
    };
    if !fields.is_at_end() && !fields.incomplete()? {
        arp.sender = Some((fields.mac(b"MACSRC=")?, address(fields, b"IPSRC=")?));
        arp.target = Some((fields.mac(b"MACDST=")?, address(fields, b"IPDST=")?));
    }
    Ok(arp)
}

fn address<const N: usize>(
    fields: &mut Fields<'_>,
    key: &'static [u8; N],
) -> Result<Ipv4Addr, Error> {
    fields.expect(key)?;
    let address = fields.ipv4().filter(|_| fields.end().is_some());
    address.ok_or_else(|| wrong(key))
}
