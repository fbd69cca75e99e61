using Grid.Client.Contracts;
using Grid.Client.Operations;
using Grid.Client.Routing;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>The bounds on what is outstanding, and the line of those who wait for a place or for the cluster to be known.</summary>
/// <remarks>
/// While anybody waits, everybody does, so that operations enter the pipelines in the order in which they were started.
/// </remarks>
internal sealed partial class OperationDispatcher
{
    private const int BytesBits = 40;
    private const long BytesMask = (1L << BytesBits) - 1;

    private readonly Lock _waitGate = new();
    private readonly Queue<Waiting> _waiting = new();
    private readonly int _operationsMax;
    private readonly long _bytesMax;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Operations above, bytes below: one atomic step books both.</summary>
    private long _outstanding;
    private int _lineIsClosed = 1;
    private int _operationsWaiting;
    private long _bytesWaiting;
    private long _waitingUntilMs = long.MaxValue;
    private int _opening;
    private Exception? _openingFault;

    /// <summary>A call in line, its operations written into a blob of their own.</summary>
    private readonly record struct Waiting(PendingOperation Operation, PooledBuffer Blob, int Count, long Bytes);

    /// <summary>What is booked.</summary>
    private (int Operations, long Bytes) Outstanding
    {
        get
        {
            long all = Volatile.Read(ref _outstanding);
            return ((int)(all >> BytesBits), all & BytesMask);
        }
    }

    private bool IsIdle => Volatile.Read(ref _outstanding) == 0 && Volatile.Read(ref _operationsWaiting) == 0;

    /// <summary>Books operations whatever the bounds: parts of calls that are booked already, and the few that concern whole shards.</summary>
    public void ReserveMore(int operations, long bytes) => Interlocked.Add(ref _outstanding, Pack(operations, bytes));

    /// <summary>Ends the booking of operations and lets in who waits. Not under a pipeline's lock.</summary>
    public void Release(int operations, long bytes)
    {
        Interlocked.Add(ref _outstanding, -Pack(operations, bytes));
        if (Volatile.Read(ref _lineIsClosed) != 0)
            Admit();
    }

    /// <summary>Ends the booking of operations; who waits is let in a little later.</summary>
    public void ReleaseLater(int operations, long bytes)
    {
        Interlocked.Add(ref _outstanding, -Pack(operations, bytes));
        if (Volatile.Read(ref _lineIsClosed) != 0)
            Work.Queue(new Admission(this));
    }

    /// <summary>Starts a call of many operations on keys.</summary>
    /// <param name="operation">The call.</param>
    /// <param name="count">How many there will be.</param>
    /// <param name="bytes">Their sizes by <see cref="Batch.SizeOf"/>, summed.</param>
    public ManyStarter StartMany(PendingOperation operation, int count, long bytes)
    {
        bool booked = TryReserve(count, bytes);
        BeginClock(operation);
        return new ManyStarter(this, operation, booked ? null : NewBlob(bytes), count, bytes);
    }

    /// <summary>Ends once the number of shards is known.</summary>
    /// <exception cref="GridUnavailableException">It did not become known within <paramref name="timeoutMs"/>.</exception>
    public async ValueTask OpenAsync(int timeoutMs, CancellationToken token)
    {
        if (ShardCount > 0)
            return;
        BeginOpening();
        try
        {
            await _opened.Task.WaitAsync(TimeSpan.FromMilliseconds(timeoutMs), Clock.Time, token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw ClusterUnknown(timeoutMs);
        }
    }

    private static long Pack(int operations, long bytes) => ((long)operations << BytesBits) + bytes;

    private static PooledBuffer NewBlob(long bytes)
    {
        PooledBuffer blob = PooledBuffer.Rent((int)Math.Min(RequestHeader.Length + bytes + 256, Array.MaxLength));
        new RequestHeader(0, 0, 0, 0, 0, 1, WriteDurability.Replicated, false).Write(blob);
        return blob;
    }

    private bool TryReserve(int operations, long bytes) => Volatile.Read(ref _lineIsClosed) == 0 && TryBook(operations, bytes);

    private bool TryBook(int operations, long bytes)
    {
        long mine = Pack(operations, bytes);
        long all = Interlocked.Add(ref _outstanding, mine);

        // A call that is over the bounds by itself goes when nothing else is outstanding.
        if (all == mine || (all >> BytesBits <= _operationsMax && (all & BytesMask) <= _bytesMax))
            return true;
        Interlocked.Add(ref _outstanding, -mine);
        return false;
    }

    private void Wait(PendingOperation operation, in Operation data)
    {
        BeginClock(operation);
        int bytes = Batch.SizeOf(data);
        PooledBuffer blob = NewBlob(bytes);
        OperationWriter writer = new(blob);
        writer.Write(operation.Keyspace, data);
        Wait(new Waiting(operation, blob, 1, bytes));
    }

    private void Wait(in Waiting call)
    {
        bool full;
        lock (_waitGate)
        {
            full = _operationsWaiting > 0
                && (_operationsWaiting + call.Count > Options.OperationsWaitingMax || _bytesWaiting + call.Bytes > _bytesMax);
            if (!full)
            {
                _waiting.Enqueue(call);
                _operationsWaiting += call.Count;
                _bytesWaiting += call.Bytes;
                _waitingUntilMs = Math.Min(_waitingUntilMs, call.Operation.DeadlineMs);
                Volatile.Write(ref _lineIsClosed, 1);
                Interlocked.MemoryBarrier();
            }
        }

        if (full)
        {
            call.Blob.Release();
            Fail(call, new GridOverloadedException(
                $"This client has {_operationsMax} operations or {_bytesMax} bytes outstanding and {Options.OperationsWaitingMax} operations in line; the call on keyspace " +
                $"'{call.Operation.Keyspace}' was not sent. Start fewer at a time, or raise {nameof(GridClientOptions.OperationsOutstandingMax)}, " +
                $"{nameof(GridClientOptions.BytesOutstandingMax)} or {nameof(GridClientOptions.OperationsWaitingMax)}.")
            { Keyspace = call.Operation.Keyspace });
            return;
        }

        // The clock may have stopped between the look at it and the step into the line.
        if (!Volatile.Read(ref _armed))
            Arm();
        if (ShardCount == 0)
            BeginOpening();
        else
            Admit();
    }

    private void Admit()
    {
        lock (_waitGate)
        {
            if (Volatile.Read(ref _pipelines) is not { } pipelines)
                return;
            while (_waiting.TryPeek(out Waiting call))
            {
                if (!call.Operation.IsOver)
                {
                    if (!TryBook(call.Count, call.Bytes))
                        return;
                    OperationReader reader = new(call.Blob.Span, call.Count);
                    for (int i = 0; reader.TryRead(out Operation data); i++)
                        pipelines[ShardHash.Shard(data.Key, pipelines.Length)].Enqueue(call.Operation, i, data);
                }

                call.Blob.Release();
                Leave(_waiting.Dequeue());
            }

            _waitingUntilMs = long.MaxValue;
            Volatile.Write(ref _lineIsClosed, 0);
        }
    }

    private void Leave(in Waiting call)
    {
        _operationsWaiting -= call.Count;
        _bytesWaiting -= call.Bytes;
    }

    private void TickWaiting(long now)
    {
        List<Waiting>? late = null;
        lock (_waitGate)
        {
            if (_waitingUntilMs > now)
                return;
            _waitingUntilMs = long.MaxValue;
            for (int left = _waiting.Count; left > 0; left--)
            {
                Waiting call = _waiting.Dequeue();
                if (call.Operation.DeadlineMs > now && !call.Operation.IsOver)
                {
                    _waiting.Enqueue(call);
                    _waitingUntilMs = Math.Min(_waitingUntilMs, call.Operation.DeadlineMs);
                    continue;
                }

                Leave(call);
                call.Blob.Release();
                (late ??= []).Add(call);
            }
        }

        foreach (Waiting call in late ?? [])
            Fail(call, ShardCount == 0 ? ClusterUnknown(call.Operation.Settings.TimeoutMs) : NoPlace(call.Operation));
        if (late is not null)
            Admit();
    }

    private void CloseWaiting()
    {
        TickWaiting(long.MaxValue - 1);
        _opened.TrySetException(new ObjectDisposedException(nameof(IGrid)));
        _ = _opened.Task.Exception;
    }

    private void Fail(in Waiting call, GridException error)
    {
        CompletionRun over = CompletionRun.Rent(Work);
        for (int i = 0; i < call.Count; i++)
        {
            if (call.Operation.Fail(i, error))
                over.Add(call.Operation);
        }

        over.StartElsewhere();
    }

    private GridTimeoutException NoPlace(PendingOperation operation) => new(
        $"A {operation.Kind} on keyspace '{operation.Keyspace}' found no place among the {_operationsMax} operations and {_bytesMax} bytes that this client may have outstanding within " +
        $"{operation.Settings.TimeoutMs} ms, and was not sent. Start fewer at a time, or raise {nameof(GridClientOptions.OperationsOutstandingMax)} or {nameof(GridClientOptions.BytesOutstandingMax)}.")
    {
        Keyspace = operation.Keyspace,
    };

    private GridUnavailableException ClusterUnknown(int timeoutMs)
    {
        Exception? fault = Volatile.Read(ref _openingFault);
        return new GridUnavailableException(
            $"The cluster did not answer within {timeoutMs} ms, so that nothing was sent. Is a silo with AddGrid() running, and does this host find it? {fault?.Message}", fault);
    }

    private void BeginOpening()
    {
        if (ShardCount == 0 && Interlocked.Exchange(ref _opening, 1) == 0)
            Work.Queue(new Opening(this));
    }

    /// <summary>Asks the cluster until it answers or nobody waits any more.</summary>
    private async Task OpenAsync()
    {
        for (int attempt = 0; !Volatile.Read(ref _closed); attempt++)
        {
            try
            {
                ClusterInfo info = await _source.GetAsync().ConfigureAwait(false);
                if (info.ShardCount is < 1 or > ClusterInfo.ShardCountMax)
                    throw new GridException($"The cluster says that it has {info.ShardCount} shards; 1 to {ClusterInfo.ShardCountMax} are possible. Its version is {info.Version}.");
                Open(info);
                Admit();
                _opened.TrySetResult();
                return;
            }
            catch (Exception fault)
            {
                // Told to whoever waits when the deadline comes; until then it is tried again.
                Volatile.Write(ref _openingFault, fault);
            }

            long pause = Math.Min((long)_settings.RetryDelayMinMs << Math.Min(attempt, 20), _settings.RetryDelayMaxMs);
            await Task.Delay(TimeSpan.FromMilliseconds(pause), Clock.Time).ConfigureAwait(false);
        }
    }

    private sealed class Opening(OperationDispatcher dispatcher) : IThreadPoolWorkItem
    {
        public void Execute() => _ = dispatcher.OpenAsync();
    }

    private sealed class Admission(OperationDispatcher dispatcher) : IThreadPoolWorkItem
    {
        public void Execute() => dispatcher.Admit();
    }

    /// <summary>Takes the operations of one call, in order, then <see cref="End"/>.</summary>
    public ref struct ManyStarter(OperationDispatcher dispatcher, PendingOperation operation, PooledBuffer? blob, int count, long bytes)
    {
        private OperationWriter _writer = blob is null ? default : new OperationWriter(blob);
        private int _index;

        /// <summary>Adds the next operation.</summary>
        public void Add(in Operation data)
        {
            if (blob is not null)
            {
                _writer.Write(operation.Keyspace, data);
                return;
            }

            ShardPipeline[] pipelines = dispatcher._pipelines!;
            pipelines[ShardHash.Shard(data.Key, pipelines.Length)].Enqueue(operation, _index++, data);
        }

        /// <summary>Must follow the last operation.</summary>
        public readonly void End()
        {
            if (blob is not null)
                dispatcher.Wait(new Waiting(operation, blob, count, bytes));
        }
    }
}
