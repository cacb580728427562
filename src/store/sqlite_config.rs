//! Settings of SQLite for the whole process.

use rusqlite::ffi;

/// Turns off SQLite's statistics of its memory, which are never read and cost a mutex around every allocation. Builds in
/// the folder of the sources leave them out; those of `cargo install` do not know its flags.
///
/// Only the program does this, before it starts threads: a library cannot know whether its process uses SQLite already.
pub(crate) fn disable_memory_statistics() {
    #[allow(unsafe_code, reason = "rusqlite has no safe function for it")]
    // SAFETY: no other thread exists that could use SQLite meanwhile. If SQLite is initialized already, the call has no
    // effect and reports misuse.
    unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0);
    }
}
