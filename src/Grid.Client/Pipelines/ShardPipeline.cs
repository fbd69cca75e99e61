using Grid.Client.Operations;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>
/// One client's way to one shard: keeps its operations in the order in which they were started, gathers them into
/// batches, and sees to it that each takes effect exactly once, if it is answered at all.
/// </summary>
/// <remarks>
/// <para>
/// Operations are written into the blob of the open batch, the last one of the queue, as they come. While fewer than
/// <see cref="PipelineSettings.BatchesInFlightMax"/> batches are in the window, the pump gives the first of the queue the
/// next number and sends it. Nothing waits for a timer on the way out: what arrives while batches are under way is the
/// next batch.
/// </para>
/// <para>
/// The window holds the batches numbered <c>_low</c> to <c>_next - 1</c> in the reign <c>_epoch</c>. A number names one
/// content for ever, and the shard applies batches in the order of their numbers, each at most once, whatever order or
/// number of times they arrive in. So a batch that was refused, or of which nothing is heard, is sent again under its
/// number. A change of reign ends the numbers, and so does the shard's word that it is past one: then everything that was not answered is
/// numbered anew, in the old order. Every number below <c>_low</c> was answered or given up; each request says so, and the shard applies nothing
/// below it any more.
/// </para>
/// <para>
/// Operations have numbers too, which they keep in whatever batch they travel: the shard, and its next primaries, remember
/// those that took effect. So what may have been applied is sent again all the same, marked as a repetition: the shard
/// looks it up, and gives the first answer or does it now. It does not where a later operation of this client on the same key took
/// effect, and is asked only to look it up where a later one was answered, so that each key's operations keep their order.
/// </para>
/// <para>
/// After a refusal or fault the pipeline stops for a pause that grows, then tries the oldest batch alone; an answer
/// opens the window again. Until the first answer the reign is unknown (epoch 0) and only one batch is sent: it comes
/// back with the reign's epoch, never applied.
/// </para>
/// <para>One lock; callers' code never runs under it. Time comes in by <see cref="Tick"/>.</para>
/// </remarks>
internal partial class ShardPipeline : IThreadPoolWorkItem
{
    private const int BatchesPooledMax = 8;
    private const int BlobCapacityMin = 4096;

    private readonly Lock _gate = new();
    private readonly int _shard;
    private readonly OperationDispatcher _dispatcher;
    private readonly PipelineSettings _settings;
    private readonly Batch?[] _window;
    private readonly Stack<Batch> _freeBatches = new();
    private readonly Stack<Attempt> _freeAttempts = new();

    private Batch? _head;
    private Batch? _tail;
    private long _low = 1;
    private long _next = 1;
    private long _nextOperation = 1;
    private int _unanswered;
    private long _epoch;
    private long _epochToCome;
    private long _epochHeardAtMs;
    private long _resumeAtMs;
    private int _refusals;
    private bool _probing = true;
    private bool _pumping;
    private bool _resending;
    private int _blobCapacity = BlobCapacityMin;
    private Trouble? _trouble;

    public ShardPipeline(OperationDispatcher dispatcher, PipelineSettings settings, int shard)
    {
        _dispatcher = dispatcher;
        _settings = settings;
        _shard = shard;
        _window = new Batch?[settings.BatchesInFlightMax];
    }

    /// <summary>What last went wrong, and was not followed by an answer.</summary>
    /// <param name="Status">The refusal, or null for a fault of the transport.</param>
    /// <param name="Message">The shard's words.</param>
    /// <param name="Fault">The transport's exception.</param>
    protected sealed record Trouble(BatchStatus? Status, string Message, Exception? Fault);

    /// <summary>Appends an operation to the order.</summary>
    public void Enqueue(PendingOperation operation, int index, in Operation data)
    {
        int size = Batch.SizeOf(data);
        bool pump;
        if (size >= _settings.LargeOperationBytes)
        {
            Batch alone = new();
            alone.Open(_shard, _dispatcher.ClientId, operation.Settings, RequestHeader.Length + size + 256, _dispatcher.AbandonedStamp);
            alone.Add(operation, index, data);
            alone.IsSealed = true;
            lock (_gate)
            {
                alone.NumberOnly(_nextOperation++);
                Append(alone);
                pump = WantsPump();
            }
        }
        else
        {
            lock (_gate)
            {
                Batch batch = OpenBatch(operation.Settings, size);
                Operation numbered = data;
                numbered.Number = _nextOperation++;
                batch.Add(operation, index, numbered);
                if (batch.Count >= _settings.BatchOperationsMax)
                    batch.IsSealed = true;
                pump = WantsPump();
            }
        }

        if (pump)
            _dispatcher.Work.Queue(this);
    }

    /// <summary>The pump: sends what may be sent.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        while (true)
        {
            Attempt? attempt;
            lock (_gate)
            {
                attempt = NextAttempt();
                if (attempt is null)
                {
                    _pumping = false;
                    return;
                }
            }

            attempt.Start(_dispatcher.Transport, _dispatcher.Meter, _shard);
        }
    }

    private Batch OpenBatch(in CallSettings settings, int size)
    {
        Batch? batch = _tail;
        if (batch is not null && !batch.IsSealed && batch.Settings.SharesBatchWith(settings)
            && batch.Request.Length + size <= _settings.BatchBytesMax)
        {
            return batch;
        }

        batch = NewBatch(settings, _blobCapacity);
        Append(batch);
        return batch;
    }

    private Batch NewBatch(in CallSettings settings, int capacity)
    {
        if (!_freeBatches.TryPop(out Batch? batch))
            batch = new();
        batch.Open(_shard, _dispatcher.ClientId, settings, capacity, _dispatcher.AbandonedStamp);
        return batch;
    }

    private void Append(Batch batch)
    {
        if (_tail is null)
        {
            _head = batch;
        }
        else
        {
            _tail.IsSealed = true;
            _tail.Next = batch;
        }

        _tail = batch;
    }

    private Batch TakeHead()
    {
        Batch batch = _head!;
        _head = batch.Next;
        if (_head is null)
            _tail = null;
        batch.Next = null;
        batch.IsSealed = true;
        return batch;
    }

    /// <summary>True if the pump should be queued by the caller, once it has left the lock.</summary>
    private bool WantsPump()
    {
        if (_pumping || _resumeAtMs != 0 || _epochToCome != 0 || (!_resending && !MaySendNew()))
            return false;
        _pumping = true;
        return true;
    }

    private bool MaySendNew()
    {
        if (_head is null || _next - _low >= _window.Length)
            return false;
        if (_probing)
            return _next == _low;
        return _unanswered == 0 || _head.IsSealed || _head.Count >= _settings.BatchOperationsMin;
    }

    private Attempt? NextAttempt()
    {
        if (_resumeAtMs != 0 || _epochToCome != 0)
            return null;
        if (_resending && NextResend() is { } again)
            return MakeAttempt(again);
        while (MaySendNew())
        {
            Batch batch = TakeHead();
            if (!Clean(batch))
            {
                Drop(batch);
                continue;
            }

            batch.Number = _next++;
            batch.NeedsSend = true;
            _window[batch.Number % _window.Length] = batch;
            _unanswered++;
            return MakeAttempt(batch);
        }

        return null;
    }

    private Batch? NextResend()
    {
        for (long n = _low; n < _next; n++)
        {
            if (_window[n % _window.Length] is not { IsDone: false } batch)
                continue;
            if (batch.NeedsSend && (IsOutcomeUnknown(batch) || Clean(batch)))
                return batch;
            if (batch.NeedsSend)
                GiveUp(batch);
            else if (_probing)
                break;
        }

        _resending = false;
        return null;
    }

    /// <summary>Takes out what nobody waits for; false if nothing is left. Only for a batch that was not applied.</summary>
    private bool Clean(Batch batch)
    {
        int stamp = _dispatcher.AbandonedStamp;
        if (batch.CleanOfAbandoned == stamp)
            return true;
        batch.CleanOfAbandoned = stamp;
        bool abandoned = false;
        foreach (ref readonly BatchEntry entry in batch.Entries.AsSpan(0, batch.Count))
            abandoned |= entry.Operation is not { IsOver: false };
        if (!abandoned)
            return true;
        (int operations, long bytes) = batch.DropAbandoned(_shard, _dispatcher.ClientId);
        _dispatcher.ReleaseLater(operations, bytes);
        return batch.Count > 0;
    }

    private Attempt MakeAttempt(Batch batch)
    {
        long now = _dispatcher.Clock.NowMs;
        batch.Repeats = IsRepetition(batch);
        batch.Address(_epoch, _low, SettledBelow(), (int)Math.Clamp(batch.LatestDeadlineMs - now, 1, int.MaxValue));
        batch.NeedsSend = false;
        batch.AttemptsOut++;
        batch.Lent++;
        batch.Users++;
        batch.Sends++;
        batch.LastSentMs = now;
        if (!_freeAttempts.TryPop(out Attempt? attempt))
            attempt = new(this);
        attempt.Prepare(batch, _shard, _epoch);
        return attempt;
    }

    /// <summary>Every operation below this number was answered or given up.</summary>
    private long SettledBelow()
    {
        long settled = _head?.FirstOperation ?? _nextOperation;
        for (long n = _low; n < _next; n++)
        {
            if (_window[n % _window.Length] is { IsDone: false } batch)
                settled = Math.Min(settled, batch.FirstOperation);
        }

        return settled;
    }

    /// <summary>Ends one use of a batch; the last one puts it back into the pool.</summary>
    private void EndUse(Batch batch)
    {
        if (--batch.Users > 0)
            return;
        _blobCapacity = Math.Clamp(batch.Request.Length + (batch.Request.Length / 4), BlobCapacityMin, _settings.BatchBytesMax);
        batch.Close();
        if (_freeBatches.Count < BatchesPooledMax)
            _freeBatches.Push(batch);
    }

    /// <summary>Ends a batch that has left the queue and got no number, or whose operations went elsewhere.</summary>
    private void Drop(Batch batch)
    {
        _dispatcher.ReleaseLater(batch.Count, batch.Bytes);
        EndUse(batch);
    }

    /// <summary>Ends the wait for a batch in the window whose operations are all over.</summary>
    private void GiveUp(Batch batch)
    {
        _dispatcher.ReleaseLater(batch.Count, batch.Bytes);
        MarkDone(batch);
    }

    private void MarkDone(Batch batch)
    {
        batch.IsDone = true;
        batch.NeedsSend = false;
        _unanswered--;
        while (_low < _next && _window[_low % _window.Length] is { IsDone: true } oldest)
        {
            _window[_low % _window.Length] = null;
            _low++;
            EndUse(oldest);
        }
    }
}
