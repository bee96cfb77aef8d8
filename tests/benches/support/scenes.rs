//! The attacks that an honest tenant is measured beside: for each threat of docs/security.md that is about taking something
//! from others, a hostile source, upstream, receiver, file or client.

use std::any::Any;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::attackers;
use crate::network::{Authority, Background, Recorder};
use crate::site::{Site, Source};

/// Tenants where many are meant.
const MANY: usize = 20;

/// One attack.
pub struct Attack {
    /// How the table calls it.
    pub name: &'static str,
    /// Puts it into the scene.
    pub prepare: fn(&mut Scene),
}

/// What is kept for as long as the honest tenant is measured.
pub type Held = Box<dyn Any>;

/// Begins something beside the host.
pub type Beginning = Box<dyn FnOnce(&Site) -> Held>;

/// What the host is configured with, beside what.
pub struct Scene {
    /// Where the honest tenant's cloud is.
    endpoint: String,
    /// Lines before the sources.
    pub head: String,
    pub sources: Vec<Source>,
    /// Files beside the configuration.
    pub files: Vec<(String, String)>,
    /// What begins when the files are there, before the host starts.
    pub on_site: Vec<Beginning>,
}

impl Scene {
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            head: String::new(),
            sources: Vec::new(),
            files: Vec::new(),
            on_site: Vec::new(),
        }
    }

    /// A hostile source with so many partitions, that may ask the origin.
    fn hostile(&mut self, attack: &str, partitions: usize, origin: &str) -> &mut Source {
        let list: Vec<_> = (0..partitions).map(|number| format!("\"{number}\"")).collect();
        let mut source = Source::hostile(attack)
            .set("url", &format!("\"{origin}/\""))
            .set("at_once", "8")
            .set("partitions", &format!("[{}]", list.join(", ")));
        source.name = format!("mallory-{}", self.sources.len());
        source.sink = format!("type = \"file\"\npath = \"{}.ndjson\"", source.name);
        origin.clone_into(&mut source.allow);
        source.rest = "[source.limits]\npoll_timeout = \"60s\"".to_owned();
        self.sources.push(source);
        self.sources.last_mut().expect("it has just been added")
    }

    fn hold(&mut self, held: impl Any) {
        self.on_site.push(Box::new(|_| Box::new(held)));
    }

    /// Serves what is behind an address, and returns its origin.
    fn upstream(&mut self, background: Background) -> String {
        let origin = format!("http://{}", background.address);
        self.hold(background);
        origin
    }
}

/// Asks nobody.
const NOWHERE: &str = "https://collector.example";

const fn by_the_source(name: &'static str, prepare: fn(&mut Scene)) -> Attack {
    Attack { name, prepare }
}

/// A hostile source that does what the attack is called, in one partition.
macro_rules! guests {
    ($($name:literal),*) => {
        [$(by_the_source($name, |scene| {
            scene.hostile($name, 1, NOWHERE);
        })),*]
    };
}

const GUESTS: [Attack; 15] = guests![
    "endless-loop",
    "endless-host-calls",
    "memory-bomb",
    "handle-leak",
    "million-events",
    "giant-event",
    "long-ids",
    "session-bomb",
    "log-flood",
    "hoard-methods",
    "hoard-fields",
    "hoard-bodies",
    "hoard-pollables",
    "hoard-waits",
    "trap"
];

const OTHERS: [Attack; 13] = [
    Attack {
        name: "endless-loop, 8 partitions",
        prepare: |scene| {
            scene.hostile("endless-loop", 8, NOWHERE);
        },
    },
    Attack {
        name: "endless-loop, 20 tenants",
        prepare: |scene| {
            for _ in 0..MANY {
                scene.hostile("endless-loop", 1, NOWHERE);
            }
        },
    },
    Attack {
        name: "memory-bomb, 20 tenants with 8 partitions",
        prepare: |scene| {
            for _ in 0..MANY {
                scene.hostile("memory-bomb", 8, NOWHERE);
            }
        },
    },
    Attack {
        name: "100 Continue, 8 connections",
        prepare: |scene| talking(scene, "HTTP/1.1 100 Continue\r\n\r\n", 1),
    },
    Attack {
        name: "100 Continue, 64 connections",
        prepare: |scene| talking(scene, "HTTP/1.1 100 Continue\r\n\r\n", 8),
    },
    Attack {
        name: "103 with fields, 64 connections",
        prepare: |scene| {
            talking(
                scene,
                "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nx-long: vvvvvvvvvvvvvvvv\r\n\r\n",
                8,
            );
        },
    },
    Attack {
        name: "HTTP/2 flood on idle connections, 20 tenants",
        prepare: idle_floods,
    },
    Attack {
        name: "20 tenants behind a hung log endpoint",
        prepare: hung_log,
    },
    Attack {
        name: "20 tenants whose secrets become pipes",
        prepare: secret_pipes,
    },
    Attack {
        name: "hung receiver, 8 partitions of full batches",
        prepare: |scene| {
            let receiver = scene.upstream(attackers::hung());
            let source = scene.hostile("heavy-batch", 8, NOWHERE);
            source.sink = format!("type = \"http\"\nurl = \"{receiver}/\"");
        },
    },
    Attack {
        name: "receiver that refuses every event, 8 partitions",
        prepare: |scene| {
            let receiver = Recorder::replying(|_| (400, "no".to_owned()));
            let port = receiver.port();
            scene.hold(receiver);
            let source = scene.hostile("long-ids", 8, NOWHERE);
            source.sink = format!("type = \"http\"\nurl = \"http://127.0.0.1:{port}/\"");
        },
    },
    Attack {
        name: "locked dead-letter file, 8 partitions",
        prepare: |scene| {
            let source = scene.hostile("heavy-batch", 8, NOWHERE);
            let file = format!("{}.dead.ndjson", source.name);
            scene.on_site.push(Box::new(move |site| {
                let file = File::create(site.path(&file)).expect("the folder can be written");
                file.lock().expect("nobody else has it");
                Box::new(file)
            }));
        },
    },
    Attack {
        name: "64 slow readers of /metrics, 10 tenants with all series",
        prepare: slow_readers,
    },
];

/// All of them, in the order of the table.
pub static ATTACKS: std::sync::LazyLock<Vec<Attack>> =
    std::sync::LazyLock::new(|| GUESTS.into_iter().chain(OTHERS).collect());

fn talking(scene: &mut Scene, line: &'static str, partitions: usize) {
    let origin = scene.upstream(attackers::talking(line, &std::sync::Arc::default()));
    scene.hostile("fetch-on", partitions, &origin);
}

fn idle_floods(scene: &mut Scene) {
    let authority = Authority::new();
    let upstream = attackers::idle_flood(&authority, "localhost", &std::sync::Arc::default());
    let origin = format!("https://localhost:{}", upstream.address.port());
    scene.hold(upstream);
    scene.files.push(("ca.pem".to_owned(), authority.pem));
    for _ in 0..MANY {
        scene.hostile("fetch", 8, &origin).keys = "ca = \"ca.pem\"".to_owned();
    }
}

fn hung_log(scene: &mut Scene) {
    let hung = scene.upstream(attackers::hung());
    let subscriptions: Vec<String> = (0..8)
        .map(|number| format!("\"11111111-2222-3333-4444-{number:012}\""))
        .collect();
    for number in 0..MANY {
        let endpoint = scene.endpoint.clone();
        // The login works, and the log does not answer.
        let cloud = format!("{{ authority = \"{endpoint}\", resource_manager = \"{hung}\" }}");
        let mut source = Source::azure(&format!("mallory-{number}"), &endpoint)
            .set("cloud", &cloud)
            .set("subscription_id", &format!("[{}]", subscriptions.join(", ")));
        source.allow = format!("{endpoint}\", \"{hung}");
        scene.sources.push(source);
    }
}

fn secret_pipes(scene: &mut Scene) {
    for number in 0..MANY {
        let name = format!("secret-{number}");
        let secret = format!("{{ file = \"{name}\" }}");
        let source =
            Source::azure(&format!("mallory-{number}"), &scene.endpoint).set("client_secret", &secret);
        scene.sources.push(source);
        scene.on_site.push(Box::new(move |site| {
            let made = std::process::Command::new("mkfifo")
                .arg(site.path(&name))
                .status();
            assert!(made.is_ok_and(|status| status.success()), "mkfifo is there");
            Box::new(())
        }));
    }
}

fn slow_readers(scene: &mut Scene) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address: SocketAddr = listener.local_addr().expect("it is bound");
    drop(listener);
    scene.head = format!("[listen]\naddress = \"{address}\"");
    for _ in 0..10 {
        scene.hostile("many-series", 8, NOWHERE);
    }
    scene.on_site.push(Box::new(move |_| {
        // They come when it listens, and come again when they are cut off.
        let end = std::sync::Arc::new(());
        let alive = std::sync::Arc::downgrade(&end);
        thread::spawn(move || {
            let mut readers: Vec<TcpStream> = Vec::new();
            while alive.upgrade().is_some() {
                if readers.len() >= 64 {
                    readers.remove(0);
                }
                if let Ok(mut reader) = TcpStream::connect(address) {
                    let _ = reader.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
                    readers.push(reader);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        Box::new(end)
    }));
}
