//! What a line seems to be that is no line of a firewall.

use serde::Deserialize;

use crate::decode;

/// Names of programs are shown up to this length.
const MAX_NAME: usize = 32;

/// So much of a line is looked at: more than a record of the journal holds.
const MAX_READ: usize = 64 * 1024;

/// A sentence for a line that was refused.
#[must_use]
pub fn refused(error: decode::Error, line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..MAX_READ).unwrap_or(line));
    let text = text.trim();
    if text.is_empty() {
        return "This line is empty.".to_owned();
    }
    match error {
        decode::Error::NotKernel => match writer(text) {
            Some(name) if name == "kernel" => {
                "This line claims to be the kernel's, but it is not written as the kernel's lines are: it is probably forged.".to_owned()
            }
            Some(name) => {
                let quotes = if text.contains("SRC=") {
                    " What it quotes of a packet, anybody could have made it write."
                } else {
                    ""
                };
                format!("This line was written by {name}, not by the kernel's firewall.{quotes}")
            }
            None => "This line was not written by the kernel's firewall.".to_owned(),
        },
        decode::Error::NotFirewall if writer(text).as_deref() == Some("kernel") => {
            "This line was written by the kernel, but it is not about a packet: no rule of a firewall wrote it."
                .to_owned()
        }
        decode::Error::NotFirewall => {
            "This is no line of a firewall: one has IN= and OUT= and the packet behind.".to_owned()
        }
        decode::Error::Merged => {
            "Two lines ran into one another here. Which address belongs to which port cannot be told, so neither packet is read."
                .to_owned()
        }
        decode::Error::LongPrefix => {
            "What stands before IN= is longer than any rule's prefix: the kernel did not write this line so.".to_owned()
        }
        decode::Error::Value(field) => format!(
            "This looks like a line of a firewall, but {} has an impossible value: it is damaged or forged.",
            field.trim_end_matches(['=', ':'])
        ),
        decode::Error::Missing(field) => format!(
            "This looks like a line of a firewall, but {} is missing where it always stands: it is cut off, damaged or forged.",
            field.trim_end_matches(['=', ':'])
        ),
        decode::Error::MartianFrame => {
            "The kernel wrote this line behind that of a martian packet: the first bytes of its frame. The line before tells whose it was."
                .to_owned()
        }
        decode::Error::Repeated => {
            "rsyslog wrote this line instead of one that came again at once. The packet is told on the line before.".to_owned()
        }
        decode::Error::Short => {
            "A firewall wrote this line about a packet that ends within its first header: there is nothing to tell of it.".to_owned()
        }
        decode::Error::Trailing => {
            "This looks like a line of a firewall, but more stands behind the packet than the kernel writes: it is damaged or forged."
                .to_owned()
        }
        other => format!("This line cannot be read: {other}."),
    }
}

/// The program that a line of syslog or of the journal names as its writer.
fn writer(text: &str) -> Option<String> {
    let name = if text.starts_with('{') {
        #[derive(Deserialize)]
        struct Record {
            #[serde(rename = "SYSLOG_IDENTIFIER")]
            identifier: Option<String>,
            #[serde(rename = "_TRANSPORT")]
            transport: Option<String>,
            #[serde(rename = "_COMM")]
            command: Option<String>,
        }
        let record: Record = serde_json::from_str(text).ok()?;
        // The journal knows the command; its name for syslog the program chose itself.
        let kernels = record.transport.as_deref() == Some("kernel");
        let chosen = record.identifier.filter(|name| kernels || name != "kernel");
        chosen.or(record.command)?
    } else {
        let mut words = text.split_ascii_whitespace();
        // A stamp of one word (ISO 8601) or of three (`Nov 22 01:10:00`), and the host.
        let first = words.next()?;
        let skipped = if first.contains('T') && first.starts_with(|c: char| c.is_ascii_digit()) {
            1
        } else {
            3
        };
        let tag = words.nth(skipped)?;
        let end = tag.find(['[', ':'])?;
        tag.get(..end)?.to_owned()
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@()+".contains(c);
    (!name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain)).then_some(name)
}
