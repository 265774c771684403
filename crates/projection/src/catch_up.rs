//! Folds a generation on from its checkpoints exactly up to a frontier, alone: no group, no outbox, by the same code
//! that folds live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brainops_event::{Frontier, Offset, TopicId};
use brainops_log::{Batch, Reading, read_with};
use chrono::Utc;
use sqlx::AssertSqlSafe;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ahead::{FoldedAhead, Guess, start};
use crate::apply::Applier;
use crate::backoff::Backoff;
use crate::checkpoint::{Asked, Checkpoint, Place};
use crate::generation::Generation;
use crate::halt::pause_after;
use crate::held::{Board, FirstUnapplied, Held, State};
use crate::model::ReadModel;
use crate::month::KnownMonths;
use crate::park::parked_sets;
use crate::rebuild::{RebuildError, Workshop, halted, in_database};
use crate::run::scope;
use crate::sort::{ParkedSets, Scope};
use crate::takeover::take_over;

/// How long decisions that wait may take to be carried out.
const DECISIONS_LIMIT: Duration = Duration::from_secs(60);

/// A generation to be folded on.
pub(crate) struct CatchUp<'a, M> {
    pub(crate) model: &'a Arc<M>,
    pub(crate) shop: &'a Workshop,
    pub(crate) generation: &'a Generation,
}

impl<M: ReadModel> CatchUp<'_, M> {
    /// Folds on up to the frontier, which names topic ids; partitions that it does not name stay where they are.
    /// Whoever followed them loses them, and may take them again afterwards.
    ///
    /// # Errors
    /// [`RebuildError`]; what is folded until then is kept.
    pub(crate) async fn run(
        &self,
        to: &Frontier,
        mut note: impl FnMut(Offset),
        stop: &CancellationToken,
    ) -> Result<(), RebuildError> {
        let scope = scope(&**self.model, &self.shop.log, self.generation)?;
        let (mut applier, from) = self.take(&scope, to, stop).await?;
        let mut reading =
            read_with(&self.shop.log, &self.shop.registry, &from, to, self.shop.reading()).await?;
        let (mut at_hand, mut folds_ahead) = (next(&mut reading).await?.map(|batch| (batch, None)), true);
        while let Some((batch, guess)) = at_hand.take() {
            if stop.is_cancelled() {
                return Err(RebuildError::ShutDown);
            }
            let ahead = outcome(guess, &mut folds_ahead).await;
            let mut following = None;
            {
                let applying = applier.apply(&batch, ahead, stop);
                tokio::pin!(applying);
                loop {
                    tokio::select! {
                        biased;
                        applied = &mut applying => { applied.map_err(halted)?; break }
                        read = next(&mut reading), if following.is_none() => {
                            let begin = |batch| {
                                let guess = folds_ahead.then(|| start(self.model, &scope, &batch));
                                (batch, guess)
                            };
                            following = Some(read?.map(begin));
                        }
                    }
                }
            }
            refuse_stops(&applier.board)?;
            if let Some(through) = batch.spans().iter().map(|span| span.through).max() {
                note(through);
            }
            at_hand = match following {
                Some(following) => following,
                None => next(&mut reading).await?.map(|batch| (batch, None)),
            };
        }
        self.carry_out(&mut applier, stop).await
    }

    /// Takes the partitions over, and says where each is.
    async fn take(
        &self,
        scope: &Scope,
        to: &Frontier,
        stop: &CancellationToken,
    ) -> Result<(Applier<M>, Frontier), RebuildError> {
        let Self { shop, generation, .. } = self;
        let asked: Vec<Asked> = to
            .iter()
            .filter_map(|(topic, partition, _)| {
                let topic_id = to.topic_id(topic)?.clone();
                Some(Asked { place: (topic.clone(), partition), topic_id, log_start: Offset::ZERO })
            })
            .collect();
        let mut backoff = Backoff::for_database();
        let (checkpoints, parked) = loop {
            let taken = async {
                let checkpoints = take_over(&shop.pool, generation, &asked).await?;
                let places = asked.iter().map(|one| &one.place);
                Ok((checkpoints, parked_sets(&shop.pool, generation, places).await?))
            };
            match taken.await {
                Ok(taken) => break taken,
                Err(error) => {
                    pause_after(&generation.read_model, error, &mut backoff, stop).await.map_err(halted)?;
                }
            }
        };
        let (board, mut from) = (Board::default(), Frontier::new());
        for asked in &asked {
            let Some(checkpoint) = checkpoints.get(&asked.place) else { continue };
            let held = held(&asked.place, &asked.topic_id, checkpoint, to)?;
            from.set(asked.place.0.clone(), asked.place.1, held.next);
            board.lock().insert(asked.place.clone(), held);
        }
        Ok((self.applier(scope.clone(), board, parked), from))
    }

    fn applier(&self, scope: Scope, board: Board, parked: ParkedSets) -> Applier<M> {
        Applier {
            model: Arc::clone(self.model),
            pool: self.shop.pool.clone(),
            cluster: self.shop.log.clone(),
            registry: self.shop.registry.clone(),
            generation: self.generation.clone(),
            scope,
            // What is parked here is said when the generation serves.
            outbox: None,
            // How fast history is folded says nothing about how much of it is broken.
            max_parked_per_minute: u32::MAX,
            copy_from_rows: 2_000,
            board,
            months: KnownMonths::default(),
            parked,
            look_for_decisions: true,
            carry_out_after: None,
        }
    }

    /// Carries out the decisions that wait for what was folded.
    async fn carry_out(
        &self,
        applier: &mut Applier<M>,
        stop: &CancellationToken,
    ) -> Result<(), RebuildError> {
        let began = Instant::now();
        loop {
            applier.carry_out_after = None;
            applier.carry_out(stop).await.map_err(halted)?;
            refuse_stops(&applier.board)?;
            let left = applier.decisions_left().await;
            match left.map_err(in_database(&self.generation.read_model, "read the decisions"))? {
                0 => return Ok(()),
                left if began.elapsed() > DECISIONS_LIMIT => {
                    let reason = format!("{left} decisions cannot be carried out");
                    return Err(RebuildError::Stands { place: self.generation.schema(), reason });
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

impl<M: ReadModel> Applier<M> {
    /// How many decisions about what is folded here wait to be carried out.
    async fn decisions_left(&self) -> Result<i64, sqlx::Error> {
        let places: BTreeMap<Place, Offset> =
            self.board.lock().iter().map(|(place, held)| (place.clone(), held.next)).collect();
        let sql = "SELECT count(*) FROM {generation}.decision AS asked \
                     JOIN UNNEST($1::text[], $2::integer[], $3::bigint[]) AS mine (topic, partition, next_offset) \
                       ON mine.topic = asked.about_topic AND mine.partition = asked.about_partition \
                      AND mine.next_offset > asked.about_offset \
                    WHERE asked.state = 'pending'";
        sqlx::query_scalar(AssertSqlSafe(self.generation.fill(sql)))
            .bind(places.keys().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>())
            .bind(places.keys().map(|(_, partition)| partition.get()).collect::<Vec<_>>())
            .bind(places.values().map(|next| next.get()).collect::<Vec<_>>())
            .fetch_one(&self.pool)
            .await
    }
}

/// A partition as its checkpoint says; it must not be past the frontier, nor of another topic.
fn held(
    place: &Place,
    topic_id: &TopicId,
    checkpoint: &Checkpoint,
    to: &Frontier,
) -> Result<Held, RebuildError> {
    let (topic, partition) = place;
    if checkpoint.topic_id != topic_id.as_str()
        && let Ok(folded) = TopicId::new(checkpoint.topic_id.clone())
    {
        return Err(RebuildError::OtherTopic { topic: topic.clone(), folded, found: topic_id.clone() });
    }
    if to.get(topic, *partition).is_some_and(|to| checkpoint.next > to) {
        let reason = format!("it is folded up to {}, past the frontier", checkpoint.next);
        return Err(RebuildError::Stands { place: format!("{topic}/{partition}"), reason });
    }
    let now = Utc::now();
    Ok(Held {
        topic_id: topic_id.clone(),
        epoch: checkpoint.epoch,
        next: checkpoint.next,
        last_digest: checkpoint.last_digest,
        log_end: (checkpoint.next, now),
        first_unapplied: FirstUnapplied::UnknownSince(now),
        state: State::Running,
    })
}

fn refuse_stops(board: &Board) -> Result<(), RebuildError> {
    for ((topic, partition), held) in board.lock().iter() {
        let reason = match &held.state {
            State::Running => continue,
            State::Stopped(stop) => stop.reason.clone(),
            State::TakenOver => "somebody else has taken it over".to_owned(),
        };
        return Err(RebuildError::Stands { place: format!("{topic}/{partition}"), reason });
    }
    Ok(())
}

async fn next(reading: &mut Reading) -> Result<Option<Arc<Batch>>, RebuildError> {
    Ok(reading.next().await.transpose()?.map(Arc::new))
}

/// What was folded ahead; nothing when the guess was not made, or made in vain.
async fn outcome(guess: Option<JoinHandle<Guess>>, folds_ahead: &mut bool) -> Option<FoldedAhead> {
    match guess?.await {
        Ok(Guess::Folded(ahead)) => Some(ahead),
        Ok(Guess::ReadsRows) => {
            *folds_ahead = false;
            None
        }
        Ok(Guess::NotThisOne) | Err(_) => None,
    }
}
