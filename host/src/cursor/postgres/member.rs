//! A host among others, as those see it that read its sources.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use super::PostgresStore;
use super::claims::Card;
use super::keeper::{Change, Command, Keeper, Standing};

/// What a host is in its cluster.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Its name for people.
    pub name: String,
    /// How long its leases last without renewal.
    pub lease: Duration,
    /// The sources that it can read.
    pub sources: Vec<String>,
    /// Equal on hosts whose sources are configured alike. Shares are made among those where it is equal up to the first `:`.
    pub configuration: String,
}

/// A host among others. It leaves with [`Member::leave`]; if it is dropped, its leases end by themselves.
#[derive(Debug)]
pub struct Member {
    changes: mpsc::UnboundedReceiver<Change>,
    control: Control,
    standing: watch::Receiver<Standing>,
    _task: AbortOnDropHandle<()>,
}

/// Says what happens on this host to the one that looks after its leases.
#[derive(Debug, Clone)]
pub struct Control(mpsc::UnboundedSender<Command>);

impl Control {
    /// A source that was to stop is not read any more, and nothing of that reading can be committed any more.
    pub fn ended(&self, source: &str) {
        self.say(Command::Ended(source.to_owned()));
    }

    /// The sources that this host can read from now on, and what their configuration is known by.
    pub fn set_sources(&self, sources: Vec<String>, configuration: String) {
        self.say(Command::Sources(sources, configuration));
    }

    /// No source is claimed from now on.
    pub fn claim_no_more(&self) {
        self.say(Command::ClaimNoMore);
    }

    /// Hands everything back. To be called when nothing is read any more; what still is cannot be committed.
    pub async fn leave(&self) {
        let (done, left) = oneshot::channel();
        self.say(Command::Leave(done));
        let _ = left.await;
    }

    fn say(&self, command: Command) {
        // A member that has left hears nothing.
        let _ = self.0.send(command);
    }
}

impl Member {
    /// The next change; none once the member has left.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }

    /// For whoever reads the sources.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// How it stands, and whenever that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Hands everything back: see [`Control::leave`].
    pub async fn leave(self) {
        self.control.leave().await;
    }
}

impl PostgresStore {
    /// Joins the cluster. Needs a Tokio runtime.
    pub fn join(&self, membership: Membership) -> Member {
        let (commands, orders) = mpsc::unbounded_channel();
        let (sender, changes) = mpsc::unbounded_channel();
        let (show, standing) = watch::channel(Standing::default());
        let Membership {
            name,
            lease,
            sources,
            configuration,
        } = membership;
        let card = Card {
            name,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            configuration,
            sources,
            lease,
        };
        let keeper = Keeper::new(self.clone(), card, sender, show);
        Member {
            changes,
            control: Control(commands),
            standing,
            _task: AbortOnDropHandle::new(tokio::spawn(keeper.run(orders))),
        }
    }
}
