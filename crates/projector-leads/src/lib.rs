//! Leads, their stages and the funnel.
