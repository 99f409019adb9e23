//! The own nftables table `inet wallwatch`: put into the kernel, held, and taken out again. No other table is ever named.
//!
//! Where the kernel knows owned tables (5.12 and later) it belongs to a child `nft -i`: nobody else can alter it, `nft flush
//! ruleset` leaves it alone, and it vanishes with the child, which ends with the helper even when that is killed. Elsewhere
//! it is a plain table that is put in again when somebody takes it out, and deleted at the end.

use std::{io, path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    time::timeout,
};

use super::{Trouble, install_command};
use crate::{
    decode::nftables::takes_out_of,
    journal,
    sys::{child, netlink::Netlink},
};

/// The rule set, with places for the group and the owner.
const RULES: &str = include_str!("wallwatch.nft");
/// Takes a table that a killed helper left behind out, and does nothing where there is none.
const CLEAR: &str = "table inet wallwatch; delete table inet wallwatch; ";
/// The name of the table, as the kernel tells it.
const NAME: &[u8] = b"wallwatch";
/// `NFNLGRP_NFTABLES` (`linux/netfilter/nfnetlink.h`): who changes what.
const CHANGES: libc::c_int = 7;
/// Notices of the kernel's are no longer than a page, or two.
const NOTICE: usize = 16 * 1024;
/// So long may nft take over the rule set; on a busy machine with large sets it loads the whole cache first.
const NFT_LIMIT: Duration = Duration::from_secs(20);
/// So long may nft take to end.
const END_LIMIT: Duration = Duration::from_secs(1);
/// At most so much is read of what nft says, in bytes.
const MOST_SAID: u64 = 64 * 1024;

/// The table, for as long as this value lives.
#[derive(Debug)]
pub struct Table {
    nft: PathBuf,
    group: u16,
    keeping: Keeping,
}

/// How the table stays where it is.
#[derive(Debug)]
enum Keeping {
    /// It belongs to a child.
    Held(Box<Holder>),
    /// It belongs to nobody: the kernel tells when somebody takes something out of it.
    Watched(Netlink),
}

/// What happened to the table.
#[derive(Debug)]
pub enum News {
    /// It is lost: nobody holds it any more.
    Lost(Trouble),
    /// Somebody took it out, or something out of it: it is to be put in again.
    TakenOut,
}

/// The child that owns the table while its standard input is open.
#[derive(Debug)]
struct Holder {
    child: Child,
    stdin: ChildStdin,
    // Kept open, although nothing more is read: whatever else nft has to say must not end it by a broken pipe.
    _stdout: BufReader<ChildStdout>,
    _stderr: BufReader<ChildStderr>,
}

impl Table {
    /// Puts the table into the kernel, in one transaction that also replaces one of a helper that was killed.
    pub async fn install(group: u16) -> Result<Self, Trouble> {
        let nft = child::find("nft").ok_or_else(|| {
            Trouble::new(
                "The program nft is missing, so packets cannot be captured.",
                install_command("nftables"),
            )
        })?;
        match hold(&nft, &format!("{CLEAR}{}", script(group, true))).await {
            Ok(holder) => Ok(Self {
                nft,
                group,
                keeping: Keeping::Held(Box::new(holder)),
            }),
            Err(Refusal::Nft(words)) if words.contains("Operation not permitted") => {
                Err(Trouble::new(
                    "The nftables table \"inet wallwatch\" belongs to another program, probably another helper: end that one.",
                    "",
                ))
            }
            Err(_) => Self::install_plain(nft, group).await,
        }
    }

    /// Puts the table in as a plain one, as on kernels that know no owner.
    async fn install_plain(nft: PathBuf, group: u16) -> Result<Self, Trouble> {
        let changes = Netlink::netfilter()
            .and_then(|socket| socket.join(CHANGES).map(|()| socket))
            .map_err(|error| {
                Trouble::new(
                    format!("The kernel does not tell of changes of the firewall: {error}."),
                    "",
                )
            })?;
        let table = Self {
            nft,
            group,
            keeping: Keeping::Watched(changes),
        };
        table.put_in().await?;
        Ok(table)
    }

    /// Is it a table that anybody may take out?
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        matches!(self.keeping, Keeping::Watched(_))
    }

    /// Puts a plain table in, in the place of what there is of it.
    pub async fn put_in(&self) -> Result<(), Trouble> {
        run(&self.nft, &format!("{CLEAR}{}", script(self.group, false)))
            .await
            .map_err(|refusal| {
                Trouble::new(
                    format!("nft did not take the rule set for capturing packets: {refusal}."),
                    "",
                )
            })?;
        // The kernel has told of this too by now, and that is no news.
        if let Keeping::Watched(changes) = &self.keeping {
            was_taken_out(changes);
        }
        Ok(())
    }

    /// Returns when something happened to the table. It may be given up at any time and asked again.
    pub async fn news(&mut self) -> News {
        let reason = match &mut self.keeping {
            Keeping::Held(holder) => {
                let ended = holder.child.wait().await;
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                format!("The nft that held the table \"inet wallwatch\" ended ({how}).")
            }
            Keeping::Watched(changes) => loop {
                if let Err(error) = changes.readable().await {
                    break format!(
                        "The kernel does not tell of changes of the firewall any more: {error}."
                    );
                }
                if was_taken_out(changes) {
                    return News::TakenOut;
                }
            },
        };
        News::Lost(Trouble::new(reason, ""))
    }

    /// Takes the table out.
    pub async fn remove(self) {
        let removed = match self.keeping {
            Keeping::Held(holder) => {
                let Holder {
                    mut child, stdin, ..
                } = *holder;
                drop(stdin);
                // One that does not end is killed when it is dropped; its table vanishes with it all the same.
                timeout(END_LIMIT, child.wait())
                    .await
                    .map_err(Refusal::from)
                    .and_then(|end| Ok(end.map(drop)?))
            }
            Keeping::Watched(_) => run(&self.nft, "delete table inet wallwatch\n").await,
        };
        if let Err(refusal) = removed {
            journal::say(&format_args!(
                "the table \"inet wallwatch\" may be left behind: {refusal}"
            ));
        }
    }
}

/// Reads all notices that there are; says whether one of them tells of our table, or may have.
fn was_taken_out(changes: &Netlink) -> bool {
    let mut buffer = vec![0; NOTICE];
    let mut taken = false;
    loop {
        match changes.try_receive(&mut buffer) {
            Ok(datagram) => {
                taken |= datagram.from_kernel
                    && (datagram.truncated || takes_out_of(&buffer[..datagram.len], NAME));
            }
            // Notices were lost.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => taken = true,
            Err(_) => return taken,
        }
    }
}

/// Why nft did not do it.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it could not be started: {0}")]
    Start(#[from] io::Error),
    #[error("it did not answer within {} seconds", NFT_LIMIT.as_secs())]
    Time(#[from] tokio::time::error::Elapsed),
    #[error("{0}")]
    Nft(String),
}

/// The rule set as one line, because `nft -i` takes each line as a transaction.
fn script(group: u16, owned: bool) -> String {
    let text = RULES
        .replace("@GROUP@", &group.to_string())
        .replace("@OWNER@", if owned { "flags owner" } else { "" });
    let mut line = String::with_capacity(text.len());
    for statement in text
        .lines()
        .map(str::trim)
        .filter(|part| !part.is_empty() && !part.starts_with('#'))
    {
        line.push_str(statement);
        line.push_str(if statement.ends_with(['{', ';']) {
            " "
        } else {
            "; "
        });
    }
    line.push('\n');
    line
}

/// Starts the child, gives it the rule set and has it list the table, so that what it says tells whether it took.
async fn hold(nft: &std::path::Path, script: &str) -> Result<Holder, Refusal> {
    let mut child = child::net_admin(nft, &["-i"]).spawn()?;
    let (mut stdin, stdout, stderr) = streams(&mut child)?;
    let (mut stdout, mut stderr) = (BufReader::new(stdout), BufReader::new(stderr));
    let conversation = async {
        stdin.write_all(script.as_bytes()).await?;
        stdin.write_all(b"list table inet wallwatch\n").await?;
        stdin.flush().await?;
        let (mut lines, mut words) = ((&mut stdout).lines(), (&mut stderr).lines());
        loop {
            tokio::select! {
                line = lines.next_line() => match line? {
                    Some(line) if line.trim() == "flags owner" => return Ok(()),
                    Some(_) => {}
                    None => return Err(Refusal::Nft("it ended".to_owned())),
                },
                word = words.next_line() => return Err(Refusal::Nft(said(&word?.unwrap_or_default()))),
            }
        }
    };
    timeout(NFT_LIMIT, conversation).await??;
    Ok(Holder {
        child,
        stdin,
        _stdout: stdout,
        _stderr: stderr,
    })
}

/// Runs nft over a script and waits for its end.
async fn run(nft: &std::path::Path, script: &str) -> Result<(), Refusal> {
    let mut child = child::net_admin(nft, &["-f", "-"]).spawn()?;
    let (mut stdin, _stdout, stderr) = streams(&mut child)?;
    let mut words = String::new();
    let conversation = async {
        stdin.write_all(script.as_bytes()).await?;
        drop(stdin);
        stderr.take(MOST_SAID).read_to_string(&mut words).await?;
        child.wait().await
    };
    let status = timeout(NFT_LIMIT, conversation).await??;
    if status.success() {
        Ok(())
    } else {
        Err(Refusal::Nft(said(&words)))
    }
}

fn streams(child: &mut Child) -> io::Result<(ChildStdin, ChildStdout, ChildStderr)> {
    let streams = child
        .stdin
        .take()
        .zip(child.stdout.take())
        .zip(child.stderr.take());
    let ((stdin, stdout), stderr) = streams.ok_or_else(|| io::Error::other("no pipes"))?;
    Ok((stdin, stdout, stderr))
}

/// The first line of what nft said, bounded.
fn said(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_set_is_one_line_that_names_no_table_but_ours() {
        let line = script(5371, true);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with('\n'));
        assert_eq!(line.matches("table ").count(), 1);
        assert!(line.contains("table inet wallwatch { flags owner; "));
        assert_eq!(line.matches("group 5371").count(), 8);
        assert!(!line.contains('@') || line.contains("@loud4"));
        assert!(!line.contains(['#', '\t']));
        assert!(!line.contains("@GROUP@") && !line.contains("@OWNER@"));
    }

    #[test]
    fn the_rule_set_decides_nothing_about_a_packet() {
        let rules = script(5370, true).replace("policy accept", "");
        for verdict in [
            "accept", "drop", "reject", "queue ", "mark", "dnat to", "redirect",
        ] {
            assert!(!rules.contains(verdict), "{verdict}");
        }
    }
}
