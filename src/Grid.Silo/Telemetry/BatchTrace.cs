using System.Diagnostics;
using Grid.Client.Telemetry;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Silo.Telemetry;

/// <summary>The spans of one traced batch on this silo: at the front, and at its primary.</summary>
/// <remarks>There is one only for batches whose sender's span is recorded, so that others cost nothing but a look at a bit.</remarks>
internal sealed class BatchTrace
{
    private Activity? _front;
    private Activity? _shard;

    /// <summary>The primary's span; the default while there is none.</summary>
    public ActivityContext Shard => _shard?.Context ?? default;

    /// <summary>A batch came to this silo's front; null when it is not traced.</summary>
    /// <param name="blob">The batch; the front's span takes the sender's place in it.</param>
    /// <param name="shard">Its shard.</param>
    /// <param name="isHere">True when its primary is on this silo; otherwise it is passed on.</param>
    public static BatchTrace? AtFront(PooledBuffer blob, int shard, bool isHere)
    {
        if (!RequestHeader.IsTraced(blob.Span) || !GridSpans.Source.HasListeners())
            return null;
        Activity? front = GridSpans.Start("grid.front", ActivityKind.Server, GridSpans.FromWire(RequestHeader.ReadTrace(blob.Span)), tags:
        [
            new(GridAttributes.Shard, shard),
            new("grid.front.passed_on", !isHere),
        ]);
        if (front is null)
            return null;

        // What another silo sent is this one's own buffer; a sender on this silo may still read its.
        if (blob.IsReceived)
            RequestHeader.PatchTrace(blob, GridSpans.ToWire(front));
        return new BatchTrace { _front = front };
    }

    /// <summary>A batch comes to its primary; null when it is not traced.</summary>
    public static BatchTrace? AtShard(BatchTrace? front, PooledBuffer blob, int shard, long epoch)
    {
        if (!RequestHeader.IsTraced(blob.Span) || !GridSpans.Source.HasListeners())
            return front;
        ActivityContext parent = front?._front?.Context ?? GridSpans.FromWire(RequestHeader.ReadTrace(blob.Span));
        Activity? span = GridSpans.Start("grid.shard", front is null ? ActivityKind.Server : ActivityKind.Internal, parent, tags:
        [
            new(GridAttributes.Shard, shard),
            new(GridAttributes.Epoch, epoch),
        ]);
        if (span is null)
            return front;
        front ??= new BatchTrace();
        front._shard = span;
        return front;
    }

    /// <summary>The primary has executed the batch, and put what it wrote into its log.</summary>
    public void NoteExecuted(long offset)
    {
        _shard?.AddEvent(new ActivityEvent("executed"));
        if (offset > 0)
            _shard?.SetTag("grid.offset", offset);
    }

    /// <summary>The reply leaves.</summary>
    public void End(BatchStatus status)
    {
        string? error = status == BatchStatus.Ok ? null : GridAttributes.NameOf(status);
        GridSpans.Stop(Interlocked.Exchange(ref _shard, null), error);
        GridSpans.Stop(Interlocked.Exchange(ref _front, null), error);
    }
}
