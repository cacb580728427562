//! [`Tokens`]: the tokens of a running server, reloaded when the token file changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use crate::data_dir;
use crate::store::TokensAtStart;
use crate::tokens::file;
use crate::tokens::file::{Content, Entry, Error, Stamp};
use crate::tokens::text::{check_strength, generate, hash};
use crate::tokens::token::{Hash, RUN_NAME, Token, TokenKind};
use crate::tokens::uses::Uses;

/// How often the token file is checked, and so how long a removed token may stay valid.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the times of use are saved at most.
const SAVE_INTERVAL: Duration = Duration::from_mins(1);
/// How long a stopping server waits until the times of use are saved.
const SAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a token is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// No token has this text.
    Unknown,
    /// The token has expired.
    Expired(Token),
}

/// The tokens of one server.
#[derive(Debug)]
pub struct Tokens {
    /// The data folder; `None` if there is no token file.
    pub(in crate::tokens) data: Option<PathBuf>,
    pub(in crate::tokens) run: Option<RunToken>,
    pub(in crate::tokens) table: RwLock<Table>,
    /// Why this server must not turn tokens off, if so.
    pub(in crate::tokens) off_refusal: OnceLock<String>,
    /// The last logged error about the token file.
    pub(in crate::tokens) fault: Mutex<Option<String>>,
    /// Notified when the tokens change.
    pub(in crate::tokens) changes: watch::Sender<()>,
    /// When the tokens of the file were last used.
    uses: Arc<Uses>,
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
    pub(in crate::tokens) tokens: HashMap<Hash, Known>,
    pub(in crate::tokens) stamp: Option<Stamp>,
    pub(in crate::tokens) state: State,
}

/// A token of the file.
#[derive(Debug)]
pub(in crate::tokens) struct Known {
    token: Token,
    /// Whether a request had this token since [`Tokens::note_uses`] last looked. A flag, so that a request reads no clock.
    is_used: AtomicBool,
}

/// Whether requests need a token.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokens) enum State {
    /// No: there never was a token.
    #[default]
    Absent,
    /// No: tokens were turned off.
    Off,
    /// Yes, even if no token is left.
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
    /// No tokens, without a token file.
    pub fn none() -> Self {
        Self {
            data: None,
            run: None,
            table: RwLock::default(),
            off_refusal: OnceLock::new(),
            fault: Mutex::default(),
            changes: watch::Sender::new(()),
            uses: Arc::default(),
        }
    }

    /// The tokens of a data folder, which need not exist yet.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Line`], [`Error::Empty`] or [`Error::Missing`].
    pub fn open(data: &Path) -> Result<Self, Error> {
        let (content, stamp) = file::read(data)?;
        let table = Table::new(content, stamp);
        let uses = Uses::read(data);
        uses.retain(|hash| table.tokens.contains_key(hash));
        Ok(Self {
            table: RwLock::new(table),
            uses: Arc::new(uses),
            data: Some(data.to_owned()),
            ..Self::none()
        })
    }

    /// Adds an admin token that is valid for this run only.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn with_run_token(self) -> Result<Self, Error> {
        Ok(self.with_run(generate()?))
    }

    /// Like [`Tokens::with_run_token`], with a token that the caller chose. It has 22 to 512 characters of RFC 6750 (letters,
    /// digits, `-`, `.`, `_`, `~`, `+`, `/`, `=`), at least 7 of them different: 16 random bytes in hex or base64 are enough.
    ///
    /// # Errors
    /// [`Error::Weak`].
    pub fn with_chosen_run_token(self, text: &str) -> Result<Self, Error> {
        check_strength(text).map_err(Error::Weak)?;
        Ok(self.with_run(text.to_owned()))
    }

    fn with_run(mut self, text: String) -> Self {
        self.run = Some(RunToken {
            hash: hash(&text),
            text,
            token: Token {
                name: RUN_NAME.into(),
                kind: TokenKind::Admin,
                expires: None,
                replaced: false,
            },
        });
        self
    }

    /// The text of the run token, if there is one.
    pub fn run_token(&self) -> Option<&str> {
        Some(&self.run.as_ref()?.text)
    }

    /// Forbids turning tokens off while this server runs, for the given reason.
    pub(crate) fn forbid_off(&self, reason: String) {
        // The first reason is kept.
        let _ = self.off_refusal.set(reason);
    }

    /// The state of the token file, to be remembered from one start to the next.
    pub(crate) fn at_start(&self) -> TokensAtStart {
        match (&self.data, self.table.read().state) {
            (None, _) => TokensAtStart::Ignored,
            (Some(data), State::Absent) => TokensAtStart::Absent(data.join(data_dir::TOKENS)),
            (Some(_), State::Off) => TokensAtStart::Off,
            (Some(_), State::Required) => TokensAtStart::Required,
        }
    }

    /// Whether requests need a token.
    pub(crate) fn are_required(&self) -> bool {
        self.run.is_some() || self.table.read().state == State::Required
    }

    /// Finds a token by its text. New tokens are valid at once; removed ones become invalid within a second.
    ///
    /// # Errors
    /// [`Rejection`] if no token has this text, or the token has expired.
    pub(crate) fn find(&self, text: &str) -> Result<(Hash, Token), Rejection> {
        let hash = hash(text);
        let found = self.used(&hash).or_else(|rejection| {
            self.reload();
            self.used(&hash).map_err(|_| rejection)
        });
        found.map(|token| (hash, token))
    }

    /// The token with this hash, which a request has used.
    ///
    /// # Errors
    /// Like [`Tokens::with_hash`].
    pub(crate) fn used(&self, hash: &Hash) -> Result<Token, Rejection> {
        valid(self.look_up(hash, |known| {
            // Most requests only read the flag, so that its cache line stays shared between threads.
            if !known.is_used.load(Ordering::Relaxed) {
                known.is_used.store(true, Ordering::Relaxed);
            }
        }))
    }

    /// The token with this hash.
    ///
    /// # Errors
    /// [`Rejection`] if no token has this hash, or the token has expired.
    pub(crate) fn with_hash(&self, hash: &Hash) -> Result<Token, Rejection> {
        valid(self.known(hash))
    }

    /// The token with this hash, even if it has expired.
    pub(in crate::tokens) fn known(&self, hash: &Hash) -> Option<Token> {
        self.look_up(hash, |_| {})
    }

    /// The token with this hash, even if it has expired. Calls `visit` with a token of the file.
    fn look_up(&self, hash: &Hash, visit: impl FnOnce(&Known)) -> Option<Token> {
        match &self.run {
            Some(run) if run.hash == *hash => Some(run.token.clone()),
            _ => {
                let table = self.table.read();
                let known = table.tokens.get(hash)?;
                visit(known);
                Some(known.token.clone())
            }
        }
    }

    /// Reloads the file when it changes, checking every second for as long as this is polled. Also notes which tokens were
    /// used, and saves that once a minute if it has changed.
    pub(crate) async fn keep_reloading(&self) {
        let Some(data) = &self.data else {
            return std::future::pending().await;
        };
        let mut saved: Option<Instant> = None;
        let mut ticks = tokio::time::interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.reload();
            self.note_uses(&self.table.read());
            let is_due = saved.is_none_or(|saved| saved.elapsed() >= SAVE_INTERVAL);
            if is_due && self.uses.are_changed() {
                saved = Some(Instant::now());
                let (uses, data) = (Arc::clone(&self.uses), data.clone());
                // Not awaited: a slow disk must not delay the end of a removed token.
                drop(tokio::task::spawn_blocking(move || uses.save(&data)));
            }
        }
    }

    /// Saves when the tokens were last used, if that has changed, and gives up on a disk that takes too long.
    pub(crate) async fn save_uses(&self) {
        let Some(data) = &self.data else { return };
        self.note_uses(&self.table.read());
        let (uses, data) = (Arc::clone(&self.uses), data.clone());
        let saving = tokio::task::spawn_blocking(move || uses.save(&data));
        // The times of the last minute are lost then.
        let _ = tokio::time::timeout(SAVE_TIMEOUT, saving).await;
    }

    /// Notes the current time for the tokens that were used since the last call.
    fn note_uses(&self, table: &Table) {
        let tokens = table.tokens.iter();
        let used = tokens.filter(|(_, known)| known.is_used.swap(false, Ordering::Relaxed));
        self.uses
            .note(used.map(|(hash, _)| *hash), SystemTime::now());
    }

    /// Reloads the file if it has changed, and logs an error again that was logged before.
    pub(crate) fn reload_now(&self) {
        *self.fault.lock() = None;
        self.reload();
    }

    /// Reloads the file if it has changed. A file that cannot be used leaves the known tokens valid, but a server without
    /// tokens then rejects all requests. The error is logged once.
    pub(in crate::tokens) fn reload(&self) {
        let Some(data) = &self.data else { return };
        if self.table.read().stamp == file::stamp(data) {
            return;
        }
        let fault = match file::read(data) {
            Ok((content, stamp)) => self.apply(data, content, stamp).err(),
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
            tracing::error!("{fault}. Until this is fixed, the tokens known before stay valid");
        }
        *logged = fault;
    }

    /// Rejects requests without a token although no token is known: the unusable file shows that tokens are wanted.
    pub(in crate::tokens) fn close(&self) {
        let mut table = self.table.write();
        if table.state != State::Required {
            table.state = State::Required;
            drop(table);
            self.changes.send_replace(());
        }
    }

    /// Applies new content of the file.
    ///
    /// # Errors
    /// A message if the file is missing after having held tokens, or tokens must not be turned off.
    pub(in crate::tokens) fn apply(
        &self,
        data: &Path,
        content: Content,
        stamp: Option<Stamp>,
    ) -> Result<(), String> {
        let new = Table::new(content, stamp);
        let mut table = self.table.write();
        match (table.state, new.state) {
            (State::Required, State::Absent) => {
                let path = data.join(data_dir::TOKENS);
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
            // The tokens are valid all the same; only a later loss of the file would go unnoticed.
            tracing::warn!(%error, "cannot create the marker of the token file");
        }
        tracing::info!(
            tokens = new.tokens.len(),
            required = new.state == State::Required,
            "tokens reloaded"
        );
        self.note_uses(&table);
        self.uses.retain(|hash| new.tokens.contains_key(hash));
        *table = new;
        drop(table);
        self.changes.send_replace(());
        Ok(())
    }
}

/// The token, unless it is unknown or has expired.
fn valid(token: Option<Token>) -> Result<Token, Rejection> {
    match token {
        Some(token) if token.expires.is_none() || !token.has_expired(SystemTime::now()) => {
            Ok(token)
        }
        Some(token) => Err(Rejection::Expired(token)),
        None => Err(Rejection::Unknown),
    }
}

fn by_hash(entries: Vec<Entry>) -> HashMap<Hash, Known> {
    let known = |entry: Entry| {
        let is_used = AtomicBool::new(false);
        let token = entry.token;
        (entry.hash, Known { token, is_used })
    };
    entries.into_iter().map(known).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
