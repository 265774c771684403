//! The doors: ingest, webhooks, queries, health.
