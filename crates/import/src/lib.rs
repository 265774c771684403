//! Imports of history: git repositories and lead lists.
