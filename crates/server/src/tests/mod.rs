//! The doors from the outside: requests go through the router, events come to rest in memory.
mod alertmanager;
mod events;
mod github;
mod github_push;
mod manners;
mod moments;
mod queries;
mod seal;
mod support;
