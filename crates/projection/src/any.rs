//! Read models of different kinds in one list.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use brainops_event::Offset;
use brainops_log::{Cluster, Registry};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::generation::Generation;
use crate::install::{InstallError, install};
use crate::model::ReadModel;
use crate::parked::ParkedSubject;
use crate::run::{RunOptions, run};
use crate::run_error::RunError;
use crate::tried::{Tried, TryError, try_parked};

/// A future on the heap.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Any read model: what a program needs that installs and runs them all.
pub trait AnyReadModel: Send + Sync {
    /// See [`ReadModel::name`].
    fn name(&self) -> &'static str;

    /// See [`ReadModel::fold_version`].
    fn fold_version(&self) -> u32;

    /// See [`ReadModel::topics`].
    fn topics(&self) -> &'static [&'static str];

    /// See [`install`].
    fn install<'a>(&'a self, pool: &'a PgPool) -> Boxed<'a, Result<Generation, InstallError>>;

    /// See [`run`].
    fn run(
        &self,
        pool: PgPool,
        cluster: Cluster,
        registry: Registry,
        options: RunOptions,
        shutdown: CancellationToken,
    ) -> Boxed<'static, Result<(), RunError>>;

    /// See [`try_parked`].
    fn try_parked<'a>(
        &'a self,
        cluster: &'a Cluster,
        registry: &'a Registry,
        parked: &'a ParkedSubject,
        dismissed: &'a BTreeSet<Offset>,
    ) -> Boxed<'a, Result<Tried, TryError>>;
}

/// Puts a read model into a list.
pub fn any<M: ReadModel>(model: M) -> Box<dyn AnyReadModel> {
    Box::new(Shared(Arc::new(model)))
}

struct Shared<M>(Arc<M>);

impl<M: ReadModel> AnyReadModel for Shared<M> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn fold_version(&self) -> u32 {
        self.0.fold_version()
    }

    fn topics(&self) -> &'static [&'static str] {
        self.0.topics()
    }

    fn install<'a>(&'a self, pool: &'a PgPool) -> Boxed<'a, Result<Generation, InstallError>> {
        Box::pin(install(pool, &*self.0))
    }

    fn run(
        &self,
        pool: PgPool,
        cluster: Cluster,
        registry: Registry,
        options: RunOptions,
        shutdown: CancellationToken,
    ) -> Boxed<'static, Result<(), RunError>> {
        Box::pin(run(self.0.clone(), pool, cluster, registry, options, shutdown))
    }

    fn try_parked<'a>(
        &'a self,
        cluster: &'a Cluster,
        registry: &'a Registry,
        parked: &'a ParkedSubject,
        dismissed: &'a BTreeSet<Offset>,
    ) -> Boxed<'a, Result<Tried, TryError>> {
        Box::pin(try_parked(&*self.0, cluster, registry, parked, dismissed))
    }
}
