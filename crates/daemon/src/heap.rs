//! The heap of every daemon: one allocator that gives memory back, on pages of the ordinary size.
//!
//! With transparent huge pages a heap of a few megabytes is resident as tens of them, since each page that is touched
//! counts as 2 MiB.

/// Returns memory to the system sooner than glibc's, and keeps one heap for all threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps the kernel from backing this process with huge pages; to be called before much is allocated.
pub(crate) fn use_small_pages() {
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "huge pages stay on; this process takes more memory than it needs");
    }
}
