using Grid.Client.Contracts;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;

namespace Grid.Client.Bundles;

/// <summary>
/// The way to one silo's front. Batches of all its shards gather while bundles are under way and go out as the next one; no timer
/// holds anything up.
/// </summary>
/// <remarks>
/// <para>
/// To its pipeline each batch looks as if it had a call of its own: it has its own task, which ends with its own reply. A reply
/// that is late holds up no other, since the front answers with what it has (<see cref="IFrontGrain.ExecuteAsync"/>) and the
/// rest is collected, beside the bundles that go on meanwhile.
/// </para>
/// <para>
/// A route that faults or falls silent is broken for good: what waits in it goes elsewhere, what is under way ends with
/// the fault, or is sent again by its pipeline; whoever made the route makes another when the silo answers again.
/// </para>
/// </remarks>
internal sealed class BundleRoute(IBundleCarrier carrier, IShardTransport elsewhere, BundleSettings settings, IWorkQueue work, MonotonicClock clock) : IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly Queue<BundledBatch> _queue = new();
    private readonly HashSet<BundledBatch?[]> _carried = [];
    private bool _flushing;
    private bool _broken;
    private bool _abandoned;
    private int _underWay;
    private int _callsOut;
    private long _quietSinceMs;

    /// <summary>True once the route must not be used any more.</summary>
    public bool IsBroken => Volatile.Read(ref _broken);

    /// <summary>Takes a batch; null if the route is broken.</summary>
    public BundledBatch? TryAdd(int shard, PooledBuffer request)
    {
        BundledBatch batch;
        bool flush;
        lock (_gate)
        {
            if (_broken)
                return null;
            if (IsSilent())
            {
                BreakLocked();
                return null;
            }

            batch = BundledBatch.Rent(shard, request);
            _queue.Enqueue(batch);
            flush = WantsFlush();
        }

        if (flush)
            work.Queue(this);
        return batch;
    }

    /// <summary>
    /// Ends the route of a silo that is known to be gone: what is under way ends at once, with nothing known of it, instead of when its silence has been
    /// long enough.
    /// </summary>
    public void Abandon(string reason)
    {
        BundledBatch?[][] carried;
        lock (_gate)
        {
            Volatile.Write(ref _abandoned, true);
            BreakLocked();
            carried = [.. _carried];
            _carried.Clear();
        }

        foreach (BundledBatch?[] batches in carried)
            FailAll(batches, new GridBundleException(reason));
    }

    /// <summary>Sends what may be sent.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        while (TakeBundle() is { } batches)
            _ = CarryAsync(batches);
    }

    private bool IsSilent() => _callsOut > 0 && clock.NowMs - _quietSinceMs > BundleSettings.SilenceMs;

    private bool WantsFlush()
    {
        if (_flushing || _queue.Count == 0 || _underWay >= settings.UnderWayMax || _broken)
            return false;
        _flushing = true;
        return true;
    }

    private BundledBatch?[]? TakeBundle()
    {
        lock (_gate)
        {
            if (_broken || _queue.Count == 0 || _underWay >= settings.UnderWayMax)
            {
                _flushing = false;
                return null;
            }

            _underWay++;
            BundledBatch?[] batches = new BundledBatch?[Math.Min(_queue.Count, BundleSettings.BundleBatchesMax)];
            int count = 0;
            for (int bytes = 0; count < batches.Length && bytes < BundleSettings.BundleBytesMax; count++)
            {
                BundledBatch batch = _queue.Dequeue();
                bytes += batch.Request.Length;
                batches[count] = batch;
            }

            if (count < batches.Length)
                Array.Resize(ref batches, count);
            return batches;
        }
    }

    private async Task CarryAsync(BundledBatch?[] batches)
    {
        int left = batches.Length;
        bool underWay = true;
        long untilMs = clock.NowMs + BundleSettings.CollectMs;
        try
        {
            BatchBundle bundle = new(batches.Length);
            for (int place = 0; place < batches.Length; place++)
                bundle.Add(place, batches[place]!.Request);
            BeginCarrying(batches);
            BatchBundle replies = await CallAsync(bundle, 0).ConfigureAwait(false);
            EndUnderWay(ref underWay);
            left -= Hand(batches, replies);
            while (left > 0 && replies.Ticket != 0 && clock.NowMs < untilMs && !Volatile.Read(ref _abandoned))
            {
                replies = await CallAsync(null, replies.Ticket).ConfigureAwait(false);
                left -= Hand(batches, replies);
            }

            if (left > 0)
                FailAll(batches, new GridBundleException("the silo did not answer all batches of a call"));
        }
        catch (Exception fault)
        {
            lock (_gate)
                BreakLocked();
            EndUnderWay(ref underWay);
            FailAll(batches, fault);
        }
        finally
        {
            lock (_gate)
                _carried.Remove(batches);
        }
    }

    private void BeginCarrying(BundledBatch?[] batches)
    {
        lock (_gate)
        {
            if (_abandoned)
                throw new GridBundleException("the route to the silo was given up");
            _carried.Add(batches);
        }
    }

    private async ValueTask<BatchBundle> CallAsync(BatchBundle? bundle, long ticket)
    {
        lock (_gate)
        {
            if (_callsOut++ == 0)
                _quietSinceMs = clock.NowMs;
        }

        try
        {
            return bundle is not null
                ? await carrier.ExecuteAsync(bundle).ConfigureAwait(false)
                : await carrier.CollectAsync(ticket).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _callsOut--;
                _quietSinceMs = clock.NowMs;
            }
        }
    }

    private void EndUnderWay(ref bool underWay)
    {
        if (!underWay)
            return;
        underWay = false;
        bool flush;
        lock (_gate)
        {
            _underWay--;
            flush = WantsFlush();
        }

        if (flush)
            work.Queue(this);
    }

    /// <summary>Hands out the replies that came; returns how many batches they end.</summary>
    private int Hand(BundledBatch?[] batches, BatchBundle replies)
    {
        ReplyRun run = new(work, replies.Count);
        int ended = 0;
        for (int i = 0; i < replies.Count; i++)
        {
            (int place, PooledBuffer reply) = replies[i];
            if ((uint)place >= (uint)batches.Length || Claim(batches, place) is not { } batch)
            {
                reply.ReleaseReceived();
                continue;
            }

            ended++;
            if (reply.Length > 0)
            {
                run.Add(batch, reply, null);
                continue;
            }

            reply.ReleaseReceived();
            run.Add(batch, null, new GridBundleException("the silo passed the batch on, and got no answer"));
        }

        // Where more is to be collected, callers' code must not hold that up.
        if (replies.Ticket != 0)
            work.Queue(run);
        else
            run.Execute();
        return ended;
    }

    private void FailAll(BundledBatch?[] batches, Exception fault)
    {
        ReplyRun run = new(work, batches.Length);
        for (int place = 0; place < batches.Length; place++)
        {
            if (Claim(batches, place) is { } batch)
                run.Add(batch, null, fault);
        }

        run.Execute();
    }

    /// <summary>Takes a batch out: whoever gets it ends it, the reply or the one that gives the route up.</summary>
    private static BundledBatch? Claim(BundledBatch?[] batches, int place) => Interlocked.Exchange(ref batches[place], null);

    /// <summary>Ends the route: what was not sent yet goes elsewhere.</summary>
    private void BreakLocked()
    {
        if (_broken)
            return;
        Volatile.Write(ref _broken, true);
        if (_queue.Count > 0)
            work.Queue(new Diversion(elsewhere, [.. _queue]));
        _queue.Clear();
    }

    private sealed class Diversion(IShardTransport elsewhere, BundledBatch[] batches) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            foreach (BundledBatch batch in batches)
                _ = CallAsync(batch);
        }

        private async Task CallAsync(BundledBatch batch)
        {
            PooledBuffer reply;
            try
            {
                reply = await elsewhere.ExecuteAsync(batch.Shard, batch.Request).ConfigureAwait(false);
            }
            catch (Exception fault)
            {
                batch.Fail(fault);
                return;
            }

            batch.Complete(reply);
        }
    }
}

/// <summary>The end of a call that carried a batch in a bundle, without a reply to the batch: what became of it is not known.</summary>
internal sealed class GridBundleException(string message) : Exception(message);
