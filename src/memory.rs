//! Returns free heap memory to the operating system.

/// Returns free heap memory to the system if the allocator supports it. Otherwise an idle server would keep the memory
/// that its start or a large job needed. Takes a few milliseconds.
pub(crate) fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "the C library has no safe function for it")]
    // SAFETY: `malloc_trim` may be called at any time, from any thread, and touches no memory that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
