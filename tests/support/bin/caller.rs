//! Somebody on the system bus who does what a test tells him: subscribes, asks, floods.
//!
//!     caller SOCKET       reads one command a line from the test's socket, and answers each by a line
//!
//! `name` · `call METHOD` and `ask METHOD` (which allows a dialog): `ok TEXT` or `error NAME SENTENCE` · `begin METHOD`: as `ask`, without
//! waiting for the answer · `heard`: how many signals of alerts came, and the number of the last · `connect N`: opens so many connections
//! more, and says how many the bus took · `flood N METHOD`: calls that want no answer, from all connections by turns · `storm MILLIS
//! METHOD`: each connection has 100 calls open for so long · `long MIB`: `GetAlerts` with so long a text, from all connections at once.

use std::{
    env,
    error::Error,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_lite::StreamExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    task::JoinSet,
};
use wallwatch_dbus::{AlertFilter, Helper1Proxy, Status, names};
use wallwatch_test_support::process::now;
use zbus::{
    Connection, MessageStream, Proxy,
    message::{Flags, Message, Type},
    proxy::MethodFlags,
};

/// So many calls of one connection are open in a storm; the bus takes 128.
const OPEN: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "it speaks to whoever runs it")]
            {
                eprintln!("caller: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: caller SOCKET")?;
    let (reader, mut writer) = UnixStream::connect(path).await?.into_split();
    let mut caller = Caller::new(Connection::system().await?);
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = caller.obey(&words).await?;
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
    }
    Ok(())
}

/// What came of the signals about alerts.
#[derive(Debug, Default)]
struct Heard {
    signals: AtomicU64,
    last_seq: AtomicU64,
}

struct Caller {
    /// The first is the one that subscribes.
    connections: Vec<Connection>,
    heard: Arc<Heard>,
}

impl Caller {
    fn new(connection: Connection) -> Self {
        let heard = Arc::<Heard>::default();
        let (mut stream, counts) = (MessageStream::from(&connection), Arc::clone(&heard));
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                let header = message.header();
                if message.message_type() == Type::Signal
                    && header
                        .interface()
                        .is_some_and(|name| *name == names::HELPER_INTERFACE)
                {
                    // Every signal about an alert begins with its number.
                    let body = message.body();
                    let seq = body.deserialize::<(u64, zbus::Variant<'_>)>();
                    if let Ok((seq, _)) = seq {
                        counts.last_seq.store(seq, Ordering::Relaxed);
                    }
                    counts.signals.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self {
            connections: vec![connection],
            heard,
        }
    }

    async fn obey(&mut self, words: &[&str]) -> Result<String, Box<dyn Error>> {
        let first = &self.connections[0];
        Ok(match *words {
            ["name"] => first.unique_name().ok_or("no name")?.to_string(),
            ["call", method] => told(call(first, method).await),
            ["ask", method] => told(ask(first, method).await),
            ["begin", method] => {
                first
                    .send(&message(method, Flags::ALLOW_INTERACTIVE_AUTH)?)
                    .await?;
                "begun".to_owned()
            }
            ["heard"] => format!(
                "{} {}",
                self.heard.signals.load(Ordering::Relaxed),
                self.heard.last_seq.load(Ordering::Relaxed)
            ),
            ["connect", count] => self.connect(count.parse()?).await,
            ["flood", count, method] => self.flood(count.parse()?, method).await?,
            ["storm", millis, method] => self.storm(millis.parse()?, method).await,
            ["long", mib] => self.long(mib.parse()?).await,
            _ => return Err(format!("unknown command {words:?}").into()),
        })
    }

    async fn connect(&mut self, count: usize) -> String {
        let mut refusal = "none was refused".to_owned();
        let mut taken = 0;
        for _ in 0..count {
            match Connection::system().await {
                Ok(connection) => {
                    self.connections.push(connection);
                    taken += 1;
                }
                Err(error) => refusal = error.to_string(),
            }
        }
        format!("{taken} {}", refusal.replace('\n', " "))
    }

    async fn flood(&self, count: usize, method: &str) -> Result<String, Box<dyn Error>> {
        let start = now();
        let message = message(method, Flags::NO_REPLY_EXPECTED)?;
        for n in 0..count {
            self.connections[n % self.connections.len()]
                .send(&message)
                .await?;
        }
        Ok(start.elapsed().as_millis().to_string())
    }

    async fn storm(&self, millis: u64, method: &str) -> String {
        let end = now() + Duration::from_millis(millis);
        let (ok, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut calls = JoinSet::new();
        for connection in &self.connections {
            for _ in 0..OPEN {
                let (connection, method) = (connection.clone(), method.to_owned());
                let (ok, refused) = (Arc::clone(&ok), Arc::clone(&refused));
                calls.spawn(async move {
                    while now() < end {
                        let answer = call(&connection, &method).await;
                        let count = if answer.is_ok() { &ok } else { &refused };
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        }
        while calls.join_next().await.is_some() {}
        format!(
            "{} {}",
            ok.load(Ordering::Relaxed),
            refused.load(Ordering::Relaxed)
        )
    }

    async fn long(&self, mib: usize) -> String {
        let mut calls = JoinSet::new();
        for connection in &self.connections {
            let connection = connection.clone();
            calls.spawn(async move {
                let filter = AlertFilter {
                    text: "x".repeat(mib << 20),
                    ..AlertFilter::default()
                };
                let helper = Helper1Proxy::new(&connection).await?;
                helper.get_alerts(0, 0, filter).await.map(|_| ())
            });
        }
        let mut last = String::new();
        while let Some(answer) = calls.join_next().await {
            last = answer.map_or_else(|error| error.to_string(), told);
        }
        last
    }
}

fn message(method: &str, flags: Flags) -> zbus::Result<Message> {
    let builder = Message::method_call(names::HELPER_PATH, method)
        .destination(names::HELPER_BUS_NAME)
        .interface(names::HELPER_INTERFACE);
    let builder = if flags.is_empty() {
        builder
    } else {
        builder.with_flags(flags)
    };
    if method == "SetCapture" {
        builder.build(&true)
    } else {
        builder.build(&())
    }
}

async fn call(connection: &Connection, method: &str) -> zbus::Result<()> {
    let (name, path) = (Some(names::HELPER_BUS_NAME), names::HELPER_PATH);
    let interface = Some(names::HELPER_INTERFACE);
    let answer = if method == "SetCapture" {
        let call = connection.call_method(name, path, interface, method, &true);
        call.await
    } else {
        let call = connection.call_method(name, path, interface, method, &());
        call.await
    };
    answer.map(|_| ())
}

/// A call that allows a dialog.
async fn ask(connection: &Connection, method: &str) -> zbus::Result<()> {
    let (name, path) = (names::HELPER_BUS_NAME, names::HELPER_PATH);
    let proxy = Proxy::new(connection, name, path, names::HELPER_INTERFACE).await?;
    let flags = MethodFlags::ALLOW_INTERACTIVE_AUTH;
    match method {
        "Subscribe" => {
            let answer: Option<u64> = proxy.call_with_flags(method, flags, &()).await?;
            answer.map(|_| ())
        }
        "GetStatus" => {
            let answer: Option<Status> = proxy.call_with_flags(method, flags, &()).await?;
            answer.map(|_| ())
        }
        "SetCapture" => proxy.call_with_flags(method, flags, &true).await?,
        _ => None,
    }
    .ok_or_else(|| zbus::Error::Failure(format!("nobody asks for {method}")))
}

/// An answer as a line: `ok`, or the error's name and sentence.
fn told(answer: zbus::Result<()>) -> String {
    let text = match answer {
        Ok(()) => return "ok".to_owned(),
        Err(zbus::Error::MethodError(name, words, _)) => {
            format!("error {name} {}", words.unwrap_or_default())
        }
        Err(zbus::Error::FDO(error)) => format!(
            "error {} {}",
            zbus::DBusError::name(&*error),
            zbus::DBusError::description(&*error).unwrap_or_default()
        ),
        Err(error) => format!("error - {error}"),
    };
    text.replace('\n', " ")
}
