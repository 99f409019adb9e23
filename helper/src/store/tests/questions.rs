//! What can be asked of the history: filters, pages, counts.

use super::*;

#[tokio::test]
async fn pages_go_from_the_newest_back() {
    let folder = Folder::new();
    let history = three(&folder);
    let newest = AlertFilter {
        order: "desc".to_owned(),
        ..AlertFilter::default()
    };
    assert_eq!(seqs(&history, 0, 2, newest.clone()).await, [13, 12]);
    let older = AlertFilter {
        before_seq: 12,
        ..newest
    };
    assert_eq!(seqs(&history, 0, 2, older).await, [11]);
}

#[tokio::test]
async fn every_key_of_the_filter_filters() {
    let folder = Folder::new();
    let history = three(&folder);
    let odd = Alert {
        kind: "udp-scan".to_owned(),
        severity: 5,
        sources: vec!["2001:db8:1:2::/64".to_owned(), "192.0.2.2".to_owned()],
        targets: vec!["2001:db8::7".to_owned()],
        ports: "53,100-200".to_owned(),
        tool: String::new(),
        tags: Vec::new(),
        signatures: Vec::new(),
        interface: "eth0".to_owned(),
        first_seen: NOW.0 + 300,
        last_seen: NOW.0 + 400,
        ..alert(4, 14)
    };
    record(&history, [odd]);
    let with = |set: &dyn Fn(&mut AlertFilter)| {
        let mut filter = AlertFilter::default();
        set(&mut filter);
        filter
    };
    let text = |text: &str| with(&|filter| text.clone_into(&mut filter.text));
    let source = |source: &str| with(&|filter| source.clone_into(&mut filter.source));
    // All of them at once, by either way through the tables.
    let each = |source: &str| AlertFilter {
        before_seq: 13,
        from: NOW.0 + 1,
        to: NOW.0 + 1000,
        kind: "tcp-syn-scan".to_owned(),
        min_severity: 2,
        source: source.to_owned(),
        text: "nmap".to_owned(),
        order: "desc".to_owned(),
    };
    let cases = [
        (source("192.0.2.2"), vec![12, 14]),
        (source("2001:db8:1:2::/64"), vec![14]),
        (source("192.0.2.9"), vec![]),
        (source("192.0.2"), vec![]),
        (text("2.3"), vec![13]),
        (text("SYN"), vec![11, 12, 13]),
        (text("NMAP"), vec![11, 12, 13]),
        (text("decoy"), vec![11, 12, 13]),
        (text("198.51.100.77"), vec![11, 12, 13]),
        (text("2001:DB8::7"), vec![14]),
        (text("wlan7"), vec![11, 12, 13]),
        (text("übermut"), vec![11, 12, 13]),
        (text("100-200"), vec![14]),
        (text("22,80\nnmap"), vec![]),
        (text("%"), vec![]),
        (text("_"), vec![]),
        (text("'"), vec![]),
        (
            with(&|filter| filter.kind = "udp-scan".to_owned()),
            vec![14],
        ),
        (with(&|filter| filter.min_severity = 4), vec![14]),
        (with(&|filter| filter.from = NOW.0 + 201), vec![14]),
        (
            with(&|filter| (filter.from, filter.to) = (NOW.0 + 200, NOW.0 + 101)),
            vec![11, 12, 13],
        ),
        (with(&|filter| filter.to = NOW.0 + 100), vec![]),
        (with(&|filter| filter.before_seq = 1), vec![]),
        (each("192.0.2.2"), vec![12]),
        (each(""), vec![12, 11]),
    ];
    for (filter, expected) in cases {
        assert_eq!(
            seqs(&history, 0, 0, filter.clone()).await,
            expected,
            "{filter:?}"
        );
        let behind: Vec<u64> = expected.into_iter().filter(|seq| *seq > 11).collect();
        assert_eq!(
            seqs(&history, 11, 0, filter.clone()).await,
            behind,
            "{filter:?}"
        );
    }
}

#[tokio::test]
async fn a_filter_that_is_none_says_so() {
    let history = History::in_memory();
    let with = |filter: AlertFilter| {
        let history = history.clone();
        async move { history.query(0, 0, filter).await.unwrap_err() }
    };
    let order = AlertFilter {
        order: "up".to_owned(),
        ..AlertFilter::default()
    };
    assert_eq!(with(order).await, QueryError::Order("up".to_owned()));
    let kind = AlertFilter {
        kind: "scan".to_owned(),
        ..AlertFilter::default()
    };
    assert_eq!(with(kind).await, QueryError::Kind("scan".to_owned()));
    let long = AlertFilter {
        text: "x".repeat(257),
        ..AlertFilter::default()
    };
    assert_eq!(with(long).await, QueryError::Long("text"));
    assert_eq!(
        history.statistics(0, 0, 1001).await,
        Err(QueryError::Buckets(1001))
    );
    assert_eq!(
        history.statistics(2, 1, 0).await,
        Err(QueryError::Backwards)
    );
}

#[tokio::test]
async fn incidents_are_counted_by_all_that_can_be_asked() {
    let history = History::in_memory();
    let of = |id: u64, first: i64, severity: u8, kind: &str, ports: &str| Alert {
        first_seen: NOW.0 + first,
        severity,
        kind: kind.to_owned(),
        ports: ports.to_owned(),
        ..alert(id, id)
    };
    let udp = Alert {
        protocol: "udp".to_owned(),
        packets: 5,
        sources: vec![
            "192.0.2.1".to_owned(),
            "198.51.100.1".to_owned(),
            "198.51.100.2".to_owned(),
            "2001:db8:1:2::/64".to_owned(),
        ],
        ..of(4, 3000, 2, "udp-scan", "53,1000-65535")
    };
    record(
        &history,
        [
            of(1, 0, 3, "tcp-syn-scan", "22,80"),
            of(2, 999, 5, "tcp-syn-scan", "22"),
            of(3, 1000, 3, "worm", "445"),
            udp,
        ],
    );
    history.note_noise(vec![
        entry(Noise::Mdns, 9, NOW),
        entry(Noise::LateTcp, 10, NOW),
    ]);
    let all = history.statistics(0, NOW.0 + 4000, 4).await.unwrap();
    assert_eq!(
        (all.from, all.to, all.bucket_width),
        (NOW.0, NOW.0 + 4000, 1000)
    );
    assert_eq!(
        (all.alerts, all.packets),
        (vec![2, 1, 0, 1], vec![20, 10, 0, 5])
    );
    assert_eq!(all.severities, [0, 1, 2, 0, 1]);
    let pairs = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs
            .iter()
            .map(|(word, count)| ((*word).to_owned(), *count))
            .collect()
    };
    assert_eq!(
        all.kinds,
        pairs(&[("tcp-syn-scan", 2), ("udp-scan", 1), ("worm", 1)])
    );
    assert_eq!(
        all.sources,
        pairs(&[
            ("192.0.2.1", 2),
            ("192.0.2.2", 1),
            ("192.0.2.3", 1),
            ("198.51.100.1", 1),
            ("198.51.100.2", 1),
            ("2001:db8:1:2::/64", 1),
        ])
    );
    assert_eq!(
        all.networks,
        pairs(&[
            ("192.0.2.0/24", 4),
            ("198.51.100.0/24", 1),
            ("2001:db8:1::/48", 1)
        ])
    );
    assert_eq!(all.ports.len(), 20);
    assert_eq!(
        all.ports[..3],
        pairs(&[("22/tcp", 2), ("1000/udp", 1), ("10000/udp", 1)])
    );
    assert_eq!(all.noise, pairs(&[("late-tcp", 10), ("mdns", 9)]));
    // A part of the time, where nothing is equal to anything.
    let part = history
        .statistics(NOW.0 + 1, NOW.0 + 1000, 0)
        .await
        .unwrap();
    assert_eq!(part.alerts.len(), 24);
    assert_eq!(part.alerts.iter().sum::<u64>(), 1);
    assert_eq!(part.ports, pairs(&[("22/tcp", 1)]));
    let nothing = History::in_memory().statistics(0, 0, 1000).await.unwrap();
    assert_eq!(nothing.alerts, [0; 1000]);
    assert_eq!(nothing.from, nothing.to);
    assert!(nothing.kinds.is_empty() && nothing.ports.is_empty());
}

#[tokio::test]
async fn harmless_packets_are_counted_by_class_and_hour() {
    let folder = Folder::new();
    let history = folder.open();
    let hour = 3600 * Timestamp::SECOND;
    history.note_noise(vec![entry(Noise::Mdns, 3, NOW), entry(Noise::Igmp, 5, NOW)]);
    history.note_noise(vec![
        entry(Noise::Mdns, 1, NOW.plus(7)),
        entry(Noise::Mdns, 2, NOW.plus(hour)),
    ]);
    let counts = history.noise(0, 0).await.unwrap();
    let brief: Vec<_> = counts
        .iter()
        .map(|count| {
            (
                count.class.as_str(),
                count.packets,
                count.first_seen,
                count.last_seen,
            )
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("mdns", 6, NOW.0, NOW.0 + hour + 7),
            ("igmp", 5, NOW.0, NOW.0 + 7)
        ]
    );
    let mdns = &counts[0];
    assert_eq!(
        (
            mdns.source.as_str(),
            mdns.feed.as_str(),
            mdns.example.as_str()
        ),
        (
            "192.0.2.9",
            "nflog",
            format!("at {}", NOW.0 + hour).as_str()
        )
    );
    let of = async |from, to| -> Vec<u64> {
        let counts = history.noise(from, to).await.unwrap();
        counts.iter().map(|count| count.packets).collect()
    };
    assert_eq!(of(NOW.0 + hour, 0).await, [2]);
    assert_eq!(of(0, NOW.0 + hour).await, [5, 4]);
    assert_eq!(of(NOW.0 + 2 * hour, 0).await, [0_u64; 0]);
    // What was counted and not noted yet is asked for first.
    let gathering = history.clone();
    let inbox = Arc::downgrade(&gathering.0);
    drop(gathering);
    history.gather_noise_by(move || {
        if let Some(handle) = inbox.upgrade() {
            handle.inbox.noise(vec![entry(Noise::Igmp, 100, NOW)]);
        }
    });
    assert_eq!(of(0, 0).await, [105, 6]);
    assert_eq!(history.statistics(0, 0, 0).await.unwrap().noise[0].1, 205);
}
