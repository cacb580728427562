//! The thread on which commands are spawned. It starts with the first command and lives as long as the process.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use parking_lot::Mutex;

use crate::failpoints;
use crate::vital::Vital;

type Task = Box<dyn FnOnce() + Send>;

static SPAWNER: Mutex<Option<Sender<Task>>> = Mutex::new(None);

/// Runs a task on the thread and waits for its result. If the thread has panicked, which kills the commands that it
/// started, the server fails.
pub(super) fn run<T: Send + 'static>(
    vital: &Vital,
    task: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (answer, answered) = channel();
    let task = Box::new(move || {
        // The caller is waiting for the result.
        let _ = answer.send(task());
    });
    let mut spawner = SPAWNER.lock();
    let spawner = match &mut *spawner {
        Some(spawner) => spawner,
        none => none.insert(start(vital)?),
    };
    // All servers of this process share the thread, but its panic was reported to one of them only.
    let gone = || {
        let reason = "the thread that starts commands has ended";
        vital.fail(reason.to_owned());
        io::Error::other(reason)
    };
    spawner.send(task).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn start(vital: &Vital) -> io::Result<Sender<Task>> {
    let (spawner, tasks) = channel::<Task>();
    let work = move || {
        for task in tasks {
            failpoints::panic_point("command-spawner");
            task();
        }
    };
    vital.thread("command-spawner", thread::Builder::new(), work)?;
    Ok(spawner)
}
