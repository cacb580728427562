//! The effect of crashes on the expiry of jobs, on a simulated disk.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::engine::test_job::a_job;
use crate::job::{Outcome, WallMs};
use crate::plan::ClockSchedule;

const TIMEOUT_MS: i64 = 100_000;
/// Interval of the simulated sweeper, in milliseconds.
const STEP_MS: i64 = 250;
/// Sum of the sweeper's interval, the accuracy of stored times and the duration of a step, in milliseconds.
const TOLERANCE_MS: i64 = STEP_MS + WORTH_MS + 500;

/// One run of a server; times are in milliseconds.
#[derive(Debug, Clone)]
struct Life {
    length: i64,
    crashes: bool,
    /// Times of touches, with the index of the touched job.
    touches: Vec<(i64, usize)>,
}

fn life() -> impl Strategy<Value = Life> {
    let length = prop_oneof![0..5000_i64, 0..60_000_i64, 0..300_000_i64];
    (length, any::<bool>()).prop_flat_map(|(length, crashes)| {
        let touches = vec((0..=length, 1..4_usize), 0..20);
        touches.prop_map(move |touches| Life {
            length,
            crashes,
            touches,
        })
    })
}

/// An ended job: its row, and its history for the assertions.
#[derive(Debug, Default)]
struct Row {
    due: i64,
    /// Times of touches, in total uptime.
    touched: Vec<i64>,
    /// The last touch that no crash has lost.
    last: i64,
    /// The last touch that was stored or too small to be stored.
    kept: i64,
    expired: Option<i64>,
}

/// The disk, and the total uptime of servers.
#[derive(Debug, Default)]
struct World {
    clock: i64,
    up: i64,
    rows: Vec<Row>,
    /// Times of crashes, with the time that the clock lost.
    lost: Vec<(i64, i64)>,
}

impl World {
    fn job(&self, number: usize) -> Job {
        Job {
            state: State::Ended {
                started: None,
                finished: WallMs(0),
                expires: WallMs(0),
                due: IdleMs(self.rows[number].due),
                outcome: Outcome::Canceled,
            },
            ..a_job(number as i64)
        }
    }

    fn store(&mut self, tracker: &IdleTracker, uses: &[(Seq, IdleMs)]) {
        for (seq, due) in uses {
            let row = &mut self.rows[seq.0 as usize];
            row.due = row.due.max(due.0);
            tracker.written(*seq, *due);
        }
    }

    fn run(&mut self, life: &Life) {
        let clock = Arc::new(IdleClock::new(IdleMs(self.clock)));
        let tracker = IdleTracker::new(
            Arc::clone(&clock),
            IdleTimeouts {
                by_operation: HashMap::new(),
                default: TIMEOUT_MS,
            },
        );
        let mut schedule = ClockSchedule::start(clock.now());
        let mut touches = life.touches.clone();
        touches.sort_unstable();
        let mut touches = touches.into_iter().peekable();
        let (begun, mut stored_at) = (self.up, self.up);
        let mut passed = 0;
        loop {
            while let Some((_, number)) = touches.next_if(|(at, _)| *at <= passed) {
                if self.rows[number].expired.is_none() && tracker.touch(&self.job(number)) {
                    self.rows[number].touched.push(self.up);
                    self.rows[number].last = self.up;
                }
            }
            for number in 0..self.rows.len() {
                let (seq, due) = (Seq(number as i64), IdleMs(self.rows[number].due));
                if due > clock.now() || self.rows[number].expired.is_some() {
                    continue;
                }
                match tracker.judge(seq, "zip", due) {
                    Verdict::Expire => self.rows[number].expired = Some(self.up),
                    Verdict::Rearm(due) => self.store(&tracker, &[(seq, due)]),
                }
            }
            let now = clock.now();
            if schedule.next(now, IdleMs(self.clock), tracker.has_waiting()) <= now {
                let uses = tracker.worth_storing(usize::MAX);
                self.store(&tracker, &uses.due);
                schedule.has_stored(now, IdleMs(self.clock));
                self.clock = now.0;
                stored_at = self.up;
                for row in &mut self.rows {
                    row.kept = row.last;
                }
            }
            if passed >= life.length {
                break;
            }
            let step = STEP_MS.min(life.length - passed);
            clock.advance(step);
            passed += step;
            self.up += step;
        }
        if life.crashes {
            let lost = self.up - stored_at;
            assert!(lost <= (self.up - begun) / 2 + 1000 + STEP_MS, "{lost}");
            assert!(lost <= 60_000 + STEP_MS, "{lost}");
            self.lost.push((self.up, lost));
            for row in &mut self.rows {
                row.last = row.kept;
            }
        } else {
            self.store(&tracker, &tracker.touched());
            self.clock = clock.now().0;
            for row in &mut self.rows {
                row.kept = row.last;
            }
        }
    }

    /// The time that the clock lost between two times.
    fn lost(&self, from: i64, to: i64) -> i64 {
        let lost = self.lost.iter();
        let within = lost.filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, lost)| lost).sum()
    }
}

proptest! {
    #[test]
    fn crash_delays_expiry_at_most_by_the_lost_clock_time(
        lives in vec(life(), 1..12),
    ) {
        let row = || Row { due: TIMEOUT_MS, ..Row::default() };
        let mut world = World {
            rows: (0..4).map(|_| row()).collect(),
            ..World::default()
        };
        for life in &lives {
            world.run(life);
        }
        prop_assert!(world.rows[0].due == TIMEOUT_MS, "the job was never touched");
        world.run(&Life { length: 3 * TIMEOUT_MS, crashes: false, touches: Vec::new() });
        for row in &world.rows {
            let expired = row.expired.expect("crashes do not keep a job from expiring");
            let earliest = row.kept + TIMEOUT_MS + world.lost(row.kept, expired);
            prop_assert!(expired >= earliest - 2 * TOLERANCE_MS, "{row:?}");
            let last = row.touched.last().copied().unwrap_or(0);
            let latest = last + TIMEOUT_MS + world.lost(0, expired);
            prop_assert!(expired <= latest + TOLERANCE_MS, "{row:?}");
        }
    }
}
