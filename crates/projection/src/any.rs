//! Read models of different kinds in one list.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use brainops_event::Offset;
use brainops_log::{Cluster, ReadOnlyCluster, Registry};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::align::{AlignError, compare_aligned};
use crate::compare::{CompareLimits, Comparison};
use crate::generation::Generation;
use crate::install::{InstallError, install};
use crate::model::ReadModel;
use crate::moment::{
    MomentError, MomentQuestion, MomentState, MomentWanted, ResolvedMoment, offer_moment, resolve_moment,
};
use crate::parked::ParkedSubject;
use crate::rebuild::{RebuildError, Request, Workshop, begin_rebuild, work_on_rebuild};
use crate::run::RunOptions;
use crate::run_error::RunError;
use crate::supervise::run;
use crate::tried::{Tried, TryError, try_parked};
use crate::verify::{Verification, VerifyError, verify};

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

    /// See [`begin_rebuild`].
    fn begin_rebuild<'a>(
        &'a self,
        shop: &'a Workshop,
        request: Request,
    ) -> Boxed<'a, Result<Generation, RebuildError>>;

    /// See [`work_on_rebuild`].
    fn work_on_rebuild(
        &self,
        shop: Workshop,
        generation: Generation,
        stop: CancellationToken,
    ) -> Boxed<'static, Result<(), RebuildError>>;

    /// See [`compare_aligned`].
    fn compare_aligned<'a>(
        &'a self,
        shop: &'a Workshop,
        still: &'a Generation,
        moved: &'a Generation,
        limits: CompareLimits,
        stop: &'a CancellationToken,
    ) -> Boxed<'a, Result<Comparison, AlignError>>;

    /// See [`verify`].
    fn verify<'a>(
        &'a self,
        shop: &'a Workshop,
        limits: CompareLimits,
        stop: &'a CancellationToken,
    ) -> Boxed<'a, Result<Verification, VerifyError>>;

    /// See [`resolve_moment`].
    fn resolve_moment<'a>(
        &'a self,
        shop: &'a Workshop,
        question: &'a MomentQuestion,
    ) -> Boxed<'a, Result<ResolvedMoment, MomentError>>;

    /// See [`offer_moment`].
    fn offer_moment<'a>(
        &'a self,
        shop: &'a Workshop,
        moment: &'a ResolvedMoment,
        wanted: MomentWanted<'a>,
    ) -> Boxed<'a, Result<MomentState, MomentError>>;

    /// See [`try_parked`].
    fn try_parked<'a>(
        &'a self,
        log: &'a ReadOnlyCluster,
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

    fn begin_rebuild<'a>(
        &'a self,
        shop: &'a Workshop,
        request: Request,
    ) -> Boxed<'a, Result<Generation, RebuildError>> {
        Box::pin(begin_rebuild(&*self.0, shop, request))
    }

    fn work_on_rebuild(
        &self,
        shop: Workshop,
        generation: Generation,
        stop: CancellationToken,
    ) -> Boxed<'static, Result<(), RebuildError>> {
        Box::pin(work_on_rebuild(self.0.clone(), shop, generation, stop))
    }

    fn compare_aligned<'a>(
        &'a self,
        shop: &'a Workshop,
        still: &'a Generation,
        moved: &'a Generation,
        limits: CompareLimits,
        stop: &'a CancellationToken,
    ) -> Boxed<'a, Result<Comparison, AlignError>> {
        Box::pin(compare_aligned(&self.0, shop, (still, moved), limits, stop))
    }

    fn verify<'a>(
        &'a self,
        shop: &'a Workshop,
        limits: CompareLimits,
        stop: &'a CancellationToken,
    ) -> Boxed<'a, Result<Verification, VerifyError>> {
        Box::pin(verify(self.0.clone(), shop, limits, stop))
    }

    fn resolve_moment<'a>(
        &'a self,
        shop: &'a Workshop,
        question: &'a MomentQuestion,
    ) -> Boxed<'a, Result<ResolvedMoment, MomentError>> {
        Box::pin(resolve_moment(&*self.0, shop, question))
    }

    fn offer_moment<'a>(
        &'a self,
        shop: &'a Workshop,
        moment: &'a ResolvedMoment,
        wanted: MomentWanted<'a>,
    ) -> Boxed<'a, Result<MomentState, MomentError>> {
        Box::pin(offer_moment(&*self.0, shop, moment, wanted))
    }

    fn try_parked<'a>(
        &'a self,
        log: &'a ReadOnlyCluster,
        registry: &'a Registry,
        parked: &'a ParkedSubject,
        dismissed: &'a BTreeSet<Offset>,
    ) -> Boxed<'a, Result<Tried, TryError>> {
        Box::pin(try_parked(&*self.0, log, registry, parked, dismissed))
    }
}
