//! Memory that the allocator keeps although nobody uses it.

/// Gives it back to the system, where the allocator can: what a start or a large job has needed would stay with an idle
/// server otherwise. Takes some milliseconds.
pub(crate) fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "the C library has no safe function for it")]
    // SAFETY: it may be called at any time, from any thread, and touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
