//! Work that takes the processor for long, without keeping others from theirs.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does work that may take the processor for many milliseconds. What else this worker thread has to do goes to another
/// thread meanwhile, so that the operating system shares the processors between the two.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|it| it.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // There is no other thread to hand anything to.
        _ => work(),
    }
}
