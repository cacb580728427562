//! The thread on which commands are spawned. It is made when the first one is, and stays until the process ends.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use parking_lot::Mutex;

use crate::failpoints;
use crate::vital::Vital;

type Task = Box<dyn FnOnce() + Send>;

static NURSERY: Mutex<Option<Sender<Task>>> = Mutex::new(None);

/// Does something there and waits for it. Where that thread has panicked, so that commands died that it had started, the
/// server fails.
pub(super) fn run<T: Send + 'static>(
    vital: &Vital,
    task: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (answer, answered) = channel();
    let task = Box::new(move || {
        // Whoever asked waits for it.
        let _ = answer.send(task());
    });
    let mut nursery = NURSERY.lock();
    let nursery = match &mut *nursery {
        Some(nursery) => nursery,
        none => none.insert(start(vital)?),
    };
    // It is shared by all servers of this process, and has told one of them only.
    let gone = || {
        let reason = "the thread that starts commands is gone";
        vital.fail(reason.to_owned());
        io::Error::other(reason)
    };
    nursery.send(task).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn start(vital: &Vital) -> io::Result<Sender<Task>> {
    let (nursery, tasks) = channel::<Task>();
    let work = move || {
        for task in tasks {
            failpoints::panic_point("command-nursery");
            task();
        }
    };
    vital.thread("command-nursery", thread::Builder::new(), work)?;
    Ok(nursery)
}
