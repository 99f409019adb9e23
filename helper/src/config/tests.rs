//! Configurations, right and wrong, as the administrator writes them.

use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/etc/wallwatch/config.toml"), text).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_is_all_defaults_and_every_key_can_be_set() {
    let config = parse("").unwrap();
    assert_eq!(
        (config.capture, config.group, config.history),
        (None, DEFAULT_GROUP, Limits::default())
    );
    let config =
        parse("capture = true\nnflog.group = 77\nhistory.days = 5\n[detect]\nthreshold = 5\n")
            .unwrap();
    assert_eq!(
        (config.capture, config.group, config.history),
        (
            Some(true),
            77,
            Limits {
                days: 5,
                megabytes: 50
            }
        )
    );
    assert!((config.detect.threshold - 5.0).abs() < f32::EPSILON);
}

#[test]
fn every_source_can_be_chosen() {
    let config = parse("").unwrap();
    assert_eq!(
        (config.kmsg, config.conntrack),
        (Choice::Auto, Choice::Auto)
    );
    assert!(config.groups.is_empty() && config.queues.is_empty());
    assert_eq!(
        (config.file_paths.len(), &config.ulogd),
        (0, &Ulogd::default())
    );
    let config = parse(
        "nflog.groups = [7, 5, 7]\nkmsg.read = \"off\"\njournal.read = \"on\"\nconntrack.read = \"off\"\nnfqueue.queues = [1]\n\
         [file]\nread = \"on\"\npaths = [\"/var/log/kern.log\"]\n\
         [ulogd]\nfiles = [\"/var/log/ulog/syslogemu.log\"]\nsocket = \"/run/wallwatch/ulogd.sock\"\n",
    )
    .unwrap();
    assert_eq!((config.groups, config.queues), (vec![5, 7], vec![1]));
    assert_eq!((config.kmsg, config.journal), (Choice::Off, Choice::On));
    assert_eq!((config.file, config.conntrack), (Choice::On, Choice::Off));
    assert_eq!(config.file_paths, [Path::new("/var/log/kern.log")]);
    assert_eq!(config.ulogd.files.len(), 1);
    assert_eq!(
        config.ulogd.socket.as_deref(),
        Some(Path::new("/run/wallwatch/ulogd.sock"))
    );
}

#[test]
fn a_mistake_is_shown_with_file_line_and_the_keys_that_there_are() {
    let cases = [
        (
            "\n[nflog]\ngruop = 5\n",
            "line 3",
            "expected `group` or `groups`",
        ),
        (
            "captrue = true\n",
            "line 1",
            "expected one of `capture`, `nflog`, `kmsg`",
        ),
        ("[nflog]\ngroups = [70000]\n", "line 2", "70000"),
        (
            "kmsg.read = \"yes\"\n",
            "line 1",
            "expected one of `auto`, `on`, `off`",
        ),
        (
            "file.paths = [\"kern.log\"]\n",
            "line 1",
            "does not begin with /",
        ),
        (
            "ulogd.socket = \"socket\"\n",
            "line 1",
            "does not begin with /",
        ),
        (
            "nfqueue.queues = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]\n",
            "line 1",
            "at most 16",
        ),
        ("nflog.group = 0\n", "line 1", "nonzero u16"),
        (
            "[[rule]]\ntype = \"trust\"\n\n[[rule]]\ntype = \"mute\"\nport = 22\n",
            "line 1",
            "would hold for everything",
        ),
        (
            "[[rule]]\ntype = \"mute\"\nport = 22\n\n[[rule]]\ntype = \"drop\"\nport = 22\n",
            "line 6",
            "use trust, mute, noise or network",
        ),
        (
            "[[rule]]\ntype = \"mute\"\nsource = \"192.0.2.7/24\"\n",
            "line 3",
            "one address of 192.0.2.0/24",
        ),
        (
            "[[rule]]\ntype = \"mute\"\nsuorce = \"192.0.2.7\"\n",
            "line 3",
            "expected one of `type`, `source`, `interface`, `kind`, `port`, `class`, `on`, `gateway`, `place`, `comment`",
        ),
        ("nflog.group = 70000\n", "line 1", "70000"),
        (
            "\n\nhistory.days = 0\n",
            "line 3",
            "days is 0, but must be from 1 to 3650",
        ),
        ("[history]\nmegabytes = 9\n", "line 2", "from 10 to 10000"),
        ("[detect]\nthreshold = 0\n", "line 2", "from 1 to 1000"),
        (
            "capture = \"on\"\n",
            "line 1",
            "boolean, in: capture = \"on\"",
        ),
        ("capture = \n", "line 1", "in: capture ="),
    ];
    for (text, line, words) in cases {
        let error = parse(text).unwrap_err();
        assert!(!error.contains('\n'), "one sentence: {error}");
        for part in ["/etc/wallwatch/config.toml", line, words] {
            assert!(error.contains(part), "{text:?}: no {part:?} in {error}");
        }
    }
}

#[test]
fn files_beside_it_are_laid_over_it_and_each_is_named() {
    let dir = wallwatch_test_support::TempDir::new();
    std::fs::create_dir(dir.path().join("config.d")).unwrap();
    let path = dir.write("config.toml", "capture = true\nhistory.days = 5\n");
    let last = dir.write("config.d/2.toml", "capture = false\nnflog.group = 9\n");
    dir.write(
        "config.d/1.toml",
        "nflog.group = 8\n[[rule]]\ntype = \"mute\"\nport = 1\n",
    );
    let config = Config::load(Some(&path)).unwrap();
    assert_eq!(
        (config.group, config.history, config.rules.len()),
        (
            9,
            Limits {
                days: 5,
                ..Limits::default()
            },
            1
        )
    );
    assert_eq!(config.capture_fixed(), Some((false, last.as_path())));
    assert!(
        config
            .set_group_command(7)
            .ends_with(&last.display().to_string())
    );
    dir.write("config.d/1.toml", "\nhistory.days = 0\n");
    let error = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(error.contains("config.d/1.toml, line 2: "), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
    let load = |path: &str| Config::load(Some(Path::new(path))).unwrap_err().to_string();
    assert_eq!(
        load("/nonexistent/config.toml"),
        "the configuration /nonexistent/config.toml cannot be read: No such file or directory; look for its right name"
    );
    assert_eq!(
        load("/"),
        "the configuration / cannot be read: Is a directory; name the file in it"
    );
}

#[test]
fn the_shipped_configuration_is_all_defaults_and_each_of_its_lines_can_be_set() {
    let shipped = include_str!("../../../assets/config.toml");
    let config = parse(shipped).unwrap();
    assert_eq!(
        (config.capture, config.group, config.history),
        (None, DEFAULT_GROUP, Limits::default())
    );
    let uncommented = show::uncommented(shipped);
    let config = parse(&uncommented).unwrap();
    assert_eq!(
        (config.group, config.history),
        (DEFAULT_GROUP, Limits::default())
    );
    assert_eq!(
        config.detect,
        detect::Config::default(),
        "the file shows the defaults"
    );
    assert_eq!(config.rules.len(), 4, "and what rules look like");
}

#[test]
fn the_command_for_another_group_fits_the_file() {
    let cases = [
        ("capture = true\n", "1i nflog.group = 5371"),
        ("[nflog]\n", "&\\ngroup = 5371"),
        ("[nflog]\ngroup = 5370\n", "\\15371"),
        ("nflog.group = 5370\n", "\\15371"),
    ];
    for (text, words) in cases {
        let command = parse(text).unwrap().set_group_command(5371);
        assert!(command.contains(words), "{text:?}: {command}");
    }
}
