//! What is printed: a table with a summary, JSON lines, or comma separated values.

use std::fmt::Write as _;

use wallwatch_test_support::TempDir;

use super::{analyzed, attack, case, piped};

#[test]
fn json_has_one_alert_a_line_in_its_final_state() {
    let said = analyzed(&[&"--json".into(), &case("nmap_sX"), &case("nmap_sU")]).good();
    let alerts = said.alerts();
    let kinds: Vec<&str> = alerts
        .iter()
        .map(|alert| alert["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["tcp-xmas-scan", "udp-scan"]);
    assert_eq!(alerts[0]["sources"], serde_json::json!(["10.66.0.2"]));
    assert_eq!(alerts[0]["packets"], 40);
    assert_eq!(alerts[0]["trusted"], false);
}

#[test]
fn text_is_a_table_and_a_summary() {
    let mut log = std::fs::read_to_string(case("nmap_sS")).unwrap();
    log += "Nov 22 01:10:00 host sshd[7]: Invalid user admin from 203.0.113.9 port 4242\n";
    let said = piped(&[], log.as_bytes()).good();
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(
        lines[0].starts_with("FIRST SEEN           SEVERITY  ATTACK"),
        "{}",
        lines[0]
    );
    for part in ["Port scan (SYN)", "10.66.0.2", "dropped", "medium"] {
        assert!(lines[1].contains(part), "no {part}: {}", lines[1]);
    }
    assert_eq!(lines[2..4], ["", "1 alert: 1 medium."]);
    said.has(&[
        "40 packets came in",
        "\n1 of 41 lines were not firewall events.\n  1  not written by the kernel\n",
    ]);
    assert!(
        !said.stdout.contains('\u{1b}'),
        "no colours but on a terminal"
    );
}

#[test]
fn details_tell_why_and_show_the_first_packets() {
    let path = case("nmap_sS");
    let said = analyzed(&[&"--details".into(), &path]).good();
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].contains("Port scan (SYN): 10.66.0.2"), "{lines:?}");
    said.has(&[
        "\n  tcp-syn-scan, by nmap, ports ",
        "\n  Why medium: 40 ports were tried. The firewall dropped all packets.\n  The first packets:\n",
        "\n1 alert: 1 medium.\n",
    ]);
    let packets = lines
        .iter()
        .filter(|line| line.contains("  SRC=10.66.0.2 "));
    assert_eq!(packets.count(), 8, "{lines:?}");
    // The same in JSON.
    let alert = analyzed(&[&"--json".into(), &path])
        .good()
        .alerts()
        .remove(0);
    let evidence = alert["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 8);
    assert_eq!(evidence[0]["flags"], serde_json::json!(["SYN"]));
    assert_eq!(evidence[0]["time"], alert["first_seen"]);
    let words = "40 ports were tried. The firewall dropped all packets.";
    assert_eq!(alert["reason"], words);
}

#[test]
fn the_summary_counts_by_kind_and_by_source() {
    let log: String = (1..=12)
        .map(|n| attack(&format!("01:{n:02}:00"), &format!("203.0.113.{n}")))
        .collect();
    let log = log + &attack("02:00:00", "203.0.113.7");
    let said = piped(&[], log.as_bytes()).good();
    said.has(&[
        "\n12 alerts: 12 low.\n",
        "\nATTACK               ALERTS  PACKETS\nStealth scan (NULL)      12       39\n",
        "\nSOURCE        SEVERITY  ALERTS  PACKETS\n203.0.113.7   low            1        6\n",
        "\nand 2 more with fewer packets\n",
        "\nFrom 2026-11-22 01:01:00 to 2026-11-22 02:00:00: 59 min.\n39 packets came in.\n",
        "\n0 of 39 lines were not firewall events.\n",
    ]);
}

#[test]
fn a_log_without_attacks_says_so() {
    let said = analyzed(&[case("dhcp_lan")]).good();
    assert!(said.stdout.starts_with("No attacks found.\n"));
    assert_eq!(
        analyzed(&[&"--json".into(), &case("dhcp_lan")])
            .good()
            .stdout,
        ""
    );
    let csv = analyzed(&[&"--csv".into(), &case("dhcp_lan")])
        .good()
        .stdout;
    assert_eq!(csv.lines().count(), 1, "{csv}");
    assert_eq!(
        analyzed(&[&"-q".into(), &case("dhcp_lan")]).good().stdout,
        ""
    );
}

#[test]
fn times_that_the_log_does_not_have_are_told_as_such() {
    let bare = attack("01:00:00", "203.0.113.1")
        .replace("2026-11-22T01:00:00+00:00 host kernel: [   12.345678] ", "");
    assert!(bare.starts_with("DROP IN="), "{bare}");
    let said = piped(&[], bare.as_bytes()).good();
    said.has(&["\n3 packets came in.\n3 lines tell no time; the time of reading stands for it.\n"]);
    assert!(!said.stdout.contains("within a second"), "{}", said.stdout);
    let mixed = attack("01:00:00", "203.0.113.1") + bare.lines().next().unwrap();
    piped(&[], mixed.as_bytes()).good().has(&[
        "\n1 line tells no time; that of what stands before stands for it, or that of reading.\n",
    ]);

    let from_start = |seconds: &str| {
        let text = bare.replace("DROP IN=", &format!("[{seconds}.000000] DROP IN="));
        piped(&[], text.as_bytes()).good()
    };
    from_start("1")
        .has(&["\n3 lines count from the start of a machine; that of this one was taken.\n"]);
    from_start("900000000").has(&[
        "\n3 lines count from the start of a machine; that of this one was taken and gives times yet to come, so they are of another.\n",
    ]);
}

#[test]
fn quiet_prints_the_alerts_only() {
    let said = analyzed(&[&"-q".into(), &case("nmap_sX")]).good();
    assert_eq!(said.stdout.lines().count(), 1, "{}", said.stdout);
    said.has(&["Stealth scan (XMAS)"]);
}

#[test]
fn csv_has_the_keys_and_values_of_json() {
    let files = [case("nmap_sX"), case("nmap_sU")];
    let run = |form: &str| analyzed(&[form.into(), files[0].clone(), files[1].clone()]).good();
    let (json, csv) = (run("--json").alerts(), run("--csv").stdout);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(
        (rows.len(), names.len()),
        (2, json[0].as_object().unwrap().len())
    );
    for (row, alert) in rows.iter().zip(&json) {
        for (name, cell) in names.iter().zip(row) {
            match &alert[name] {
                serde_json::Value::String(text) => assert_eq!(cell, text, "{name}"),
                serde_json::Value::Array(list) if list.len() < 2 => {
                    assert_eq!(
                        cell,
                        list.first().map_or("", |part| part.as_str().unwrap()),
                        "{name}"
                    );
                }
                serde_json::Value::Array(_) => assert!(cell.contains(' '), "{name}: {cell}"),
                other => assert_eq!(cell, other.to_string(), "{name}"),
            }
        }
    }
}

#[test]
fn help_tells_what_is_looked_for_and_how_many_ports_are_listed() {
    let said = analyzed(&["--help"]).good();
    said.has(&["Signatures are not known yet.", "end in ',...'"]);
    // Every third port, so that no run of them is short.
    let log: String = (1..=200)
        .map(|n| super::line("2026-11-22T01:00:00+00:00", "203.0.113.1", n * 3))
        .collect();
    let alert = piped(&["--json"], log.as_bytes()).good().alerts().remove(0);
    assert!(
        alert["ports"].as_str().unwrap().ends_with(",..."),
        "{alert}"
    );
    assert_eq!(alert["port_count"], 200);
}

#[test]
fn json_and_csv_exclude_each_other() {
    let said = analyzed(&["--json", "--csv", "-"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.stderr.contains("cannot be used with"),
        "{}",
        said.stderr
    );
}

#[test]
fn fail_on_ends_with_10_where_an_alert_is_so_severe() {
    // nmap_sX is of medium severity.
    for (level, code) in [
        ("info", 10),
        ("1", 10),
        ("medium", 10),
        ("3", 10),
        ("high", 0),
        ("5", 0),
    ] {
        let said = analyzed(&[&"--fail-on".into(), &level.into(), &case("nmap_sX")]);
        assert_eq!(said.code, Some(code), "{level}");
        said.has(&["Stealth scan (XMAS)", "lines were not firewall events."]);
    }
    assert_eq!(
        analyzed(&[&"--fail-on".into(), &"info".into(), &case("dhcp_lan")]).code,
        Some(0)
    );
    let said = analyzed(&["--fail-on", "6", "-"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.stderr
            .contains("write info, low, medium, high, critical or 1 to 5"),
        "{}",
        said.stderr
    );
}

#[test]
fn other_settings_are_tried_and_held_against_the_defaults() {
    let dir = TempDir::new();
    let file = dir.write("strict.toml", "[detect]\nthreshold = 900.0\n");
    let said = analyzed(&[&"--config".into(), &file, &case("nmap_sX")]).good();
    said.has(&[
        "No attacks found.",
        "\nWith these settings: 0 alerts; with the defaults: 1.\n",
    ]);
    let file = dir.write(
        "weak.toml",
        "[detect]\nmedium-ports = 5000\nhigh-ports = 6000\n",
    );
    let said = analyzed(&[&"--config".into(), &file, &case("nmap_sX")]).good();
    said.has(&[
        "  low  ",
        "\nWith these settings: 1 alert; with the defaults: 1.\n",
    ]);
    let said = analyzed(&[
        &"--json".into(),
        &"--config".into(),
        &file,
        &case("nmap_sX"),
    ])
    .good();
    assert_eq!(said.alerts().len(), 1);
}

#[test]
fn rules_trust_and_mute_what_an_old_log_tells_of() {
    let dir = TempDir::new();
    let with = |rule: &str, form: &[&str]| {
        let file = dir.write("rules.toml", format!("[[rule]]\n{rule}\n"));
        let (file, case) = (file.to_str().unwrap().to_owned(), case("nmap_sX"));
        let mut words = form.to_vec();
        words.extend(["--config", &file, case.to_str().unwrap()]);
        analyzed(&words).good()
    };
    let trusted = "type = \"trust\"\nsource = \"10.66.0.0/24\"\nkind = \"tcp-xmas-scan\"";
    with(trusted, &[]).has(&[
        "No attacks found.",
        "\nWith these settings: 0 alerts; with the defaults: 1.\n",
        "\n40 packets came in; 40 of them were harmless.\n  40  trusted: trusted by a rule\n",
    ]);
    let another = "type = \"trust\"\nsource = \"10.66.1.0/24\"";
    with(another, &[]).has(&["\nWith these settings: 1 alert; with the defaults: 1.\n"]);
    for (rule, popup) in [
        ("type = \"mute\"\nkind = \"tcp-xmas-scan\"", false),
        ("type = \"mute\"\nsource = \"10.66.0.2\"", false),
        ("type = \"mute\"\nkind = \"udp-scan\"", true),
        ("type = \"mute\"\nport = 22", true),
    ] {
        let alerts = with(rule, &["--json"]).alerts();
        assert_eq!(alerts.len(), 1, "{rule}");
        assert_eq!(alerts[0]["popup"], popup, "{rule}");
        assert_eq!(alerts[0]["packets"], 40, "{rule}");
    }
}

#[test]
fn noise_is_told_by_class_with_its_reason() {
    let line = |n: u32, mac: &str, dst: &str, rest: &str| {
        format!(
            "2026-11-22T01:00:{n:02}+00:00 host kernel: [   12.345678] DROP IN=eth0 OUT= MAC={mac}:02:00:00:00:00:02:08:00 SRC=192.168.7.9 \
             DST={dst} LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=7 {rest}\n"
        )
    };
    let mut log = String::new();
    for n in 0..12 {
        let call = "PROTO=UDP SPT=5353 DPT=5353 LEN=40 ";
        log += &line(n, "01:00:5e:00:00:fb", "224.0.0.251", call);
        if n % 4 == 0 {
            let late = "PROTO=TCP SPT=443 DPT=45000 WINDOW=501 RES=0x00 ACK FIN URGP=0 ";
            log += &line(n, "02:00:00:00:00:01", "192.168.7.2", late);
        }
    }
    log += &line(
        30,
        "02:00:00:00:00:01",
        "192.168.7.2",
        "PROTO=TCP SPT=40000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 ",
    );
    piped(&[], log.as_bytes()).good().has(&[
        "No attacks found.",
        "\n16 packets came in; 15 of them were harmless.\n  \
         12  mdns: devices of this network ask for names and services (mDNS)\n   \
         3  late-tcp: late ends and stragglers of connections\n",
    ]);
}

#[test]
fn a_broken_config_is_refused_as_the_helper_refuses_it() {
    let dir = TempDir::new();
    for (text, parts) in [
        (
            "\n[detect]\ntreshold = 5\n",
            ["line 3", "expected one of `threshold`"],
        ),
        ("[detect]\nthreshold = 0\n", ["line 2", "from 1 to 1000"]),
        (
            "[[rule]]\ntype = \"trust\"\nport = 22\nkind = \"scan\"\n",
            ["line 4", "the kind 'scan' is unknown"],
        ),
        ("\u{1b}[31m = 1\n", ["line 1", "line 1"]),
    ] {
        let file = dir.write("config.toml", text);
        let said = analyzed(&[&"--config".into(), &file, &case("nmap_sX")]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
        for part in parts.into_iter().chain([file.to_str().unwrap()]) {
            assert!(said.stderr.contains(part), "no {part} in {}", said.stderr);
        }
        assert!(!said.stderr.contains('\u{1b}'), "{}", said.stderr);
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    }
    let file = dir.write("bad.toml", "foo = 1\n");
    let said = analyzed(&[&"--config".into(), &file, &case("nmap_sX")]);
    assert_eq!(
        said.stderr,
        format!(
            "wallwatchctl: {}, line 1: unknown field `foo`, expected one of `capture`, `nflog`, `kmsg`, `journal`, `file`, `ulogd`, \
             `conntrack`, `nfqueue`, `history`, `detect`, `rule`, `hook`, `hook-socket`\n",
            file.display()
        )
    );
    let said = analyzed(&["--config", "/nonexistent/config.toml", "-"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("/nonexistent/config.toml"),
        "{}",
        said.stderr
    );
}

#[test]
fn what_a_stranger_wrote_cannot_steer_the_terminal() {
    let mut log = String::new();
    for port in 1..=20 {
        writeln!(
            log,
            "Nov 22 01:10:00 host kernel: \u{1b}]0;owned\u{7} IN=e\u{1b}[2J OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 \
             LEN=40 TOS=0x00 PREC=0x00 TTL=52 ID=1 PROTO=TCP SPT=50000 DPT={port} WINDOW=1024 RES=0x00 FIN URGP=0 "
        )
        .unwrap();
    }
    for form in [&[][..], &["--csv"], &["--json"]] {
        let said = piped(form, log.as_bytes());
        assert!(
            !said.stdout.contains(['\u{1b}', '\u{7}']),
            "{form:?}: {:?}",
            said.stdout
        );
    }
}
