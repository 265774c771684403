//! `http.fetch`: what allowed hosts serve, and nothing of what stands behind the same wall as we do.
//!
//! A host is looked up once for each hop, all of its addresses have to be public, and the connection goes to one of those that
//! were looked at: a name whose answer changes in between changes nothing. Redirects are followed by us, each hop under the same
//! rules. No proxy of the environment is used.

mod address;
mod fetch;
mod target;

pub(crate) use address::is_this_machine;
pub use fetch::{FetchConfig, HttpFetch, Lookup, SystemLookup};
