//! firewalld's own settings (firewalld.conf(5)): does it log what it refuses?

/// Reads `firewalld.conf`: does firewalld log packets that it refuses? Where the file does not say, it logs none.
#[must_use]
pub fn logs_denied(conf: &str) -> bool {
    let mut values = conf.lines().filter_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        (key.trim() == "LogDenied").then_some(value.trim())
    });
    // The last one counts.
    values
        .next_back()
        .is_some_and(|value| !value.is_empty() && !value.eq_ignore_ascii_case("off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_packets_are_logged_where_the_file_says_so() {
        let cases = [
            ("DefaultZone=public\nLogDenied=off\n", false),
            ("LogDenied=unicast\n", true),
            ("LogDenied=all", true),
            ("# LogDenied=all\n", false),
            ("LogDenied=\n", false),
            ("LogDenied=all\nLogDenied=off\n", false),
            ("", false),
        ];
        for (conf, logs) in cases {
            assert_eq!(logs_denied(conf), logs, "{conf:?}");
        }
    }
}
