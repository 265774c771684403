//! The doors on the real stack: what goes in through them stands in the log, and comes out of the read models.
mod deliveries;
mod leads;
mod readiness;
mod support;
