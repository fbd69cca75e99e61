using System.Diagnostics.Metrics;
using Grid.Client.Telemetry;
using Grid.Replication.Primary;
using Grid.Replication.Replica;

namespace Grid.Silo.Telemetry;

/// <summary>
/// What replication reports on the meter "Grid": fed with the events of this silo's primaries and replicas.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class ReplicationInstruments
{
    private readonly Counter<long> _attaches;
    private readonly Counter<long> _syncs;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _tailCuts;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _rounds;
    private readonly Histogram<int> _cohort;
    private readonly Counter<long> _overruns;
    private readonly Counter<long> _laggards;
    private readonly Counter<long> _givenUp;
    private readonly Counter<long> _joined;
    private readonly Counter<long> _faulted;
    private readonly Counter<long> _linksEnded;
    private readonly Counter<long> _inSyncChanges;
    private readonly Counter<long> _reigns;

    public ReplicationInstruments(IMeterFactory meters)
    {
        Meter meter = meters.Create(GridTelemetry.MeterName);
        _attaches = meter.CreateCounter<long>("grid.replication.attaches", "{attach}", "Attaches that replicas sent.");
        _syncs = meter.CreateCounter<long>("grid.replication.syncs", "{sync}", "Syncs that ended at a replica, by kind and outcome.");
        _errors = meter.CreateCounter<long>("grid.replication.errors", "{error}", "What ended a link or a load at a replica, by type.");
        _tailCuts = meter.CreateCounter<long>("grid.replication.tail_cuts", "{cut}", "Tails that were never committed and were cut away.");
        _refused = meter.CreateCounter<long>("grid.replication.partial_refusals", "{attach}", "Attaches of whole copies that a primary could not answer from its backlog, because it begins too late.");
        _rounds = meter.CreateCounter<long>("grid.replication.rounds", "{snapshot}", "Snapshots that a primary began for a cohort, by codec and why.");
        _cohort = meter.CreateHistogram("grid.replication.cohort.size", "{replica}", "Members of those cohorts when they began.", tags: null, GridBuckets.Cohort);
        _overruns = meter.CreateCounter<long>("grid.replication.pin_overruns", "{link}", "Links that pinned more of the log than their budget.");
        _laggards = meter.CreateCounter<long>("grid.replication.laggards", "{replica}", "Replicas that overran the largest budget: they cannot keep up.");
        _givenUp = meter.CreateCounter<long>("grid.replication.rounds.given_up", "{snapshot}", "Snapshots given up because they kept too much memory.");
        _joined = meter.CreateCounter<long>("grid.replication.rounds.joined", "{replica}", "Replicas that joined a snapshot on disk that was there already.");
        _faulted = meter.CreateCounter<long>("grid.replication.faulted", "{replica}", "Replicas that got three damaged payloads in a row and asked for plaintext.");
        _linksEnded = meter.CreateCounter<long>("grid.replication.links.ended", "{link}", "Links that a primary ended, by type of reason.");
        _inSyncChanges = meter.CreateCounter<long>("grid.replication.in_sync_changes", "{change}", "Changes of in-sync sets.");
        _reigns = meter.CreateCounter<long>("grid.replication.reigns", "{reign}", "Reigns begun over a shard.");
    }

    /// <summary>Begins the series of what may go wrong at 0: of one that begins at 1 nobody sees that it grew.</summary>
    public void Begin()
    {
        foreach (string kind in new[] { "full", "partial" })
        {
            foreach (string outcome in new[] { "completed", "failed", "dropped" })
                _syncs.Add(0, Tag(GridAttributes.SyncKind, kind), Tag(GridAttributes.SyncOutcome, outcome));
        }

        foreach (string error in new[] { "gap", "checksum", "corrupt", "truncated", "incompatible", "over_limit", "stalled" })
            _errors.Add(0, Tag(GridAttributes.ErrorType, error));
        foreach (LinkEndReason reason in Enum.GetValues<LinkEndReason>())
            _linksEnded.Add(0, Tag(GridAttributes.ErrorType, NameOf(reason)));
        foreach (Counter<long> counter in new[] { _attaches, _tailCuts, _refused, _overruns, _laggards, _givenUp, _joined, _faulted, _inSyncChanges, _reigns })
            counter.Add(0);
    }

    /// <summary>Something happened at a replica.</summary>
    public void Count(ReplicaEvent what)
    {
        switch (what)
        {
            case ReplicaEvent.Attaching:
                _attaches.Add(1);
                break;
            case ReplicaEvent.PartialResync:
                Sync("partial", "completed");
                break;
            case ReplicaEvent.LoadEnded:
                Sync("full", "completed");
                break;
            case ReplicaEvent.LoadDropped:
                Sync("full", "dropped");
                break;
            case { } failed when failed.IsFailedLoad():
                Sync("full", "failed");
                _errors.Add(1, Tag(GridAttributes.ErrorType, ErrorOf(what)));
                break;
            case ReplicaEvent.Gap or ReplicaEvent.CommandDamaged or ReplicaEvent.CommandsCorrupt or ReplicaEvent.CommandsIncompatible or ReplicaEvent.CommandsTruncated or ReplicaEvent.CommandsOverLimit:
                _errors.Add(1, Tag(GridAttributes.ErrorType, ErrorOf(what)));
                break;
            case ReplicaEvent.Faulted:
                _faulted.Add(1);
                break;
            case ReplicaEvent.TailCut:
                _tailCuts.Add(1);
                break;
        }
    }

    /// <summary>Something happened at a primary.</summary>
    public void Count(PrimaryEvent what)
    {
        switch (what)
        {
            case PrimaryEvent.ReignBegan:
                _reigns.Add(1);
                break;
            case PrimaryEvent.InSyncChanged:
                _inSyncChanges.Add(1);
                break;
            case PrimaryEvent.SnapshotGivenUp:
                _givenUp.Add(1);
                break;
            case PrimaryEvent.PinOverrun:
                _overruns.Add(1);
                break;
            case PrimaryEvent.CannotKeepUp:
                _laggards.Add(1);
                break;
            case PrimaryEvent.SnapshotJoined:
                _joined.Add(1);
                break;
        }
    }

    /// <summary>A whole copy needs a full sync, because the backlog begins too late; copies that are empty or new need one anyway, and say nothing of the backlog.</summary>
    public void CountBacklogMiss() => _refused.Add(1);

    /// <summary>A primary ended a link.</summary>
    public void Count(LinkEndReason reason) => _linksEnded.Add(1, Tag(GridAttributes.ErrorType, NameOf(reason)));

    /// <summary>A primary begins a snapshot for a cohort.</summary>
    public void CountRound(SnapshotPlan plan)
    {
        _rounds.Add(1, Tag(GridAttributes.Codec, plan.Announcement.Compressed ? "lz4" : "none"), Tag(GridAttributes.CodecReason, NameOf(plan.Reason)));
        _cohort.Record(plan.Members.Count);
    }

    private static string NameOf(LinkEndReason reason) => reason switch
    {
        LinkEndReason.Reattached => "reattached",
        LinkEndReason.Silent => "silent",
        LinkEndReason.SiloDead => "silo_dead",
        LinkEndReason.StreamFailed => "stream_failed",
        LinkEndReason.Surplus => "surplus",
        LinkEndReason.Overrun => "overrun",
        LinkEndReason.SnapshotLost => "snapshot_lost",
        LinkEndReason.SettingsChanged => "settings_changed",
        LinkEndReason.Misbehaved => "misbehaved",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "A reason without a name."),
    };

    /// <summary>The word for why a snapshot travels as it does.</summary>
    public static string NameOf(CodecReason reason) => reason switch
    {
        CodecReason.EveryMemberDecodes => "every_member_decodes",
        CodecReason.CompressionOff => "compression_off",
        _ => "member_cannot_decode",
    };

    private void Sync(string kind, string outcome) => _syncs.Add(1, Tag(GridAttributes.SyncKind, kind), Tag(GridAttributes.SyncOutcome, outcome));

    private static string ErrorOf(ReplicaEvent what) => what switch
    {
        ReplicaEvent.Gap => "gap",
        ReplicaEvent.CommandDamaged or ReplicaEvent.LoadDamaged => "checksum",
        ReplicaEvent.CommandsCorrupt or ReplicaEvent.LoadCorrupt => "corrupt",
        ReplicaEvent.CommandsTruncated or ReplicaEvent.LoadTruncated => "truncated",
        ReplicaEvent.CommandsIncompatible or ReplicaEvent.LoadIncompatible => "incompatible",
        ReplicaEvent.CommandsOverLimit or ReplicaEvent.LoadOverLimit => "over_limit",
        ReplicaEvent.LoadStalled => "stalled",
        ReplicaEvent.LoadOverrun => "overrun",
        _ => throw new ArgumentOutOfRangeException(nameof(what), what, "No error."),
    };

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
