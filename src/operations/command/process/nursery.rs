//! The thread on which commands are spawned. It is made when the first one is, and stays until the process ends.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use parking_lot::Mutex;

type Task = Box<dyn FnOnce() + Send>;

static NURSERY: Mutex<Option<Sender<Task>>> = Mutex::new(None);

/// Does something there and waits for it.
pub(super) fn run<T: Send + 'static>(
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
        none => none.insert(start()?),
    };
    let gone = || io::Error::other("the thread that starts commands is gone");
    nursery.send(task).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn start() -> io::Result<Sender<Task>> {
    let (nursery, tasks) = channel::<Task>();
    let work = move || {
        for task in tasks {
            task();
        }
    };
    thread::Builder::new()
        .name("command-nursery".into())
        .spawn(work)?;
    Ok(nursery)
}
