using Grid.Replication;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;

namespace Grid.Tests.Simulation;

/// <summary>What one run is like: the cluster, its settings, and how much goes wrong. Drawn from the seed.</summary>
internal sealed record SimPlan
{
    public required int Silos { get; init; }

    public required int Shards { get; init; }

    public required int Clients { get; init; }

    /// <summary>How long things go wrong, in milliseconds of virtual time.</summary>
    public required int ChaosMs { get; init; }

    public required PrimaryOptions Primary { get; init; }

    public required ReplicaOptions Replica { get; init; }

    /// <summary>Keys per keyspace: few, so that clients meet each other.</summary>
    public required int Keys { get; init; }

    public required int ValueBytesMax { get; init; }

    /// <summary>Pause of a client between two batches, in milliseconds.</summary>
    public required int ThinkMs { get; init; }

    public double ItemLost { get; init; }

    public double ItemDamaged { get; init; }

    public double ItemRepeated { get; init; }

    /// <summary>Share of ended links whose last items come all the same.</summary>
    public double ItemsLeftOver { get; init; }

    /// <summary>Share of snapshots that cannot be written to their file.</summary>
    public double DiskFails { get; init; }

    /// <summary>Longest time until word of a place for a sync reaches whoever asked for it, in microseconds.</summary>
    public int PermitUsMax { get; init; } = 500;

    /// <summary>Share of diskless snapshots that fail on their way.</summary>
    public double SendingFails { get; init; }

    /// <summary>Share of silos that take a snapshot on one channel only.</summary>
    public double SingleChannelSilo { get; init; }

    /// <summary>Syncs that the primaries of one silo serve at a time.</summary>
    public int PlacesMax { get; init; } = 8;

    public double PayloadDamaged { get; init; }

    public double CallLost { get; init; }

    /// <summary>Share of calls that are stuck for long, and overtaken by all behind them.</summary>
    public double CallStuck { get; init; } = 0.01;

    public double RecordSlow { get; init; }

    /// <summary>Longest time that a slice of a snapshot's scan takes, in milliseconds.</summary>
    public int SliceMsMax { get; init; } = 4;

    /// <summary>Batches of a client to one shard that are under way at a time.</summary>
    public int OutstandingMax { get; init; } = 6;

    /// <summary>Longest delay of a call, in microseconds; two calls may overtake each other by as much.</summary>
    public int CallDelayUsMax { get; init; } = 3000;

    /// <summary>Pause between two acts of the nemesis, in milliseconds; 0 = none.</summary>
    public int NemesisMs { get; init; }

    /// <summary>Pause between two planned hand-overs, in milliseconds; 0 = only those of the nemesis.</summary>
    public int HandOverMs { get; init; }

    /// <summary>Pause between two coups, in milliseconds; 0 = only those of the nemesis.</summary>
    public int CoupMs { get; init; }

    /// <summary>Pause between two times that the cluster is cut in two, in milliseconds; 0 = only those of the nemesis.</summary>
    public int SplitMs { get; init; }

    /// <summary>Pause between two words to primaries on where their replicas are to be, in milliseconds; 0 = none says anything.</summary>
    public int WishMs { get; init; }

    /// <summary>Pause between two losses of all in-sync copies of a shard, in milliseconds; 0 = none is ever lost.</summary>
    public int LossMs { get; init; }

    /// <summary>Share of those losses in which the primary is the last one left, hears nobody and goes on.</summary>
    public double LossAlone { get; init; } = 1 / 3.0;

    /// <summary>Share of those losses that only seem to be one: a member that has everything answers, and cannot take over for a while.</summary>
    public double LossSeeming { get; init; }

    /// <summary>Pause between two silos that are told to shut down, in milliseconds; 0 = none is.</summary>
    public int LeaveMs { get; init; }

    /// <summary>Each silo's share of being slow.</summary>
    public double SlowSilo { get; init; }

    /// <summary>Share of silos that cannot decode LZ4.</summary>
    public double PlainSilo { get; init; }

    /// <summary>Share of silos whose primaries are set otherwise than the rest.</summary>
    public double OddSilo { get; init; }

    /// <summary>The mistake whose weather this is, if it is one's.</summary>
    public string Weather { get; init; } = "";

    /// <summary>Mistakes made on purpose, which the simulation must find.</summary>
    public PlantedBugs Planted { get; init; }

    /// <summary>Mistakes of the runtime around the core, made on purpose.</summary>
    public RuntimeBug Broken { get; init; }

    public static SimPlan Draw(SimRandom random)
    {
        int silos = random.Between(2, 5);
        int replicas = random.Between(1, Math.Min(3, silos - 1));
        int timeout = random.Between(400, 1500);
        bool large = random.Chance(0.35);
        bool tight = random.Chance(0.5);
        return new SimPlan
        {
            Silos = silos,
            Shards = random.Chance(0.04) ? random.Between(8, 16) : random.Between(1, 3),
            Clients = random.Between(1, 4),
            ChaosMs = random.Between(1500, 6000),
            Keys = random.Between(3, large ? 80 : 25),
            ValueBytesMax = large ? random.Between(500, 6000) : random.Between(8, 300),
            ThinkMs = random.Between(2, 30),
            ItemLost = Some(random, 0.01),
            ItemDamaged = Some(random, 0.005),
            ItemRepeated = Some(random, 0.01),
            ItemsLeftOver = Some(random, 1),
            PayloadDamaged = Some(random, 0.2),
            CallLost = Some(random, 0.03),
            CallStuck = random.Chance(0.8) ? 0.01 : 0.1,
            SliceMsMax = random.Chance(0.85) ? 4 : random.Between(10, 100),
            OutstandingMax = random.Chance(0.9) ? 6 : 24,
            RecordSlow = Some(random, 0.3),
            CallDelayUsMax = random.Between(200, 8000),
            NemesisMs = random.Chance(0.85) ? random.Between(150, 1200) : 0,
            HandOverMs = random.Chance(0.25) ? random.Between(80, 800) : 0,
            SlowSilo = Some(random, 0.3),
            PlainSilo = Some(random, 0.5),
            OddSilo = Some(random, 0.5),
            SingleChannelSilo = Some(random, 0.5),
            DiskFails = Some(random, 0.3),
            PlacesMax = random.Chance(0.6) ? 8 : random.Between(1, 2),
            Primary = new PrimaryOptions
            {
                Replicas = replicas,
                MinInSync = random.Chance(0.5) ? 0 : random.Between(1, replicas),
                ReplicaTimeoutMs = timeout,
                HeartbeatMs = timeout / 5,
                SyncWindowMs = random.Between(20, 250),
                MaxCohort = random.Chance(0.7) ? 0 : random.Between(1, 2),
                Compress = random.Chance(0.8),
                BacklogBytesMax = tight ? 16 << 10 : 1 << 20,
                UncommittedBytesMax = tight ? 96 << 10 : 4 << 20,
                SnapshotKeptBytesMax = tight && random.Chance(0.5) ? random.Between(16, 64) << 10 : 64 << 20,
                ItemBytesMax = random.Chance(0.5) ? 2048 : 256 << 10,
                BytesUnsentMax = tight ? 6 << 10 : 4 << 20,
                MixedCohort = random.Chance(0.4) ? MixedCohort.Split : MixedCohort.And,
                DualChannel = random.Chance(0.8),
                Transport = random.Chance(0.4) ? SyncTransport.Disk : SyncTransport.Diskless,
                SavedSnapshotMs = random.Chance(0.3) ? 0 : random.Between(100, 3000),
                Checksums = random.Chance(0.85),
                LeaseMs = random.Between(200, 1200),
                BacklogMsMax = random.Chance(0.3) ? random.Between(200, 2000) : 3_600_000,
                SyncPinBytes = tight ? random.Between(8, 64) << 10 : 64 << 20,
                SyncPinBytesMax = tight ? 256 << 10 : 256 << 20,
                HoleWaitMs = random.Between(20, 150),
                BatchesBehindHoleMax = random.Chance(0.3) ? random.Between(1, 4) : 64,
                ClientsMax = random.Chance(0.15) ? random.Between(1, 3) : 4096,
                SessionsMax = random.Chance(0.2) ? random.Between(1, 2) : 4096,
                SessionEntriesMax = random.Chance(0.1) ? random.Between(2, 8) : 16_384,
                SessionEntriesTotalMax = random.Chance(0.1) ? random.Between(4, 24) : 262_144,
                RepliesWaitingMax = random.Chance(0.15) ? random.Between(3, 12) : 100_000,
                ExpirySliceEntries = 64,
            },
            Replica = new ReplicaOptions
            {
                BacklogBytesMax = tight ? 16 << 10 : 1 << 20,
                LoadMode = random.Chance(0.4) ? LoadMode.Discard : LoadMode.Swap,
                KeptBytesMax = random.Chance(0.3) ? 2 << 10 : 16 << 20,
                ReplicaTimeoutMs = timeout,
                BackoffMs = 20,
                BackoffMaxMs = 500,
                FaultedMs = 2000,
            },
            SendingFails = Some(random, 0.2),
            PermitUsMax = random.Chance(0.8) ? 500 : random.Between(500, 200_000),
        };
    }

    private static double Some(SimRandom random, double most) => random.Chance(0.5) ? 0 : random.NextFraction() * most;
}

/// <summary>Mistakes of the runtime around the core, made on purpose: each must be found.</summary>
[Flags]
internal enum RuntimeBug
{
    None = 0,

    /// <summary>Any copy is adopted, in-sync or not.</summary>
    AdoptsAnyCopy = 1,

    /// <summary>A copy that is still loading says that it is complete.</summary>
    AdoptsLoadingCopy = 2,

    /// <summary>An emptied copy keeps its name.</summary>
    KeepsNameOfEmptiedCopy = 4,

    /// <summary>A new activation takes the epoch of the one before it.</summary>
    ReusesEpoch = 8,

    /// <summary>A write of the record that timed out counts as failed.</summary>
    BelievesTimeouts = 16,

    /// <summary>A copy grants a lease to whoever asks, whatever it has seen.</summary>
    GrantsToAnyEpoch = 32,

    /// <summary>A copy that is being adopted goes on granting leases to the reign before.</summary>
    GrantsWhileTakingOver = 64,

    /// <summary>A new reign serves before the adopted copy's own grant has ended.</summary>
    IgnoresOwnGrant = 128,

    /// <summary>A silo that is asked to follow a higher epoch does not tell the primary that reigns there.</summary>
    HidesHigherEpoch = 256,

    /// <summary>A reign begins before the record is known to name it.</summary>
    ReignsBeforeRecord = 512,

    /// <summary>Where no copy can be had an empty one is made.</summary>
    CreatesWhenUnavailable = 1024,

    /// <summary>A client sends again what may have been applied, and does not say so.</summary>
    ClientRepeatsAsNew = 2048,

    /// <summary>A client takes the answer to a try under a number that the call has no more.</summary>
    ClientTakesOldAnswers = 4096,

    /// <summary>That a silo knows of no primary counts as proof that there is none: what was granted to it is not waited out.</summary>
    VoidsGrantsOfTheLost = 8192,

    /// <summary>Who takes a shard over leaves out whoever did not answer.</summary>
    ForgetsTheSilent = 16384,

    /// <summary>An operator accepts a loss before what was granted to the primary has ended.</summary>
    AcceptsLossAtOnce = 1 << 15,

    /// <summary>An operator accepts a loss although an in-sync copy may come back.</summary>
    AcceptsLossOfTheLiving = 1 << 16,

    /// <summary>After a loss the shard goes on under the name of the line of data that was given up.</summary>
    KeepsLineageAfterLoss = 1 << 17,

    /// <summary>Replicas delete what has expired by their own clocks.</summary>
    ExpiresAtReplicas = 1 << 18,

    /// <summary>A local read shows what has expired.</summary>
    ShowsExpiredLocally = 1 << 19,

    /// <summary>The clock for time-outs stands still while its silo does.</summary>
    ClockStandsStill = 1 << 20,

    /// <summary>A shard is taken over although its primary may live: it does not answer, that is all.</summary>
    TakesOverFromTheLiving = 1 << 21,

    /// <summary>Under a new reign a client sends again what was under way in another order.</summary>
    ClientResendsInReverse = 1 << 22,

    /// <summary>A snapshot that was not sent to its end is told of as a failure of each member's link.</summary>
    FailsWholeCohort = 1 << 23,
}
