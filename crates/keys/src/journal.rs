//! The file of the keys on disk: read what others appended, append durably, blot out what was destroyed.
//!
//! | crash, or power cut | afterwards |
//! |---|---|
//! | while lines are being appended | the last, torn line is dropped; lines before it hold keys that nobody used yet |
//! | after the append, before its fsync | the same, or the lines are there whole: harmless, since nobody used them |
//! | after the line "destroyed", before the secret is blotted out | the next opening blots it out |
//!
//! Several processes may share the file. Who appends holds its lock alone; who reads what others appended holds it
//! shared, and brings it to disk before using it, for the writer may have died between its write and its fsync.
//! An fsync that failed is never tried again as if nothing had happened: this process then appends no more.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use brainops_event::KeyError;
use zeroize::Zeroizing;

use crate::folder::{self, unavailable};
use crate::line::{self, BLOT_BYTES, MAX_LINE_BYTES};
use crate::ring::{Place, Ring};

/// How long another process may hold the lock before we give up.
const LOCK_LIMIT: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(2);
const CHUNK_BYTES: usize = 64 * 1024;

pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Bytes of the whole lines that were read or written so far, and their number.
    read: u64,
    lines: usize,
    /// A write or an fsync failed: what is on disk is not known.
    broken: bool,
    /// How often data was brought to disk.
    pub(crate) syncs: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Lock {
    Shared,
    Alone,
}

impl Journal {
    pub(crate) fn open(folder: &Path, path: PathBuf) -> Result<Self, KeyError> {
        folder::prepare(folder)?;
        let file = folder::open(folder, &path)?;
        Ok(Self { file, path, read: 0, lines: 0, broken: false, syncs: 0 })
    }

    /// Does `work` under the file's lock.
    pub(crate) fn locked<T>(
        &mut self,
        lock: Lock,
        work: impl FnOnce(&mut Self) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        self.acquire(lock)?;
        let done = work(self);
        self.file.unlock().map_err(|error| unavailable(&self.path, error))?;
        done
    }

    fn acquire(&self, lock: Lock) -> Result<(), KeyError> {
        let deadline = Instant::now() + LOCK_LIMIT;
        loop {
            let tried = match lock {
                Lock::Shared => self.file.try_lock_shared(),
                Lock::Alone => self.file.try_lock(),
            };
            match tried {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(unavailable(&self.path, error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(folder::locked(&self.path));
                }
                Err(TryLockError::WouldBlock) => sleep(LOCK_PAUSE),
            }
        }
    }

    /// Whether the file has more, or less, than was read.
    pub(crate) fn has_news(&self) -> Result<bool, KeyError> {
        Ok(self.length()? != self.read)
    }

    /// Reads the lines that others appended, and brings them to disk. To be called under the lock.
    pub(crate) fn catch_up(&mut self, ring: &mut Ring) -> Result<(), KeyError> {
        let length = self.length()?;
        if length < self.read {
            return Err(self.damaged(self.lines, "the file ends before it"));
        }
        let before = self.read;
        let mut chunk = Zeroizing::new(vec![0_u8; CHUNK_BYTES]);
        loop {
            let found = self.read_at(&mut chunk, self.read)?;
            let tail = chunk.get(..found).unwrap_or_default();
            let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else {
                self.check_tail(tail)?;
                break;
            };
            self.take_in(tail.get(..end).unwrap_or_default(), ring)?;
        }
        if let Some(line) = ring.unexplained() {
            return Err(self.damaged(line, "its key cannot be read, and no line says that it was destroyed"));
        }
        if self.read > before { self.sync() } else { Ok(()) }
    }

    /// Whole lines; the end of the last one is not in `text`.
    fn take_in(&mut self, text: &[u8], ring: &mut Ring) -> Result<(), KeyError> {
        for bytes in text.split(|byte| *byte == b'\n') {
            let place = Place { number: self.lines + 1, begins: self.read };
            let taken = line::parse(bytes).and_then(|line| ring.apply(line, place));
            taken.map_err(|reason| self.damaged(place.number, reason))?;
            self.lines += 1;
            self.read += bytes.len() as u64 + 1;
        }
        Ok(())
    }

    /// What stands behind the last whole line is an append that never ended, unless it cannot be one.
    fn check_tail(&self, tail: &[u8]) -> Result<(), KeyError> {
        let ends_wrong = tail.split_last().is_some_and(|(_, line)| line::parse(line).is_ok());
        if ends_wrong || tail.len() >= MAX_LINE_BYTES {
            return Err(self.damaged(self.lines + 1, "it does not end where it should"));
        }
        Ok(())
    }

    /// Appends whole lines and brings them to disk, with one write and one fsync. To be called under the lock held
    /// alone, after [`Journal::catch_up`].
    pub(crate) fn append(&mut self, text: &str, ring: &mut Ring) -> Result<(), KeyError> {
        if self.broken {
            return Err(unavailable(
                &self.path,
                "an earlier write failed; start again to read what is there",
            ));
        }
        folder::require_same(&self.path, &self.file)?;
        if let Err(error) = self.write(text) {
            self.broken = true;
            // Best effort: so that no other process takes for durable what may not be.
            let undone = self.file.set_len(self.read).and_then(|()| self.file.sync_data());
            let source = match undone {
                Ok(()) => error,
                Err(second) => io::Error::new(error.kind(), format!("{error}; and undoing it: {second}")),
            };
            return Err(unavailable(&self.path, source));
        }
        self.syncs += 1;
        self.take_in(text.trim_end_matches('\n').as_bytes(), ring)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        if self.file.metadata()?.len() > self.read {
            self.file.set_len(self.read)?;
        }
        self.file.write_all_at(text.as_bytes(), self.read)?;
        self.file.sync_data()
    }

    /// Takes away what an append that never ended has left. To be called under the lock held alone.
    pub(crate) fn drop_torn_tail(&mut self) -> Result<(), KeyError> {
        if self.has_news()? {
            self.file.set_len(self.read).map_err(|error| unavailable(&self.path, error))?;
        }
        Ok(())
    }

    /// Overwrites secrets where they stand. To be called under the lock held alone.
    pub(crate) fn blot(&mut self, places: &[u64]) -> Result<(), KeyError> {
        if places.is_empty() {
            return Ok(());
        }
        for place in places {
            let blotted = self.file.write_all_at(&[b'-'; BLOT_BYTES], *place);
            blotted.map_err(|error| unavailable(&self.path, error))?;
        }
        self.sync()
    }

    fn sync(&mut self) -> Result<(), KeyError> {
        self.syncs += 1;
        self.file.sync_data().map_err(|error| {
            self.broken = true;
            unavailable(&self.path, error)
        })
    }

    fn length(&self) -> Result<u64, KeyError> {
        let metadata = self.file.metadata().map_err(|error| unavailable(&self.path, error))?;
        Ok(metadata.len())
    }

    /// Fills `chunk` as far as the file goes.
    fn read_at(&self, chunk: &mut [u8], from: u64) -> Result<usize, KeyError> {
        let mut found = 0;
        while let Some(rest) = chunk.get_mut(found..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, from + found as u64) {
                Ok(0) => break,
                Ok(more) => found += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unavailable(&self.path, error)),
            }
        }
        Ok(found)
    }

    fn damaged(&self, line: usize, reason: &'static str) -> KeyError {
        KeyError::Damaged { place: self.path.display().to_string(), line, reason }
    }
}
