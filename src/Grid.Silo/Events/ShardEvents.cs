using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Replication.Takeover;
using Grid.Silo.Telemetry;

namespace Grid.Silo.Events;

/// <summary>Which of replication's events an operator is told of, and how much each matters.</summary>
internal static class ShardEvents
{
    /// <summary>Something happened at a primary.</summary>
    /// <param name="events">Where it is kept.</param>
    /// <param name="what">What.</param>
    /// <param name="shard">The shard.</param>
    /// <param name="epoch">The reign.</param>
    /// <param name="silo">The silo that it is about.</param>
    /// <param name="details">Details in words.</param>
    /// <param name="isThin">True when fewer copies are in sync than are wanted.</param>
    public static void Note(this EventRing events, PrimaryEvent what, int shard, long epoch, string silo, string details, bool isThin)
    {
        (EventKind Kind, EventSeverity Severity, string Text)? told = what switch
        {
            PrimaryEvent.PartialResync => (EventKind.SyncEnded, EventSeverity.Info, $"partial sync: {details}"),
            PrimaryEvent.WindowClosed => (EventKind.SyncBegan, EventSeverity.Info, $"full sync: {details}"),
            PrimaryEvent.LinkEnded => (EventKind.LinkEnded, EventSeverity.Info, details),
            PrimaryEvent.InSyncChanged => (EventKind.InSyncChanged, isThin ? EventSeverity.Warning : EventSeverity.Info, details),
            PrimaryEvent.SnapshotGivenUp => (EventKind.SyncFailed, EventSeverity.Warning, $"a snapshot is given up: {details}"),
            PrimaryEvent.SnapshotSuspect => (EventKind.Damage, EventSeverity.Error, $"a saved snapshot is given to nobody any more: {details}"),
            PrimaryEvent.PinOverrun => (EventKind.SyncFailed, EventSeverity.Warning, details),
            PrimaryEvent.CannotKeepUp => (EventKind.SyncFailed, EventSeverity.Error, $"the replica cannot keep up: {details}"),
            _ => null,
        };
        if (told is { } happened)
            events.Add(happened.Kind, happened.Severity, shard, epoch, happened.Text, silo);
    }

    /// <summary>Something happened at a replica.</summary>
    /// <param name="events">Where it is kept.</param>
    /// <param name="what">What.</param>
    /// <param name="shard">The shard.</param>
    /// <param name="details">Details in words.</param>
    /// <param name="loadSince">When the load began, as a timestamp; 0 when there is none.</param>
    public static void Note(this EventRing events, ReplicaEvent what, int shard, string details, long loadSince)
    {
        (EventKind Kind, EventSeverity Severity, string Text)? told = what switch
        {
            ReplicaEvent.LoadEnded => (EventKind.SyncEnded, EventSeverity.Info, $"full sync done{After(loadSince)}: {details}"),
            ReplicaEvent.LoadDropped => (EventKind.SyncFailed, EventSeverity.Info, $"a load was dropped{After(loadSince)}: {details}"),
            ReplicaEvent.LoadTruncated or ReplicaEvent.LoadStalled or ReplicaEvent.LoadOverrun => (EventKind.SyncFailed, EventSeverity.Warning, $"a load ended early{After(loadSince)}: {details}"),
            ReplicaEvent.LoadDamaged or ReplicaEvent.LoadCorrupt or ReplicaEvent.LoadIncompatible or ReplicaEvent.LoadOverLimit => (EventKind.Damage, EventSeverity.Error, $"a load cannot be used{After(loadSince)}: {details}"),
            ReplicaEvent.CommandDamaged or ReplicaEvent.CommandsCorrupt or ReplicaEvent.CommandsIncompatible or ReplicaEvent.CommandsTruncated or ReplicaEvent.CommandsOverLimit => (EventKind.Damage, EventSeverity.Error, $"mutations cannot be used: {details}"),
            ReplicaEvent.Faulted => (EventKind.Damage, EventSeverity.Error, $"three damaged payloads in a row, plaintext is asked for from now on: {details}"),
            ReplicaEvent.FaultEnded => (EventKind.Damage, EventSeverity.Info, $"compressed payloads are asked for again: {details}"),
            ReplicaEvent.Gap => (EventKind.LinkEnded, EventSeverity.Warning, $"mutations are missing: {details}"),
            ReplicaEvent.TailCut => (EventKind.Damage, EventSeverity.Warning, $"a tail is cut away: {details}"),
            _ => null,
        };
        if (told is { } happened)
            events.Add(happened.Kind, happened.Severity, shard, 0, happened.Text);
    }

    /// <summary>A reign began.</summary>
    public static void NoteReign(this EventRing events, TakeoverPlan plan, int shard, long soughtSince)
    {
        if (plan.Verdict == TakeoverVerdict.Create)
            return;
        bool isPlanned = TakeoverInstruments.KindOf(plan) == "hand_over";
        events.Add(
            isPlanned ? EventKind.HandOver : EventKind.Failover,
            isPlanned ? EventSeverity.Info : EventSeverity.Warning,
            shard,
            plan.Epoch,
            $"this silo is the primary now{After(soughtSince)}: {plan.Reason}");
    }

    private static string After(long since) => since == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" after {Stopwatch.GetElapsedTime(since).TotalMilliseconds:N0} ms");
}
