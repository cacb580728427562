//! [`Tokens`]: the tokens of a running server, reloaded when the token file changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::data_dir;
use crate::store::TokensAtStart;
use crate::tokens::file;
use crate::tokens::file::{Content, Entry, Error, Stamp};
use crate::tokens::token::{Hash, RUN_NAME, Token, TokenKind};

/// How often the token file is checked, and so how long a removed token may stay valid.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a wait for a token's expiry lasts at most before the clock is read again, since the clock may be set.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// The prefix of all tokens, for people and for secret scanners.
pub(in crate::tokens) const PREFIX: &str = "cloakroom_";

/// The fewest characters of a chosen token: 16 bytes in base64.
const MIN_CHOSEN_CHARS: usize = 22;
/// The most characters of a chosen token, which must fit into the head of a request.
pub(crate) const MAX_CHOSEN_CHARS: usize = 512;
/// The fewest different characters of a chosen token. Of random tokens with 32 hex digits, one in five billion has fewer.
const MIN_CHOSEN_KINDS: usize = 7;

/// Why a request was admitted. Its streams end when the grant is no longer valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The route needs no token.
    Open,
    /// Tokens are not required.
    NoTokens,
    /// The request had this token. A new token with the same name has a different hash.
    Token(Hash, Token),
}

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
        }
    }

    /// The tokens of a data folder, which need not exist yet.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Line`], [`Error::Empty`] or [`Error::Missing`].
    pub fn open(data: &Path) -> Result<Self, Error> {
        let (content, stamp) = file::read(data)?;
        Ok(Self {
            table: RwLock::new(Table::new(content, stamp)),
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
        let found = self.with_hash(&hash).or_else(|rejection| {
            self.reload();
            self.with_hash(&hash).map_err(|_| rejection)
        });
        found.map(|token| (hash, token))
    }

    /// The token with this hash.
    ///
    /// # Errors
    /// [`Rejection`] if no token has this hash, or the token has expired.
    pub(crate) fn with_hash(&self, hash: &Hash) -> Result<Token, Rejection> {
        match self.known(hash) {
            Some(token) if token.expires.is_none() || !token.has_expired(SystemTime::now()) => {
                Ok(token)
            }
            Some(token) => Err(Rejection::Expired(token)),
            None => Err(Rejection::Unknown),
        }
    }

    /// The token with this hash, even if it has expired.
    fn known(&self, hash: &Hash) -> Option<Token> {
        match &self.run {
            Some(run) if run.hash == *hash => Some(run.token.clone()),
            _ => self.table.read().tokens.get(hash).cloned(),
        }
    }

    /// Completes when a grant is no longer valid.
    pub(crate) async fn ended(&self, grant: &Grant) {
        let mut changes = self.changes.subscribe();
        while self.holds(grant) {
            let next = changes.changed();
            let Some(left) = self.time_left(grant) else {
                if next.await.is_err() {
                    // Not reached: `self` owns the sender.
                    return;
                }
                continue;
            };
            let left = left.min(CLOCK_CHECK_INTERVAL);
            // The end of the time is no error: the grant is checked again.
            let _ = tokio::time::timeout(left, next).await;
        }
    }

    /// The time until the grant's token expires.
    fn time_left(&self, grant: &Grant) -> Option<Duration> {
        let Grant::Token(hash, _) = grant else {
            return None;
        };
        let end = self.known(hash)?.expires?;
        Some(end.duration_since(SystemTime::now()).unwrap_or_default())
    }

    pub(in crate::tokens) fn holds(&self, grant: &Grant) -> bool {
        match grant {
            Grant::Open => true,
            Grant::NoTokens => !self.are_required(),
            // A token that has been replaced by another one is still the same token, with an earlier end.
            Grant::Token(hash, token) => self
                .with_hash(hash)
                .is_ok_and(|now| now.name == token.name && now.kind == token.kind),
        }
    }

    /// Reloads the file when it changes, checking every second for as long as this is polled.
    pub(crate) async fn keep_reloading(&self) {
        if self.data.is_none() {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.reload();
        }
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

/// Checks a token that a program chose.
///
/// # Errors
/// What is wrong with it.
fn check_strength(text: &str) -> Result<(), &'static str> {
    let is_sendable = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let mut kinds: Vec<_> = text.bytes().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if !text.bytes().all(is_sendable) {
        Err("has a character other than letters, digits and -._~+/=")
    } else if text.len() < MIN_CHOSEN_CHARS {
        Err("has fewer than 22 characters")
    } else if text.len() > MAX_CHOSEN_CHARS {
        Err("has more than 512 characters")
    } else if kinds.len() < MIN_CHOSEN_KINDS {
        Err("has fewer than 7 different characters")
    } else {
        Ok(())
    }
}

/// The text of a new token.
pub(in crate::tokens) fn generate() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::Random(e.to_string()))?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
