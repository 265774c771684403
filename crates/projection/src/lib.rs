//! Runs folds: batches, checkpoints, generations.
