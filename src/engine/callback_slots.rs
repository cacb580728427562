//! Decides which callbacks may be sent at once, so that no receiver delays the others. Does no I/O.
//!
//! Receivers are distinguished by origin (scheme, host and port). An attempt takes one of a few shared slots. If it has
//! not ended after [`SLOW_AFTER`], it moves to one of the slots for slow origins. Attempts at an origin that was slow
//! start in those slots, and an origin that did not answer at all gets a single attempt at a time, until the origin
//! answers promptly again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::job::Seq;

/// Maximum concurrent attempts at origins that are not known to be slow.
const SHARED: usize = 32;
/// Maximum concurrent attempts at slow origins.
const ASIDE: usize = 128;
/// An origin is slow if an attempt at it takes longer than this.
pub(super) const SLOW_AFTER: Duration = Duration::from_secs(2);
/// Maximum number of slow origins remembered, more than can have attempts under way.
const REMEMBERED: usize = 1024;

/// How quickly an origin answered an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Within [`SLOW_AFTER`], or the origin could not be called at all.
    Prompt,
    /// Later than [`SLOW_AFTER`].
    Slow,
    /// Not before the attempt timed out.
    Silent,
}

#[derive(Debug)]
struct Attempt {
    origin: Arc<str>,
    is_aside: bool,
    /// Whether the attempt belongs into a slow slot. It may have become slow when all of those were taken.
    is_slow: bool,
}

/// The attempts under way, and the origins that are known to be slow.
#[derive(Debug)]
pub(super) struct Slots {
    per_origin: usize,
    attempts: HashMap<Seq, Attempt>,
    /// The number of attempts under way at each origin.
    busy: HashMap<Arc<str>, usize>,
    /// The number of attempts in slow slots.
    aside: usize,
    /// Origins whose last answer was not prompt.
    slow: HashMap<Arc<str>, Pace>,
}

impl Slots {
    /// Allows `per_origin` concurrent attempts at each origin.
    pub(super) fn new(per_origin: usize) -> Self {
        Self {
            per_origin,
            attempts: HashMap::new(),
            busy: HashMap::new(),
            aside: 0,
            slow: HashMap::new(),
        }
    }

    /// Changes how many attempts at one origin may be under way at once.
    pub(super) fn set_per_host(&mut self, per_origin: usize) {
        self.per_origin = per_origin;
    }

    /// How many more attempts may begin at origins that are not known to be slow.
    pub(super) fn free(&self) -> usize {
        SHARED.saturating_sub(self.attempts.len() - self.aside)
    }

    /// How many callbacks of one origin to look up. Some of them may be under way.
    pub(super) fn per_origin(&self) -> usize {
        self.per_origin.min(SHARED + ASIDE)
    }

    /// The origins that may not take a shared slot: slow ones, and those with the maximum of attempts under way.
    pub(super) fn passed_over(&self) -> HashSet<Arc<str>> {
        let full = self.busy.keys().filter(|origin| self.room(origin) == 0);
        self.slow.keys().chain(full).map(Arc::clone).collect()
    }

    /// The slow origins that may be called now.
    pub(super) fn slow_with_room(&self) -> Vec<Arc<str>> {
        if self.aside >= ASIDE {
            return Vec::new();
        }
        let origins = self.slow.keys().filter(|origin| self.room(origin) > 0);
        origins.map(Arc::clone).collect()
    }

    /// How many more attempts the limit of the origin allows, regardless of free slots.
    fn room(&self, origin: &str) -> usize {
        let most = match self.slow.get(origin) {
            Some(Pace::Silent) => 1,
            _ => self.per_origin,
        };
        most.saturating_sub(self.busy.get(origin).copied().unwrap_or_default())
    }

    /// Begins an attempt if it may begin now, and returns whether it did.
    pub(super) fn begin(&mut self, seq: Seq, origin: &Arc<str>) -> bool {
        let is_aside = self.slow.contains_key(origin);
        let is_full = if is_aside {
            self.aside >= ASIDE
        } else {
            self.free() == 0
        };
        if is_full || self.room(origin) == 0 || self.attempts.contains_key(&seq) {
            return false;
        }
        let attempt = Attempt {
            origin: Arc::clone(origin),
            is_aside,
            is_slow: is_aside,
        };
        self.attempts.insert(seq, attempt);
        self.aside += usize::from(is_aside);
        *self.busy.entry(Arc::clone(origin)).or_default() += 1;
        true
    }

    /// Marks an attempt as slow: it moves to a slow slot, now or once one is free.
    pub(super) fn has_become_slow(&mut self, seq: Seq) {
        if let Some(attempt) = self.attempts.get_mut(&seq) {
            attempt.is_slow = true;
        }
        self.move_aside();
    }

    /// Ends an attempt and frees its slot.
    pub(super) fn end(&mut self, seq: Seq, pace: Pace) {
        let Some(attempt) = self.attempts.remove(&seq) else {
            return;
        };
        if let Some(busy) = self.busy.get_mut(&attempt.origin) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&attempt.origin);
            }
        }
        if attempt.is_aside {
            self.aside -= 1;
            self.move_aside();
        }
        if pace == Pace::Prompt {
            self.slow.remove(&attempt.origin);
            return;
        }
        if self.slow.len() >= REMEMBERED {
            let idle = self
                .slow
                .keys()
                .find(|origin| !self.busy.contains_key(*origin));
            if let Some(idle) = idle.map(Arc::clone) {
                self.slow.remove(&idle);
            }
        }
        self.slow.insert(attempt.origin, pace);
    }

    fn move_aside(&mut self) {
        let waiting = self
            .attempts
            .values_mut()
            .filter(|one| one.is_slow && !one.is_aside);
        for attempt in waiting.take(ASIDE.saturating_sub(self.aside)) {
            attempt.is_aside = true;
            self.aside += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: i64) -> Arc<str> {
        format!("http://{number}").into()
    }

    #[test]
    fn unresponsive_origin_gets_one_attempt_until_it_responds() {
        let mut slots = Slots::new(2);
        let a = origin(1);
        assert!(slots.begin(Seq(1), &a) && !slots.begin(Seq(1), &a));
        assert!(slots.begin(Seq(2), &a) && !slots.begin(Seq(3), &a));
        assert!(slots.begin(Seq(4), &origin(2)));
        slots.end(Seq(1), Pace::Silent);
        assert!(!slots.begin(Seq(3), &a), "an attempt is under way");
        assert!(slots.passed_over().contains(&a) && slots.slow_with_room().is_empty());
        slots.end(Seq(2), Pace::Silent);
        assert_eq!(slots.slow_with_room(), [Arc::clone(&a)]);
        assert!(slots.begin(Seq(3), &a) && !slots.begin(Seq(5), &a));
        assert_eq!(slots.free(), SHARED - 1, "the attempt is in a slow slot");
        slots.end(Seq(3), Pace::Prompt);
        assert!(slots.begin(Seq(5), &a) && slots.begin(Seq(6), &a));
        assert_eq!(slots.free(), SHARED - 3);
    }

    #[test]
    fn slow_attempts_free_shared_slots_while_reserve_slots_remain() {
        let mut slots = Slots::new(1);
        let mut seq = 0;
        let mut fill = |slots: &mut Slots| {
            let from = seq;
            while slots.free() > 0 {
                seq += 1;
                assert!(slots.begin(Seq(seq), &origin(seq)));
            }
            assert!(!slots.begin(Seq(0), &origin(0)));
            from + 1..=seq
        };
        for _ in 0..ASIDE / SHARED {
            for seq in fill(&mut slots) {
                slots.has_become_slow(Seq(seq));
            }
        }
        // All slow slots are taken; further slow attempts keep their shared slots.
        for seq in fill(&mut slots) {
            slots.has_become_slow(Seq(seq));
        }
        assert_eq!((slots.free(), slots.aside), (0, ASIDE));
        slots.end(Seq(1), Pace::Slow);
        assert_eq!((slots.free(), slots.aside), (1, ASIDE));
        for seq in 2..=seq {
            slots.end(Seq(seq), Pace::Silent);
        }
        assert_eq!((slots.free(), slots.aside), (SHARED, 0));
        assert!(slots.attempts.is_empty() && slots.busy.is_empty());
    }

    #[test]
    fn remembered_slow_origins_are_bounded() {
        let mut slots = Slots::new(1);
        for seq in 0..2 * REMEMBERED as i64 {
            assert!(slots.begin(Seq(seq), &origin(seq)));
            slots.end(Seq(seq), Pace::Silent);
        }
        assert_eq!(slots.slow.len(), REMEMBERED);
    }
}
