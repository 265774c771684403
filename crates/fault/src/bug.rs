//! The mistakes that can be planted: each is one that somebody could make in earnest.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// Checkpoints move whatever their epoch is: a former owner goes on writing.
    FenceRemoved,
    /// The checkpoint is committed before the rows: a crash between them loses a batch.
    CheckpointBeforeRows,
    /// The relay sends rows first and stores their send numbers after: a successor cannot know their order.
    NumberedAfterSending,
    /// After an unknown outcome the relay goes on behind the last row found in the log, not from the first missing.
    RecoveryFromHighest,
    /// The relay sends what a saga has decided before it is known to stand in the log that the saga took these inputs.
    GateNotHeeded,
    /// The window of repeats is one offset too short.
    WindowOffByOne,
    /// An event of a parked subject is folded although its predecessor was not.
    ParkedSuccessorLetThrough,
    /// A bucket is said to be done in a transaction of its own, before its rows are written.
    BucketDoneBeforeRows,
    /// Whoever goes on setting aside begins behind the mark: what stood between is skipped.
    ResumedPastTheMark,
    /// A saga takes an input although it has taken it before.
    InboxCheckRemoved,
    /// What a saga has become is committed before what it has decided: a crash between them loses decisions.
    SavedBeforeOutbox,
    /// A timer fires and stays set.
    TimerFiredTwice,
    /// Agents look at the stop switch without holding it: what was under way is committed after it was thrown.
    StopSwitchNotHeld,
    /// Nobody looks how long the chain of causes is: sagas wake each other for ever.
    LoopsAllowed,
    /// What an agent spends is not counted: it goes on beyond its budget.
    BudgetNotCounted,
    /// A task is ended whoever's claim counts: a worker that slept past its lease ends what another one has.
    CompletedUnderAnyClaim,
    /// A claim does not raise its task's epoch: two workers have claims that nothing tells apart.
    ClaimWithoutEpoch,
    /// A task is marked as ended in a transaction of its own, before its event: a crash between them loses the event.
    TaskMarkedBeforeEvent,
    /// A tool acts before it is known to stand in the log that it does.
    ActedBeforeStarted,
    /// An executor that slept does not look whether its claim still counts before it acts.
    ClaimNotCheckedAgain,
    /// A call that must be done once is done again when its executor died.
    OnceRepeated,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::FenceRemoved,
        Self::CheckpointBeforeRows,
        Self::NumberedAfterSending,
        Self::RecoveryFromHighest,
        Self::GateNotHeeded,
        Self::WindowOffByOne,
        Self::ParkedSuccessorLetThrough,
        Self::BucketDoneBeforeRows,
        Self::ResumedPastTheMark,
        Self::InboxCheckRemoved,
        Self::SavedBeforeOutbox,
        Self::TimerFiredTwice,
        Self::StopSwitchNotHeld,
        Self::LoopsAllowed,
        Self::BudgetNotCounted,
        Self::CompletedUnderAnyClaim,
        Self::ClaimWithoutEpoch,
        Self::TaskMarkedBeforeEvent,
        Self::ActedBeforeStarted,
        Self::ClaimNotCheckedAgain,
        Self::OnceRepeated,
    ];

    /// Its name in `BRAINOPS_PLANTED`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FenceRemoved => "fence-removed",
            Self::CheckpointBeforeRows => "checkpoint-before-rows",
            Self::NumberedAfterSending => "numbered-after-sending",
            Self::RecoveryFromHighest => "recovery-from-highest",
            Self::GateNotHeeded => "gate-not-heeded",
            Self::WindowOffByOne => "window-off-by-one",
            Self::ParkedSuccessorLetThrough => "parked-successor-let-through",
            Self::BucketDoneBeforeRows => "bucket-done-before-rows",
            Self::ResumedPastTheMark => "resumed-past-the-mark",
            Self::InboxCheckRemoved => "inbox-check-removed",
            Self::SavedBeforeOutbox => "saved-before-outbox",
            Self::TimerFiredTwice => "timer-fired-twice",
            Self::StopSwitchNotHeld => "stop-switch-not-held",
            Self::LoopsAllowed => "loops-allowed",
            Self::BudgetNotCounted => "budget-not-counted",
            Self::CompletedUnderAnyClaim => "completed-under-any-claim",
            Self::ClaimWithoutEpoch => "claim-without-epoch",
            Self::TaskMarkedBeforeEvent => "task-marked-before-event",
            Self::ActedBeforeStarted => "acted-before-started",
            Self::ClaimNotCheckedAgain => "claim-not-checked-again",
            Self::OnceRepeated => "once-repeated",
        }
    }
}
