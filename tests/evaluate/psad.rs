//! What psad made of the same lines: the sources that it gave a danger level.

use std::{error::Error, fs, net::IpAddr, path::Path};

use crate::evaluation::{
    case::{Case, Label},
    score::Judgement,
    stream::Stream,
};

/// The judgement of a case by `FOLDER/STREAM/CASE.psad`, which lists a source a line; `None` where psad did not read it.
///
/// psad says of each source how dangerous it is, from 1 on, and knows no kinds: whoever is dangerous was told.
pub(crate) fn judgement(
    folder: &Path,
    stream: Stream,
    case: &Case,
) -> Result<Option<Judgement>, Box<dyn Error>> {
    let path = folder
        .join(stream.as_str())
        .join(&case.name)
        .with_extension("psad");
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path)?;
    let blamed: Vec<IpAddr> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let truth = &case.truth;
    let is_attack = truth.label == Label::Attack;
    let is_hit = blamed
        .iter()
        .any(|address| truth.sources.is_empty() || truth.sources.contains(address));
    Ok(Some(Judgement {
        is_found: is_attack && is_hit,
        is_kind_right: false,
        packets_to_alert: None,
        alerts: blamed.len(),
        false_alarms: if is_attack { 0 } else { blamed.len() },
    }))
}
