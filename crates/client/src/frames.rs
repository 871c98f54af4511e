//! Lists and watches between daemons of one process: the server's own objects, decoded once and shared.
//!
//! A transport inside the process adds [`Wanted`] to a request's extensions. The server then may answer a list or a
//! watch with [`Listed`] or [`Watched`] in the response's extensions instead of bytes, so that ten caches in one
//! process hold one copy of each object.

use api::Object;
use futures::stream::BoxStream;
use std::sync::{Arc, Mutex};

/// In a request's extensions: the caller takes frames instead of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Wanted;

/// What happened to an object, with the object as it is now (as it last was, for a removal).
#[derive(Clone, Debug)]
pub enum Frame {
    /// It came to be, or began to match the selector.
    Added(Arc<Object>),
    /// It changed.
    Modified(Arc<Object>),
    /// It went, or ceased to match. The metadata carries the revision of the removal.
    Deleted(Arc<Object>),
    /// Everything up to this revision has been sent.
    Bookmark(u64),
}

/// In a response's extensions: a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The revision at which this was the list.
    pub revision: u64,
    /// The objects.
    pub items: Vec<Arc<Object>>,
}

/// The frames of a watch; an error ends it.
pub type Stream = BoxStream<'static, Result<Frame, api::ApiError>>;

/// In a response's extensions: a watch. The receiver takes the stream out.
#[derive(Clone)]
pub struct Watched(Arc<Mutex<Option<Stream>>>);

impl Watched {
    /// Wraps a stream.
    pub fn new(stream: Stream) -> Self {
        Self(Arc::new(Mutex::new(Some(stream))))
    }

    /// The stream, once.
    pub fn take(&self) -> Option<Stream> {
        self.0.lock().expect("nobody panics while holding this lock").take()
    }
}
