using System.Diagnostics;
using System.Runtime.CompilerServices;
using Grid.Client.Telemetry;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>One call that carries a batch: holds a reference to its blob until the answer is there.</summary>
internal sealed class Attempt(ShardPipeline pipeline)
{
    private ConfiguredValueTaskAwaitable<PooledBuffer>.ConfiguredValueTaskAwaiter _awaiter;
    private Action? _completed;
    private int _operations;
    private bool _isAgain;

    /// <summary>What it carries.</summary>
    public Batch Batch { get; private set; } = null!;

    /// <summary>The blob, with a reference of the call's own.</summary>
    public PooledBuffer Request { get; private set; } = null!;

    /// <summary>The reign under which the batch is numbered in this call.</summary>
    public long Epoch { get; private set; }

    /// <summary>The call's span; null while it has none.</summary>
    public Activity? Span { get; private set; }

    /// <summary>Prepares to carry <paramref name="batch"/>, whose blob nobody reads yet.</summary>
    public void Prepare(Batch batch, int shard, long epoch)
    {
        Batch = batch;
        Epoch = epoch;
        _operations = batch.Count;
        _isAgain = batch.Sends > 1 || batch.Repeats;
        if (batch.IsTraced && GridSpans.StartBatch(shard, batch.Entries.AsSpan(0, batch.Count), batch.Sends) is { } span)
        {
            Span = span;
            RequestHeader.PatchTrace(batch.Request, GridSpans.ToWire(span));
        }

        Request = batch.Request.Retain();
    }

    /// <summary>Hands the blob over.</summary>
    public void Start(IShardTransport transport, ClientMeter meter, int shard)
    {
        meter.OnSent(_operations, _isAgain);
        try
        {
#pragma warning disable CA2012 // Consumed once: in End.
            _awaiter = transport.ExecuteAsync(shard, Request).ConfigureAwait(false).GetAwaiter();
#pragma warning restore CA2012
        }
        catch (Exception e)
        {
            pipeline.OnFault(this, e, handedOver: false);
            return;
        }

        if (_awaiter.IsCompleted)
            End(onPump: true);
        else
            _awaiter.UnsafeOnCompleted(_completed ??= () => End(onPump: false));
    }

    /// <summary>Lets go of everything.</summary>
    /// <param name="error">The word for what went wrong; null if nothing did.</param>
    public void Clear(string? error)
    {
        GridSpans.Stop(Span, error);
        Span = null;
        Batch = null!;
        Request = null!;
        _awaiter = default;
    }

    private void End(bool onPump)
    {
        PooledBuffer reply;
        try
        {
            reply = _awaiter.GetResult();
        }
        catch (Exception e)
        {
            pipeline.OnFault(this, e, handedOver: true);
            return;
        }

        pipeline.OnReply(this, reply, onPump);
    }
}
