//! Alerts and incidents.
