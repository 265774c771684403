//! The index of every event.
