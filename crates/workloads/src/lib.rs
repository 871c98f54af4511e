//! The programs inside the images that Skiff ships: `pause`, and the small web app `hello` of the examples.
//!
//! Both are linked statically, so an image is a scratch layer with one file:
//!
//! | image | file | entrypoint | environment |
//! |---|---|---|---|
//! | `skiff/pause:<version>` | `/pause` | `["/pause"]` | none |
//! | `skiff/hello:v1` | `/hello` | `["/hello"]` | `VERSION=v1` |
//! | `skiff/hello:v2` | `/hello` | `["/hello"]` | `VERSION=v2` |
//!
//! `v1` and `v2` hold the same binary: what differs is what it says about itself, enough to watch a rolling update.
//! `build-static.sh` beside this crate builds the two; the launcher packs and imports them.
//!
//! Start at [`hello`], the web app without its sockets. The programs themselves are `src/bin/*.rs`: signals, sockets and
//! the clock, and no decisions. This crate depends on none of the others, and on neither tokio nor an HTTP library: a pod
//! costs one `pause`, so every page of memory counts.

pub mod hello;
