//! The faults: each is one sentence that a wrong store would make true.

macro_rules! faults {
    ($($(#[doc = $sentence:literal])+ $name:ident,)*) => {
        /// What is wrong with a store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($(#[doc = $sentence])+ $name,)*
        }

        impl Fault {
            pub(crate) const ALL: &[Fault] = &[$(Fault::$name,)*];
        }
    };
}

faults! {
    // Appending.
    /// What a writer expects is not checked.
    NoConflictCheck,
    /// `Exists` is taken as `Any`.
    ExistsIsAny,
    /// The check and the write are two steps.
    RacyConflictCheck,
    /// The first event of a refused commit is recorded.
    HalfOfARefusedCommit,
    /// Only the first event of a commit is recorded.
    HalfOfACommit,
    /// The first event of a commit is recorded before the others.
    TornCommit,
    /// Of commits that arrive at once, some are answered but not recorded.
    LosesWhatArrivesAtOnce,
    /// A conflict does not say what was found.
    ConflictWithoutActual,
    /// The verdicts come in the opposite order.
    VerdictsReversed,
    /// An empty batch is an error.
    EmptyBatchFails,
    /// Each commit of a batch is decided alone.
    NothingIsDependent,
    /// A commit that was recorded in between heals the chain.
    HealsChains,
    /// What is refused for one stream makes the others dependent.
    DependentAcrossStreams,
    /// `Any` is dependent, too.
    AnyIsDependent,
    /// What follows a repeat is not dependent.
    RepeatsBreakNothing,
    /// What follows a refused batch is dependent, too.
    DependentAcrossBatches,
    /// What a writer expects is checked before its command id.
    ConflictBeforeRepeat,
    /// Mixing is found before the size.
    MixedBeforeSize,
    /// Events and a state may share a stream.
    Mixes,
    /// A commit of nothing records an event.
    NothingIsAnEvent,
    /// A commit of nothing is not recorded at all.
    NothingIsForgotten,
    /// A commit may be as large as it likes.
    NoSizeLimit,
    /// The largest commit is refused.
    TakesLessThanItSays,
    /// The store says that it is not persistent.
    SaysItIsVolatile,
    /// A receipt names the first revision of the commit.
    ReceiptOfTheFirstEvent,

    // Command ids.
    /// A repeated command is recorded again.
    ForgetsCommands,
    /// A repeated command is recorded again when the two arrive at once.
    RacyCommands,
    /// Only the last hundred commands are known.
    RemembersAHundredCommands,
    /// A repeat is answered with an empty reply.
    RepeatsWithoutReply,
    /// A repeat is answered with where the stream stands now.
    RepeatsNameTheLastRevision,
    /// A command id is known in every stream.
    CommandIdsAreGlobal,
    /// A refused command's id is remembered.
    RemembersRefusedCommands,
    /// Looking for a command never finds one.
    FindsNoCommand,
    /// Every command is said to be new.
    EveryCommandIsNew,

    // Content.
    /// Payloads are read as text.
    PayloadsAreText,
    /// Payloads are cut at 64 KiB.
    CutsPayloads,
    /// Free entries of the metadata are not kept.
    ThinMetadata,
    /// Tags come sorted.
    SortsTags,
    /// Versions are bytes.
    VersionsAreBytes,
    /// Ids are compared without case.
    IdsWithoutCase,
    /// Command ids are cut at 32 bytes.
    CutsCommandIds,
    /// Kinds are cut at 99 bytes.
    CutsKinds,
    /// Kind and id are one text.
    KindAndIdRunTogether,
    /// All events of a commit have one position.
    OnePositionPerCommit,
    /// Pages of a stream come in the opposite order.
    ReadsBackwards,
    /// The types list names without versions.
    TypesWithoutVersions,
    /// Refused events are listed as types.
    TypesOfRefusedEvents,
    /// Only the types of events that can be read are listed.
    TypesOfWhatIsLeft,

    // Reading.
    /// Reading a stream forwards starts behind the revision.
    StreamStartsBehind,
    /// Reading a stream backwards starts before the revision.
    StreamStartsBefore,
    /// Reading the log starts with the position.
    LogStartsAt,
    /// A stream is read from the wrong end without a revision.
    WrongEnd,
    /// Backwards from beyond the end there is nothing.
    NothingBeforeBeyond,
    /// Forwards from beyond the end there is the last event.
    LastEventBeyond,
    /// An unknown stream is an error.
    UnknownStreamFails,
    /// Pages of a stream skip an event at their borders.
    StreamSkips,
    /// Pages of the log skip an event at their borders.
    LogSkips,
    /// Pages of the log repeat an event at their borders.
    LogRepeats,
    /// Limits are not kept.
    IgnoresLimits,
    /// A full page is the last one.
    FullPageEnds,
    /// An exactly full last page leads on to an empty one.
    EndsLate,
    /// A limit of 0 gives nothing.
    ZeroIsNothing,
    /// A page in which nothing is let through is the last one.
    EmptyPageEnds,
    /// A page in which nothing is let through leads on to itself.
    EmptyPageLoops,
    /// Tags are not filtered.
    IgnoresTags,
    /// All tags are asked for, not one of them.
    AsksForAllTags,
    /// Names are not filtered.
    IgnoresNames,
    /// Kinds are filtered by how they begin.
    KindsByPrefix,
    /// Streams are not filtered.
    IgnoresStreams,
    /// One match is enough.
    FilterIsOr,
    /// The log shows the last event when the next one comes.
    LogLagsBehind,
    /// Once read to its end, the log and the streams stay as they are.
    LogIsCached,
    /// Some events appear in the log later than others.
    LateEvents,

    // The head.
    /// The head is published before the events.
    HeadEarly,
    /// The head goes on with refused commits.
    HeadMovesOnRefusal,
    /// A state does not move the head.
    StatesDoNotMoveTheHead,
    /// Who waits is never woken.
    NeverWakes,
    /// One of those who wait is woken.
    WakesOne,
    /// Any append wakes.
    WakesForNothing,
    /// Who is behind waits for the next event.
    WaitsThoughBehind,
    /// Who gives up waiting is never forgotten, and at most twenty may wait.
    CountsWaiters,
    /// Who stops reading is never forgotten, and at most twenty may read.
    CountsReaders,

    // Listing.
    /// Streams are listed by the text of their names.
    ListsByText,
    /// Kinds are listed by how they begin.
    ListsKindsByPrefix,
    /// Pages of streams skip a stream at their borders.
    ListSkips,
    /// Listing starts with the name that was given.
    ListStartsAt,
    /// Listing behind an unknown name starts at the start.
    ListNeedsAKnownName,
    /// What is listed has no revision.
    ListsWithoutRevisions,
    /// Streams with commits of nothing are not listed.
    ListsNoEmptyStreams,
    /// Stream heads have no position.
    HeadsWithoutPosition,

    // Snapshots, states, checkpoints.
    /// The last snapshot that is saved stands.
    LastSnapshotWins,
    /// A snapshot stands until it is deleted.
    FirstSnapshotWins,
    /// A snapshot may be ahead of its stream.
    SnapshotBeyondHead,
    /// Snapshots are not deleted.
    KeepsSnapshots,
    /// All streams share one snapshot.
    OneSnapshot,
    /// A snapshot takes a position.
    SnapshotsAreLogged,
    /// A snapshot loses its version.
    SnapshotWithoutVersion,
    /// A state is an event.
    StatesAreEvents,
    /// A state loses its metadata.
    StateWithoutMetadata,
    /// All streams of one kind share one state.
    OneState,
    /// Every save of a state is read.
    EverySaveIsRead,
    /// States are read in the order of their streams.
    StatesByName,
    /// States are read from a position, not behind it.
    StatesStartAt,
    /// The next page of states begins one too late.
    StatesSkip,
    /// States of kinds that begin alike are read.
    StatesByPrefix,
    /// States are those of the first reading.
    StatesAreCached,
    /// Streams without a state are read, too.
    StatesOfEverything,
    /// States are read without the entries of their metadata.
    StatesReadThin,
    /// Erased states are read.
    ErasedStatesAreRead,
    /// What was saved twice in a row is read as it was the first time, now and then.
    OldStates,
    /// States are forgotten by readers when the store is closed.
    StatesReadUntilClosed,
    /// A checkpoint may be ahead of the log.
    CheckpointBeyondHead,
    /// A checkpoint never goes back.
    CheckpointsOnlyGrow,
    /// A consumer at the start is not listed.
    ListsNoneAsNothing,
    /// Checkpoints are listed backwards.
    CheckpointsReversed,
    /// Checkpoints are not deleted.
    KeepsCheckpoints,
    /// Deleting an unknown consumer is an error.
    DeletingNothingFails,
    /// A checkpoint takes a position.
    CheckpointsAreLogged,
    /// Names of consumers are compared by their first byte.
    ShortConsumers,

    // Rows.
    /// Rows are loaded in the order of their keys.
    LoadsRowsInOrder,
    /// Rows that are not there are left out.
    LoadsOnlyWhatIsThere,
    /// A row with no content is none.
    EmptyRowsAreNone,
    /// A row that is there is not replaced.
    RowsAreNotReplaced,
    /// Rows are not removed.
    KeepsRemovedRows,
    /// Of several changes of one row the first stands.
    FirstChangeStands,
    /// Shorter keys come first.
    RowsByLength,
    /// A range holds its end.
    RangesHoldTheirEnd,
    /// A range begins behind its start.
    RangesBeginBehindTheirStart,
    /// A range goes on to the end of the table.
    RangesHaveNoEnd,
    /// Pages of rows skip a row at their borders.
    RowPagesSkip,
    /// Table and key are one text.
    TablesRunTogether,
    /// Rows are cut at 64 KiB.
    CutsRows,
    /// Rows with a key that is too long are left out.
    InvalidRowsAreLeftOut,
    /// The rows of commits are not kept.
    CommitsForgetRows,
    /// The rows of commits of nothing are not kept.
    RowsOfNothingAreForgotten,
    /// The rows of refused commits are kept.
    RowsOfRefusedCommits,
    /// The rows of repeated commits are kept again.
    RowsOfRepeatedCommits,
    /// The rows of commits do not count for their size.
    RowsWeighNothing,
    /// A commit replaces and removes no rows.
    CommitsReplaceNoRows,
    /// Rows that came with a commit go with its stream.
    RowsGoWithTheirStream,

    // Steps.
    /// A step with rows moves no checkpoint.
    StepsMoveNoCheckpoint,
    /// Where the consumer stands is not looked at.
    OvertakenIsNotSeen,
    /// Who was overtaken is not told where the consumer stands.
    OvertakenSaysNothing,
    /// Where the consumer stands is looked at before the step is made.
    RacySteps,
    /// A step never goes back, nor stays where it is.
    StepsOnlyGoOn,
    /// A step may go beyond the head.
    StepsGoBeyondHead,
    /// Whether a step is beyond the head is found before whether it was overtaken.
    BeyondHeadBeforeOvertaken,
    /// Whether a step is too large is found before whether it is valid.
    SizeBeforeValidity,
    /// A step without rows or without a checkpoint does nothing.
    StepsNeedBoth,
    /// A step may be as large as it likes.
    StepsHaveNoLimit,
    /// Steps know nothing of saved checkpoints.
    StepsHaveTheirOwnCheckpoints,
    /// The rows of a step are kept, the rest may be refused.
    RowsOfRefusedSteps,
    /// The checkpoint of a step with an invalid row is kept.
    CheckpointsOfInvalidSteps,
    /// A step changes one row after the other, and the checkpoint last.
    TornSteps,
    /// A step takes a position.
    StepsAreLogged,

    // Retention and erasure.
    /// Consumers are not waited for.
    IgnoresConsumers,
    /// Consumers that have not begun are not waited for.
    IgnoresConsumersAtTheStart,
    /// One event more is deleted.
    DeletesOneMore,
    /// Whole commits are deleted.
    DeletesWholeCommits,
    /// Deleted events stay in the log.
    DeletedEventsInTheLog,
    /// Deleting beyond the end deletes everything.
    DeletesBeyondHead,
    /// Deleting again is an error.
    DeletingAgainFails,
    /// A deletion forgets the stream's commands.
    DeletionForgetsCommands,
    /// A deletion deletes the snapshot.
    DeletionDropsSnapshot,
    /// A deletion deletes the state.
    DeletionDropsState,
    /// A stream without events is no stream.
    EmptyStreamIsNone,
    /// Reading from a deleted revision gives nothing.
    NothingFromDeleted,
    /// Reading backwards from a deleted revision gives the first event that is left.
    BackwardsFromDeleted,
    /// Erased events stay in the log.
    ErasedEventsInTheLog,
    /// Erased commands stay known.
    ErasedCommandsStay,
    /// An erased stream takes commits.
    TakesAfterErasure,
    /// Erasure is found after conflicts.
    ConflictBeforeErased,
    /// An erased stream has no head.
    ErasedIsUnknown,
    /// An erased stream is listed.
    ListsErased,
    /// An unknown stream is not erased.
    ErasesOnlyWhatIsThere,
    /// Erasure waits for consumers.
    ErasureWaits,
    /// Streams whose id begins alike are erased with it.
    ErasesToo,
    /// The head goes back to the last event that is left.
    HeadGoesBack,
    /// A snapshot may be saved after the erasure.
    LateSnapshot,

    // Closing and opening again.
    /// A closed store takes commits.
    AppendsAfterClose,
    /// A closed store can be read.
    ReadsAfterClose,
    /// A closed store has a head.
    HeadAfterClose,
    /// A closed store keeps checkpoints and snapshots.
    KeepsAfterClose,
    /// A closed store deletes.
    DeletesAfterClose,
    /// A closed store changes and gives rows.
    RowsAfterClose,
    /// Closing twice is an error.
    ClosingTwiceFails,
    /// Who waits sleeps on when the store is closed.
    SleepsThroughClose,
    /// Opened again, the store is empty.
    ForgetsEverything,
    /// Opened again, the store knows no commands.
    ForgetsCommandsWhenClosed,
    /// Opened again, the store holds no checkpoints.
    ForgetsCheckpointsWhenClosed,
    /// Opened again, the store holds no rows.
    ForgetsRowsWhenClosed,
    /// Opened again, the store gives old positions again.
    PositionsGoBackWhenClosed,

    // Copying.
    /// Commands that recorded nothing are not listed.
    ListsNoCommandsOfNothing,
    /// Commands are listed backwards.
    ListsCommandsBackwards,
    /// Only so many commands are listed.
    ListsFewCommands,
    /// Only commands with events are listed.
    ListsNoSaves,
    /// Commands of deleted events are not listed.
    ListsNoDeletedCommands,
    /// Commands of erased streams are listed.
    ListsErasedCommands,
    /// Erased streams are not listed when they held nothing.
    ListsErasedThatHeldSomething,
    /// A table without rows is listed.
    ListsEmptyTables,
    /// A store that was opened again lists nothing.
    ListsNothingAgain,
}
