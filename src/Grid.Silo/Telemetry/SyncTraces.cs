using System.Diagnostics;
using Grid.Client.Telemetry;
using Grid.Replication.Primary;

namespace Grid.Silo.Telemetry;

/// <summary>A primary's part in the traces of its replicas' syncs: the window that they waited in, the snapshot that they share.</summary>
/// <remarks>On the primary's turns only. One entry per silo.</remarks>
internal sealed class SyncTraces(int shard)
{
    private readonly Dictionary<string, (ActivityContext Sync, DateTimeOffset At)> _attached = [];

    /// <summary>A replica attaches.</summary>
    public void OnAttach(string silo, string? traceParent)
    {
        if (ActivityContext.TryParse(traceParent, null, isRemote: true, out ActivityContext sync))
            _attached[silo] = (sync, DateTimeOffset.UtcNow);
        else
            _attached.Remove(silo);
    }

    /// <summary>The window has closed: the wait of each member is told; the snapshot's span, in the first one's trace with links to the others', begins.</summary>
    /// <returns>The span; null when no member's sync is traced.</returns>
    public Activity? OnSnapshot(SnapshotPlan plan)
    {
        if (_attached.Count == 0)
            return null;
        List<ActivityContext> syncs = [];
        foreach (SnapshotMember member in plan.Members)
        {
            if (!_attached.Remove(member.Silo, out (ActivityContext Sync, DateTimeOffset At) attached))
                continue;
            syncs.Add(attached.Sync);
            GridSpans.Write("grid.sync.window", ActivityKind.Server, attached.Sync, attached.At, new(GridAttributes.Shard, shard), new(GridAttributes.Silo, GridAttributes.EndpointOf(member.Silo)));
        }

        if (syncs.Count == 0)
            return null;
        return GridSpans.Start("grid.sync.snapshot", ActivityKind.Server, syncs[0], links: syncs.Skip(1).Select(static sync => new ActivityLink(sync)), tags:
        [
            new(GridAttributes.Shard, shard),
            new(GridAttributes.Snapshot, plan.SnapshotId.ToString("x", System.Globalization.CultureInfo.InvariantCulture)),
            new(GridAttributes.Codec, plan.Announcement.Compressed ? "lz4" : "none"),
            new(GridAttributes.CodecReason, ReplicationInstruments.NameOf(plan.Reason)),
            new("grid.sync.members", plan.Members.Count),
        ]);
    }
}
