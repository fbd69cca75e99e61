using Grid.Replication;
using Grid.Replication.Primary;

namespace Grid.Tests.Simulation;

/// <summary>
/// The weather in which a rule matters most, so that its twin shows within few seeds. Many are harsher than any plan that is drawn: so seeds without a mistake
/// run in each of them too.
/// </summary>
internal static class Weather
{
    /// <summary>Somebody says all the time where replicas are to be, and silos shut down.</summary>
    public const string Wishes = "Wishes";

    /// <summary>Shards lose all their in-sync copies, and an operator says with what they go on.</summary>
    public const string Losses = "Losses";

    /// <summary>A mistake for each weather that differs from what is drawn, and from that of the mistakes before it.</summary>
    public static IEnumerable<string> All
    {
        get
        {
            SimPlan drawn = SimPlan.Draw(new SimRandom(1));
            return Enum.GetNames<PlantedBug>().Concat(Enum.GetNames<RuntimeBug>()).Append(Wishes).Append(Losses)
                .DistinctBy(mistake => Choose(mistake, drawn))
                .Where(mistake => Choose(mistake, drawn) != drawn);
        }
    }

    public static SimPlan For(string mistake, SimPlan plan) => Choose(mistake, plan) with { Weather = mistake };

    private static SimPlan Choose(string mistake, SimPlan plan) => mistake switch
    {
        nameof(PlantedBug.IgnoresHigherEpoch) or nameof(RuntimeBug.HidesHigherEpoch) => Coups(plan),
        nameof(PlantedBug.SyncsNamedMember) or nameof(PlantedBug.CutsAppliedData) => plan with { NemesisMs = 200, ChaosMs = 6000 },
        nameof(PlantedBug.IgnoresOwnerToken) => plan with { NemesisMs = 150 },
        nameof(PlantedBug.CountsAnyAcknowledgement) => Gaps(ShortBacklog(plan)) with
        {
            Shards = 4,
            Clients = 4,
            ChaosMs = 6000,
            CallStuck = 0.3,
            ItemLost = 0.05,
            SliceMsMax = 40,
            Primary = ShortBacklog(plan).Primary with { SyncWindowMs = 20 },
            Replica = plan.Replica with { BackoffMs = 5, BackoffMaxMs = 20 },
        },
        nameof(PlantedBug.TakesStaleItems) or nameof(PlantedBug.TakesForeignPieces) => Gaps(plan) with { ItemsLeftOver = 1, ItemRepeated = 0.1 },
        nameof(PlantedBug.InstallsHalfLoad) => Gaps(ShortBacklog(plan)) with { Keys = 80, ItemLost = 0.05 },
        nameof(PlantedBug.NeverGivesUpSnapshot) => Flood(plan) with { SliceMsMax = 100 },
        nameof(PlantedBug.NeverRefusesWrites) => Flood(plan) with { OutstandingMax = 24 },
        nameof(PlantedBug.SilentWhileLoading) => Flood(plan) with { SliceMsMax = 100, NemesisMs = 0, SlowSilo = 0, Replica = plan.Replica with { KeptBytesMax = 2 << 10 } },
        nameof(PlantedBug.PinsWithoutBound) or nameof(PlantedBug.UnpinsLinks) or nameof(PlantedBug.SendsMoreThanKept) => Flood(plan) with { SliceMsMax = 100, OutstandingMax = 24 },
        nameof(PlantedBug.TrustsSavedSnapshot) => Gaps(plan) with { PayloadDamaged = 0.3, ItemDamaged = 0, Primary = plan.Primary with { Transport = SyncTransport.Disk } },
        nameof(PlantedBug.NeverAsksForPlaintext) => Gaps(plan) with { PayloadDamaged = 1, ItemDamaged = 0 },
        nameof(PlantedBug.JoinsUnreadableSnapshot) => plan with
        {
            Silos = 4,
            PlainSilo = 0.5,
            NemesisMs = 200,
            Primary = plan.Primary with { Replicas = 3, Compress = true, Transport = SyncTransport.Disk, SavedSnapshotMs = 3000 },
        },
        nameof(PlantedBug.EndsSnapshotForAll) => Gaps(plan) with { Silos = 5, SliceMsMax = 40 },
        nameof(PlantedBug.EndsLoadedLinks) or nameof(RuntimeBug.FailsWholeCohort) => UnevenCohorts(plan),
        nameof(PlantedBug.TakesOldPermits) => Gaps(ShortBacklog(plan)) with
        {
            Silos = 3,
            PlacesMax = 1,
            PermitUsMax = 1_000_000,
            NemesisMs = 120,
            ChaosMs = 6000,
            Primary = ShortBacklog(plan).Primary with { Replicas = 1, MinInSync = 0, SyncWindowMs = 20 },
        },
        nameof(PlantedBug.IgnoresMaxCohort) => plan with { Silos = 5, Primary = plan.Primary with { Replicas = 3, MaxCohort = 1 } },
        nameof(PlantedBug.CountsLeaseFromAnswer) => Coups(plan) with { CallDelayUsMax = 8000, CallStuck = 0.3 },
        nameof(RuntimeBug.ClientTakesOldAnswers) => plan with { CallStuck = 0.3, NemesisMs = 200 },
        nameof(PlantedBug.EvictsSilently) or nameof(PlantedBug.IgnoresSessionFloor) => Repeats(plan) with { Clients = 4, Primary = plan.Primary with { SessionsMax = 2 } },
        nameof(PlantedBug.RepeatsWithoutLookup) or nameof(PlantedBug.RepeatsBehindLaterEffects) or nameof(PlantedBug.TellsUncommittedResult)
            or nameof(RuntimeBug.ClientRepeatsAsNew) => Repeats(plan),
        nameof(PlantedBug.SurrendersEarly) or nameof(PlantedBug.ExecutesSealed) or nameof(PlantedBug.ReignsAfterSurrender) => HandOvers(plan),
        nameof(PlantedBug.ShrinksWithoutMajority) or nameof(PlantedBug.CountsSilenceWhileCutOff) => Splits(plan),
        nameof(RuntimeBug.ForgetsTheSilent) => Splits(plan) with { HandOverMs = 80 },
        nameof(PlantedBug.ServesBeforeBarrier) => Coups(plan) with { ThinkMs = 3, Keys = 4 },
        nameof(PlantedBug.RepliesWithoutLease) => Depositions(plan) with
        {
            // Most keys have nothing uncommitted when the deposed primary refuses writes: they are what it may tell of.
            Shards = 1,
            Keys = 60,
            ValueBytesMax = 200,
            OutstandingMax = 3,
            ChaosMs = 12_000,
            Primary = Depositions(plan).Primary with { UncommittedBytesMax = 2 << 10 },
        },
        nameof(RuntimeBug.VoidsGrantsOfTheLost) => Coups(plan) with { NemesisMs = 0, LeaveMs = 500, Clients = 4, ThinkMs = 5, Primary = plan.Primary with { Replicas = 3, MinInSync = 1, LeaseMs = 1200 } },
        nameof(RuntimeBug.BelievesTimeouts) => plan with { RecordSlow = 0.3 },
        nameof(RuntimeBug.AcceptsLossOfTheLiving) => AfterLosses(plan) with
        {
            Shards = 1,
            LossMs = 800,
            LossSeeming = 1,
            Primary = AfterLosses(plan).Primary with { ReplicaTimeoutMs = 400, HeartbeatMs = 80, LeaseMs = 200 },
        },
        nameof(RuntimeBug.AcceptsLossAtOnce) or nameof(RuntimeBug.KeepsLineageAfterLoss)
            or nameof(PlantedBug.IgnoresLineage) or Losses => AfterLosses(plan),
        nameof(PlantedBug.AnswersAloneUnheard) => AfterLosses(plan) with
        {
            Shards = 1,
            Clients = 4,
            LossMs = 800,
            LossAlone = 1,
            Primary = AfterLosses(plan).Primary with { ReplicaTimeoutMs = 400, HeartbeatMs = 80, LeaseMs = 200 },
        },
        nameof(PlantedBug.CountsLatestGrant) => Coups(plan),
        nameof(PlantedBug.LeavesNoMargin) => Depositions(plan) with { CallDelayUsMax = 200, Primary = Depositions(plan).Primary with { LeaseMs = 1200 } },
        nameof(RuntimeBug.ClockStandsStill) => plan with { NemesisMs = 150 },
        nameof(PlantedBug.NeverUnseals) => HandOvers(plan) with { NemesisMs = 200 },
        nameof(PlantedBug.NeverDoublesBudget) or nameof(PlantedBug.RefusesBeforeLaggards) => Flood(plan) with { SliceMsMax = 100, OutstandingMax = 24 },
        nameof(PlantedBug.RefusesLargeWrites) => plan with { ValueBytesMax = 6000, Primary = plan.Primary with { UncommittedBytesMax = 2 << 10 } },
        nameof(PlantedBug.ReattachesOnAnyChange) => plan with { NemesisMs = 150 },
        nameof(PlantedBug.KeepsAnyBatches) => plan with { CallStuck = 0.3, OutstandingMax = 24, Primary = plan.Primary with { BatchesBehindHoleMax = 2 } },
        nameof(PlantedBug.RemembersWithoutBound) => Repeats(plan) with { Clients = 4, Primary = plan.Primary with { SessionsMax = 2, SessionEntriesMax = 4 } },
        nameof(RuntimeBug.ClientResendsInReverse) => plan with { NemesisMs = 200, ThinkMs = 5, Keys = 3 },
        nameof(PlantedBug.IgnoresDraining) => plan with { WishMs = 150, NemesisMs = 300 },
        nameof(PlantedBug.ShrinksBeforeGrown) => plan with { WishMs = 150 },
        Wishes => plan with { WishMs = 150, LeaveMs = 800 },
        _ => plan,
    };

    /// <summary>Many reigns, and sets in which a silent member is kept.</summary>
    private static SimPlan Coups(SimPlan plan) => plan with
    {
        Silos = 5,
        NemesisMs = 200,
        ChaosMs = 6000,
        Primary = plan.Primary with { Replicas = 3, MinInSync = 3 },
    };

    /// <summary>
    /// Many primaries that hear nobody are given up, and answer clients while another one reigns. They refuse writes soon, or every key would be
    /// uncommitted and nothing be read; the others have members enough to take writes at once.
    /// </summary>
    private static SimPlan Depositions(SimPlan plan) => plan with
    {
        Silos = 5,
        NemesisMs = 0,
        CoupMs = 400,
        ChaosMs = 6000,
        Clients = 4,
        Keys = 6,
        ThinkMs = 5,
        Primary = plan.Primary with { Replicas = 3, MinInSync = 2, ReplicaTimeoutMs = 300, HeartbeatMs = 60, LeaseMs = 200 },
    };

    /// <summary>Shards change hands all the time, under load.</summary>
    private static SimPlan HandOvers(SimPlan plan) => plan with { HandOverMs = 100, ThinkMs = 5, ChaosMs = 6000 };

    /// <summary>The cluster is cut in two all the time.</summary>
    private static SimPlan Splits(SimPlan plan) => plan with
    {
        Silos = 5,
        NemesisMs = 0,
        SplitMs = 500,
        ChaosMs = 6000,
        SlowSilo = 0,
        Primary = plan.Primary with { Replicas = 2 },
    };

    /// <summary>Shards lose all their in-sync copies.</summary>
    private static SimPlan AfterLosses(SimPlan plan) => plan with
    {
        Silos = 4,
        NemesisMs = 0,
        LossMs = 1500,
        ChaosMs = 6000,
        ThinkMs = 5,
        Primary = plan.Primary with { Replicas = 2, MinInSync = 0 },
    };

    /// <summary>Answers are lost.</summary>
    private static SimPlan Repeats(SimPlan plan) => plan with { CallLost = 0.1, CallStuck = 0.1, NemesisMs = 200, ThinkMs = 5 };

    private static SimPlan Gaps(SimPlan plan) => plan with { ItemLost = 0.01, ItemDamaged = 0.005, NemesisMs = 200 };

    private static SimPlan ShortBacklog(SimPlan plan) => plan with
    {
        ValueBytesMax = 6000,
        Primary = plan.Primary with { BacklogBytesMax = 1, BacklogMsMax = 200 },
    };

    /// <summary>Many snapshots for several members of very different speeds, which come and go; what the slowest grants lasts until it is heard of.</summary>
    private static SimPlan UnevenCohorts(SimPlan plan) => ShortBacklog(plan) with
    {
        Silos = 5,
        SlowSilo = 0.4,
        NemesisMs = 120,
        ChaosMs = 6000,
        CallDelayUsMax = 3000,
        Primary = ShortBacklog(plan).Primary with { Replicas = 4, Transport = SyncTransport.Diskless, MaxCohort = 0, MixedCohort = MixedCohort.And, SyncWindowMs = 200, LeaseMs = 1200 },
    };

    /// <summary>More is written than there is room for.</summary>
    private static SimPlan Flood(SimPlan plan) => plan with
    {
        Clients = 4,
        Keys = 80,
        ValueBytesMax = 6000,
        ThinkMs = 2,
        Primary = plan.Primary with
        {
            Transport = SyncTransport.Diskless,
            DualChannel = true,
            ItemBytesMax = 2048,
            BytesUnsentMax = 6 << 10,
            BacklogBytesMax = 16 << 10,
            UncommittedBytesMax = 16 << 10,
            SnapshotKeptBytesMax = 16 << 10,
            SyncPinBytes = 8 << 10,
            SyncPinBytesMax = 32 << 10,
            RepliesWaitingMax = 100_000,
            ClientsMax = 4096,
        },
        Replica = plan.Replica with { KeptBytesMax = 2 << 10 },
    };
}
