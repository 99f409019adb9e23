//! Users by name or number, as `passwd(5)` has them.

use std::fs;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// The user of this name or number. One who has a number alone has the group of the same number.
#[must_use]
pub fn find(word: &str) -> Option<Account> {
    find_in(&fs::read_to_string("/etc/passwd").unwrap_or_default(), word)
}

fn find_in(passwd: &str, word: &str) -> Option<Account> {
    let number = word.parse().ok();
    passwd
        .lines()
        .filter_map(account)
        .find(|account| account.name.as_deref() == Some(word) || Some(account.uid) == number)
        .or_else(|| {
            number.map(|uid| Account {
                name: None,
                uid,
                gid: uid,
            })
        })
}

fn account(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account {
        name: Some(name),
        uid,
        gid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nwallwatch:x:990:991::/:/bin/false\n";
        let wallwatch = find_in(passwd, "wallwatch").unwrap();
        assert_eq!((wallwatch.uid, wallwatch.gid), (990, 991));
        assert_eq!(find_in(passwd, "990"), Some(wallwatch));
        assert_eq!(find_in(passwd, "4711").unwrap().gid, 4711);
        assert_eq!(find_in(passwd, "nobody-of-that-name"), None);
    }
}
