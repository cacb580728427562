//! Who may ask: tokens, as a running server knows them. Kept as hashes in a file of the data folder, which
//! `cloakroom token` edits; read again when it has changed.
//!
//! **Invariant**: the text of a token is never stored, logged or shown, but for the one time when it is made.
//!
//! A token is 256 random bits, so one plain SHA-256 of it is as good as any slow hash, and looking that up in a table
//! tells nothing by how long it takes.

mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

pub(crate) use file::FILE;
use file::{Entry, Stamp};
pub use file::{Error, add, list, remove};

/// What the token of a single run is called, whichever run it is: so that its jobs are there in the next.
pub(crate) const RUN_NAME: &str = "launcher";
/// How soon a token that was removed is refused: how often the file is looked at, at most.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What every token begins with, for people and for scanners of leaked secrets.
const PREFIX: &str = "cloakroom_";

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

/// The tokens of one server.
#[derive(Debug)]
pub struct Tokens {
    path: Option<PathBuf>,
    run: Option<RunToken>,
    table: RwLock<Table>,
    begun: Instant,
    /// When the file was last looked at, in milliseconds from the begin.
    looked_ms: AtomicU64,
}

/// The token of a single run.
struct RunToken {
    text: String,
    hash: Hash,
    token: Token,
}

impl std::fmt::Debug for RunToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunToken")
    }
}

#[derive(Debug, Default)]
struct Table {
    tokens: HashMap<Hash, Token>,
    stamp: Option<Stamp>,
    /// There were tokens once: when the last one goes, nobody may ask any longer.
    required: bool,
}

impl Tokens {
    /// None, and there will never be any.
    pub fn none() -> Self {
        Self {
            path: None,
            run: None,
            table: RwLock::default(),
            begun: Instant::now(),
            looked_ms: AtomicU64::new(0),
        }
    }

    /// Those of a data folder, which need not be there yet.
    ///
    /// # Errors
    /// A file that cannot be read, or a line of it.
    pub fn open(data: &Path) -> Result<Self, Error> {
        let path = data.join(FILE);
        let (entries, stamp) = file::read(&path)?;
        Ok(Self {
            table: RwLock::new(Table {
                required: !entries.is_empty(),
                tokens: by_hash(entries),
                stamp,
            }),
            path: Some(path),
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

    /// Whether there are tokens, so that nobody may ask without one. Once there are, it stays so.
    pub(crate) fn are_required(&self) -> bool {
        self.look_now_and_then();
        self.run.is_some() || self.table.read().required
    }

    /// Whose token this is. A new one is good at once, a removed one for a second at most.
    pub(crate) fn find(&self, text: &str) -> Option<(Hash, Token)> {
        self.look_now_and_then();
        let hash = hash(text);
        let found = self.at(&hash).or_else(|| {
            self.look();
            self.at(&hash)
        });
        found.map(|token| (hash, token))
    }

    /// The token with this hash, if it is still there.
    pub(crate) fn with_hash(&self, hash: &Hash) -> Option<Token> {
        self.look_now_and_then();
        self.at(hash)
    }

    /// Whether somebody of this name may still ask, and see as much. For whoever has asked and is still being told.
    pub(crate) fn knows(&self, name: &str, admin: bool) -> bool {
        self.look_now_and_then();
        let is = |token: &Token| *token.name == *name && token.admin == admin;
        self.run.as_ref().is_some_and(|run| is(&run.token))
            || self.table.read().tokens.values().any(is)
    }

    fn at(&self, hash: &Hash) -> Option<Token> {
        match &self.run {
            Some(run) if run.hash == *hash => Some(run.token.clone()),
            _ => self.table.read().tokens.get(hash).cloned(),
        }
    }

    /// Looks at the file unless somebody did so a moment ago: most requests cost a look at the clock.
    fn look_now_and_then(&self) {
        let now_ms = self.begun.elapsed().as_millis() as u64;
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        let is_time = now_ms.saturating_sub(looked_ms) >= LOOK_AGAIN.as_millis() as u64;
        let mine = || {
            self.looked_ms
                .compare_exchange(looked_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed)
        };
        if is_time && mine().is_ok() {
            self.look();
        }
    }

    /// Reads the file again if it is another than last time. What cannot be read lets nobody in.
    fn look(&self) {
        let Some(path) = &self.path else { return };
        let stamp = file::stamp(path);
        if self.table.read().stamp == stamp {
            return;
        }
        let (entries, stamp) = file::read_leniently(path);
        let mut table = self.table.write();
        tracing::info!(tokens = entries.len(), "the tokens have changed");
        table.required |= !entries.is_empty();
        table.tokens = by_hash(entries);
        table.stamp = stamp;
    }
}

fn by_hash(entries: Vec<Entry>) -> HashMap<Hash, Token> {
    let tokens = entries.into_iter();
    tokens.map(|entry| (entry.hash, entry.token)).collect()
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// The text of a new token.
fn fresh() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::Random(e.to_string()))?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_as_long_as_its_line_is_there() {
        let data = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(data.path()).expect("no file is fine");
        assert!(!tokens.are_required());
        let anna = add(data.path(), "anna", false).expect("a token");
        let (hash, token) = tokens.find(&anna).expect("it is good at once");
        assert_eq!((&*token.name, token.admin), ("anna", false));
        assert!(tokens.are_required());
        assert!(tokens.find(&anna[..anna.len() - 1]).is_none());
        assert!(tokens.find(&format!("{anna}x")).is_none());
        assert!(tokens.find("").is_none());
        remove(data.path(), "anna").expect("it was there");
        tokens.look();
        assert!(tokens.with_hash(&hash).is_none());
        assert!(
            tokens.are_required(),
            "removing the last token opens nothing"
        );
    }

    #[test]
    fn a_runs_own_token_is_in_no_file() {
        let data = tempfile::tempdir().expect("a folder");
        let tokens = Tokens::open(data.path())
            .and_then(Tokens::with_run_token)
            .expect("randomness");
        let text = tokens.run_token().expect("it has one").to_owned();
        assert!(tokens.are_required() && !data.path().join(FILE).exists());
        let (_, token) = tokens.find(&text).expect("it is good");
        assert_eq!((&*token.name, token.admin), (RUN_NAME, true));
        assert!(!format!("{tokens:?}").contains(&text), "not even in a log");
    }
}
