//! The names of accounts.

use std::fs;

use super::book::is_name;

/// Where the machine's own accounts stand (passwd(5)).
const PASSWD: &str = "/etc/passwd";

/// The name of the account with this number; the number itself where the machine's own file has none, or one that no name can be.
pub(super) fn name_of(uid: u32) -> String {
    let text = fs::read_to_string(PASSWD).unwrap_or_default();
    find(&text, uid).map_or_else(|| uid.to_string(), str::to_owned)
}

fn find(passwd: &str, uid: u32) -> Option<&str> {
    let uid = uid.to_string();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then_some(name)
    });
    name.filter(|name| is_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n# a comment\n+::::::\nalice:x:1000:1000::/home/alice:/bin/sh\n\u{1b}:x:7:7::/:/\n";
        assert_eq!(find(passwd, 0), Some("root"));
        assert_eq!(find(passwd, 1000), Some("alice"));
        assert_eq!(find(passwd, 1001), None);
        assert_eq!(find(passwd, 7), None, "no name can be that");
    }
}
