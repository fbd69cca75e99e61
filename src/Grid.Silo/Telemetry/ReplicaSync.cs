using System.Diagnostics;
using Grid.Client.Telemetry;
using Grid.Replication.Replica;

namespace Grid.Silo.Telemetry;

/// <summary>
/// A replica's sync from its attach to its end, as a duration and as a trace that the primary takes part in: what the replica waits for, the
/// window and the snapshot there, the load here.
/// </summary>
/// <remarks>On the replica's turns only.</remarks>
internal sealed class ReplicaSync(int shard, string silo, SyncInstruments instruments)
{
    private Activity? _sync;
    private Activity? _load;
    private long _began;

    /// <summary>What the primary is told of the trace, as a traceparent; null when it is not recorded.</summary>
    public string? TraceParent => _sync?.Id;

    /// <summary>Something happened at the replica.</summary>
    public void On(ReplicaEvent what)
    {
        switch (what)
        {
            case ReplicaEvent.Attaching:
                Begin();
                break;
            case ReplicaEvent.PartialResync:
                End("partial", "completed");
                break;
            case ReplicaEvent.LoadBegan when _sync is { } sync:
                _load = GridSpans.Start("grid.sync.load", ActivityKind.Internal, sync.Context, Tags());
                break;
            case ReplicaEvent.LoadEnded:
                End("full", "completed");
                break;
            case ReplicaEvent.LoadDropped:
                End("full", "dropped");
                break;
            case { } failed when failed.IsFailedLoad():
                End("full", "failed");
                break;
        }
    }

    /// <summary>The replica goes: what is under way is over.</summary>
    public void Drop()
    {
        GridSpans.Stop(_load, "dropped");
        GridSpans.Stop(_sync, "dropped");
        _load = _sync = null;
        _began = 0;
    }

    private void Begin()
    {
        Drop();
        _began = Stopwatch.GetTimestamp();
        if (GridSpans.Source.HasListeners() && GridSpans.Start("grid.sync", ActivityKind.Client, default, Tags()) is { Recorded: true } span)
            _sync = span;
    }

    private void End(string kind, string outcome)
    {
        if (_began == 0)
            return;
        instruments.OnSynced(kind, outcome, Stopwatch.GetElapsedTime(_began));
        string? error = outcome == "completed" ? null : outcome;
        _sync?.SetTag(GridAttributes.SyncKind, kind);
        GridSpans.Stop(_load, error);
        GridSpans.Stop(_sync, error);
        _load = _sync = null;
        _began = 0;
    }

    private KeyValuePair<string, object?>[] Tags() => [new(GridAttributes.Shard, shard), new(GridAttributes.Silo, GridAttributes.EndpointOf(silo))];
}
