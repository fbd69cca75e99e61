using System.Diagnostics;
using Grid.Client.Telemetry;
using Grid.Silo.Grains;

namespace Grid.Silo.Telemetry;

/// <summary>Traced writes of one primary that replicas have not acknowledged yet: each acknowledgement becomes a span of its write's trace.</summary>
/// <remarks>Bounded; on the primary's turns only. Empty, and free, where nothing is traced.</remarks>
internal sealed class AwaitedAcknowledgements
{
    private const int WritesMax = 256;

    private readonly List<Write> _writes = [];

    /// <summary>True when no acknowledgement is waited for.</summary>
    public bool IsEmpty => _writes.Count == 0;

    /// <summary>A write that was traced is in the log.</summary>
    /// <param name="shard">The span of the primary.</param>
    /// <param name="offset">The newest of its mutations.</param>
    /// <param name="replicas">The silos whose replicas are to acknowledge it.</param>
    public void Add(ActivityContext shard, long offset, IEnumerable<string> replicas)
    {
        if (shard == default)
            return;
        if (_writes.Count >= WritesMax)
            _writes.RemoveAt(0);
        _writes.Add(new Write(shard, offset, DateTimeOffset.UtcNow, [.. replicas]));
    }

    /// <summary>A replica told what its log holds.</summary>
    public void OnAcknowledged(in AcknowledgeCall acknowledgement)
    {
        for (int i = 0; i < _writes.Count; i++)
        {
            Write write = _writes[i];
            if (write.Offset > acknowledgement.Offset || !write.Replicas.Remove(acknowledgement.Silo))
                continue;
            GridSpans.Write(
                "grid.replicate",
                ActivityKind.Client,
                write.Shard,
                write.At,
                new(GridAttributes.Silo, GridAttributes.EndpointOf(acknowledgement.Silo)),
                new(GridAttributes.Shard, acknowledgement.Shard),
                new("grid.offset", write.Offset));
            if (write.Replicas.Count == 0)
                _writes.RemoveAt(i--);
        }
    }

    private sealed record Write(ActivityContext Shard, long Offset, DateTimeOffset At, HashSet<string> Replicas);
}
