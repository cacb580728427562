//! Who may ask: tokens, as a running server knows them. Kept as hashes in a file of the data folder, which
//! `cloakroom token` edits; read again when it has changed.
//!
//! **Invariant**: once a data folder has had a token, requests need one until `cloakroom token off`. A token file that
//! is unreadable, malformed, empty or missing starts no server, and opens none that runs.
//!
//!
//! **Invariant**: the text of a token is never stored, logged or shown, but for the one time when it is made.
//!
//! A token is 256 random bits, so one plain SHA-256 of it is as good as any slow hash, and looking that up in a table
//! tells nothing by how long it takes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::store::TokensAtStart;
use crate::tokens::file;
use crate::tokens::file::{Content, Entry, Error, FILE, Stamp};

/// What the token of a single run is called, whichever run it is: so that its jobs are there in the next.
pub(crate) const RUN_NAME: &str = "launcher";
/// How soon a token that was removed is refused: how often the file is looked at.
pub(in crate::tokens) const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// What every token begins with, for people and for scanners of leaked secrets.
pub(in crate::tokens) const PREFIX: &str = "cloakroom_";

/// The SHA-256 of a token.
pub(crate) type Hash = [u8; 32];

/// One who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is called; jobs belong to this name.
    pub name: Arc<str>,
    /// Whether it sees every job.
    pub admin: bool,
}

/// Whether a job of the token with this name, or of none, was submitted by a program on this machine that the server
/// trusts: without a token where there are none, or with the token of the run.
pub(crate) fn is_local(name: Option<&str>) -> bool {
    name.is_none_or(|name| name == RUN_NAME)
}

/// Why a request was admitted. What it opened ends when this does not hold any longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The address needs no token.
    Open,
    /// There are no tokens.
    NoTokens,
    /// It showed this token. Another one of the same name is another.
    Token(Hash, Token),
}

/// The tokens of one server.
#[derive(Debug)]
pub struct Tokens {
    /// The data folder; none if there is no file of tokens.
    pub(in crate::tokens) data: Option<PathBuf>,
    pub(in crate::tokens) run: Option<RunToken>,
    pub(in crate::tokens) table: RwLock<Table>,
    /// Why the server may not do without tokens, if so.
    pub(in crate::tokens) off_refusal: OnceLock<String>,
    /// What was logged last about a file that cannot be used.
    pub(in crate::tokens) fault: Mutex<Option<String>>,
    /// Hears of every other set of tokens.
    pub(in crate::tokens) changes: watch::Sender<()>,
}

/// The token of a single run.
pub(in crate::tokens) struct RunToken {
    pub(in crate::tokens) text: String,
    pub(in crate::tokens) hash: Hash,
    pub(in crate::tokens) token: Token,
}

impl std::fmt::Debug for RunToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunToken")
    }
}

#[derive(Debug, Default)]
pub(in crate::tokens) struct Table {
    pub(in crate::tokens) tokens: HashMap<Hash, Token>,
    pub(in crate::tokens) stamp: Option<Stamp>,
    pub(in crate::tokens) state: State,
}

/// Whether requests need a token.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokens) enum State {
    /// No: there never were any.
    #[default]
    Absent,
    /// No: they were turned off.
    Off,
    /// Yes, even if there is none left.
    Required,
}

impl Table {
    pub(in crate::tokens) fn new(content: Content, stamp: Option<Stamp>) -> Self {
        let state = match content {
            Content::Absent => State::Absent,
            Content::Off => State::Off,
            Content::Tokens(_) => State::Required,
        };
        Self {
            tokens: by_hash(content.into_entries()),
            stamp,
            state,
        }
    }
}

impl Tokens {
    /// None, and there will never be any.
    pub fn none() -> Self {
        Self {
            data: None,
            run: None,
            table: RwLock::default(),
            off_refusal: OnceLock::new(),
            fault: Mutex::default(),
            changes: watch::Sender::new(()),
        }
    }

    /// Those of a data folder, which need not be there yet.
    ///
    /// # Errors
    /// A token file that is unreadable, malformed, empty, or missing where there was one.
    pub fn open(data: &Path) -> Result<Self, Error> {
        let (content, stamp) = file::read(data)?;
        Ok(Self {
            table: RwLock::new(Table::new(content, stamp)),
            data: Some(data.to_owned()),
            ..Self::none()
        })
    }

    /// The same with one more, which lives as long as this run and sees every job.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn with_run_token(mut self) -> Result<Self, Error> {
        let text = fresh()?;
        self.run = Some(RunToken {
            hash: hash(&text),
            text,
            token: Token {
                name: RUN_NAME.into(),
                admin: true,
            },
        });
        Ok(self)
    }

    /// The text of this run's own token, if it has one.
    pub fn run_token(&self) -> Option<&str> {
        Some(&self.run.as_ref()?.text)
    }

    /// Says why the server may not do without tokens. `cloakroom token off` changes nothing while it runs, then.
    pub(crate) fn forbid_off(&self, reason: String) {
        // A second reason is no better than the first.
        let _ = self.off_refusal.set(reason);
    }

    /// What is to be remembered of the token file from one start to the next.
    pub(crate) fn at_start(&self) -> TokensAtStart {
        match (&self.data, self.table.read().state) {
            (None, _) => TokensAtStart::Ignored,
            (Some(data), State::Absent) => TokensAtStart::Absent(data.join(FILE)),
            (Some(_), State::Off) => TokensAtStart::Off,
            (Some(_), State::Required) => TokensAtStart::Required,
        }
    }

    /// Whether requests need a token.
    pub(crate) fn are_required(&self) -> bool {
        self.run.is_some() || self.table.read().state == State::Required
    }

    /// Whose token this is. A new one is good at once, a removed one for a second at most.
    pub(crate) fn find(&self, text: &str) -> Option<(Hash, Token)> {
        let hash = hash(text);
        let found = self.with_hash(&hash).or_else(|| {
            self.look();
            self.with_hash(&hash)
        });
        found.map(|token| (hash, token))
    }

    /// The token with this hash, if it is still there.
    pub(crate) fn with_hash(&self, hash: &Hash) -> Option<Token> {
        match &self.run {
            Some(run) if run.hash == *hash => Some(run.token.clone()),
            _ => self.table.read().tokens.get(hash).cloned(),
        }
    }

    /// Ends when a grant does not hold any longer.
    pub(crate) async fn ended(&self, grant: &Grant) {
        let mut changes = self.changes.subscribe();
        while self.holds(grant) {
            if changes.changed().await.is_err() {
                // The sender lives as long as we do.
                return;
            }
        }
    }

    pub(in crate::tokens) fn holds(&self, grant: &Grant) -> bool {
        match grant {
            Grant::Open => true,
            Grant::NoTokens => !self.are_required(),
            Grant::Token(hash, token) => self.with_hash(hash).as_ref() == Some(token),
        }
    }

    /// Looks at the file every second, for as long as it is polled.
    pub(crate) async fn keep_looking(&self) {
        if self.data.is_none() {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look();
        }
    }

    /// Reads the file again if it is another than last time. One that cannot be used neither opens the server nor locks out
    /// those who have a token: it changes nothing, except that a server without tokens closes. The log says so once.
    pub(in crate::tokens) fn look(&self) {
        let Some(data) = &self.data else { return };
        if self.table.read().stamp == file::stamp(data) {
            return;
        }
        let fault = match file::read(data) {
            Ok((content, stamp)) => self.take(data, content, stamp).err(),
            Err(error) => {
                self.close();
                Some(error.to_string())
            }
        };
        let mut logged = self.fault.lock();
        if let Some(fault) = fault
            .as_ref()
            .filter(|fault| logged.as_ref() != Some(fault))
        {
            tracing::error!("{fault}. Until then requests need the tokens that were known before");
        }
        *logged = fault;
    }

    /// Rejects requests without a token, though there is no token: somebody wants some, and the file does not say which.
    pub(in crate::tokens) fn close(&self) {
        let mut table = self.table.write();
        if table.state != State::Required {
            table.state = State::Required;
            drop(table);
            self.changes.send_replace(());
        }
    }

    /// Takes what the file says now.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(in crate::tokens) fn take(
        &self,
        data: &Path,
        content: Content,
        stamp: Option<Stamp>,
    ) -> Result<(), String> {
        let new = Table::new(content, stamp);
        let mut table = self.table.write();
        match (table.state, new.state) {
            (State::Required, State::Absent) => {
                let path = data.join(FILE);
                return Err(Error::Missing { path }.to_string());
            }
            (State::Required, State::Off) => {
                if let Some(reason) = self.off_refusal.get() {
                    return Err(format!("tokens cannot be turned off: {reason}"));
                }
            }
            _ => {}
        }
        if new.state == State::Required
            && let Err(error) = file::mark(data)
        {
            // The tokens count all the same; only their loss would not be noticed.
            tracing::warn!(%error, "cannot remember that there are tokens");
        }
        tracing::info!(
            tokens = new.tokens.len(),
            required = new.state == State::Required,
            "the tokens have changed"
        );
        *table = new;
        drop(table);
        self.changes.send_replace(());
        Ok(())
    }
}

pub(in crate::tokens) fn by_hash(entries: Vec<Entry>) -> HashMap<Hash, Token> {
    let tokens = entries.into_iter();
    tokens.map(|entry| (entry.hash, entry.token)).collect()
}

pub(in crate::tokens) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// The text of a new token.
pub(in crate::tokens) fn fresh() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::Random(e.to_string()))?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
