using Grid.Client.Operations;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>Deadlines, pauses and silences.</summary>
internal partial class ShardPipeline
{
    /// <summary>Ticks after which a small batch no longer waits for another one's answer.</summary>
    private const int TicksGathering = 2;

    /// <summary>Looks at the clock, every <see cref="PipelineSettings.TickMs"/>.</summary>
    public void Tick(long now)
    {
        CompletionRun? over = null;
        bool pump;
        lock (_gate)
        {
            if (_head is null && _low == _next)
                return;
            ExpireWindow(now, ref over);
            ExpireQueue(now, ref over);
            if (_epochToCome != 0)
                TryNumberAnew(now, ref over);
            if (_resumeAtMs != 0 && now >= _resumeAtMs)
            {
                _resumeAtMs = 0;
                _resending = true;
            }

            if (_head is not null && ++_head.TicksWaited >= TicksGathering && !_probing)
                _head.IsSealed = true;
            pump = WantsPump();
        }

        if (pump)
            _dispatcher.Work.Queue(this);
        over?.StartElsewhere();
    }

    /// <summary>Ends everything: the client is being shut down.</summary>
    public void Close()
    {
        CompletionRun? over = null;
        lock (_gate)
        {
            _trouble ??= new Trouble(BatchStatus.Unavailable, "the client is shutting down", null);
            ExpireWindow(long.MaxValue, ref over);
            ExpireQueue(long.MaxValue, ref over);
        }

        over?.StartElsewhere();
    }

    private void ExpireWindow(long now, ref CompletionRun? over)
    {
        for (long n = _low; n < _next; n++)
        {
            if (_window[n % _window.Length] is not { IsDone: false } batch)
                continue;
            if (batch.EarliestDeadlineMs <= now && !Expire(batch, now, IsOutcomeUnknown(batch), ref over))
            {
                // The shard is silent: what comes next goes one at a time until it answers.
                _probing = true;
                GiveUp(batch);
                continue;
            }

            long patience = (long)_settings.ResendAfterMs << Math.Clamp(batch.Sends - 2, 0, 4);
            if (batch.AttemptsOut > 0 && !batch.NeedsSend && now - batch.LastSentMs >= patience)
                _resending = batch.NeedsSend = true;
        }
    }

    private void ExpireQueue(long now, ref CompletionRun? over)
    {
        Batch? before = null;
        Batch? batch = _head;
        while (batch is not null)
        {
            Batch? next = batch.Next;
            if (batch.EarliestDeadlineMs > now || Expire(batch, now, batch.MayBeApplied, ref over))
            {
                before = batch;
            }
            else
            {
                if (before is null)
                    _head = next;
                else
                    before.Next = next;
                if (next is null)
                    _tail = before;
                Drop(batch);
            }

            batch = next;
        }
    }

    /// <summary>Tells those whose deadline has come; false if nobody waits for the batch any more.</summary>
    private bool Expire(Batch batch, long now, bool unknown, ref CompletionRun? over)
    {
        foreach (ref BatchEntry entry in batch.Entries.AsSpan(0, batch.Count))
        {
            if (entry.Operation is not { IsOver: false } operation || operation.DeadlineMs > now)
                continue;
            Fail(operation, entry.Index, PastDeadline(operation, unknown), ref over);
            entry = default;
            _dispatcher.NoteAbandoned();
        }

        return batch.RefreshDeadlines();
    }

    private GridException PastDeadline(PendingOperation operation, bool unknown)
    {
        string what = $"A {operation.Kind} on keyspace '{operation.Keyspace}' (shard {_shard}) was not answered within {operation.Settings.TimeoutMs} ms";
        string cause = _trouble is null ? "" : $" The last that was heard of the shard: {_trouble.Status?.ToString() ?? "call failed"}, {_trouble.Message}";
        if (unknown && operation.IsWrite)
        {
            return new GridIndeterminateException(
                $"{what}, and it may have taken effect. Read the entry before repeating it.{cause}", _trouble?.Fault)
            { Shard = _shard, Keyspace = operation.Keyspace };
        }

        return _trouble switch
        {
            { Status: BatchStatus.Overloaded } => new GridOverloadedException(
                $"{what}: the shard holds as many requests as it may, and nothing was changed. Try again later, or send less at a time.{cause}")
            { Shard = _shard, Keyspace = operation.Keyspace },
            { Status: not (BatchStatus.ResendFrom or BatchStatus.Indeterminate) } => new GridUnavailableException(
                $"{what}: no primary served it, and nothing was changed. `grid status` shows the shard's state.{cause}", _trouble.Fault)
            { Shard = _shard, Keyspace = operation.Keyspace },
            _ => new GridTimeoutException($"{what}; nothing was changed. Try again, or allow it more time.{cause}")
            { Shard = _shard, Keyspace = operation.Keyspace },
        };
    }

    private GridIndeterminateException Undecidable(PendingOperation operation, string message, Exception? fault) => new(
        $"A {operation.Kind} on keyspace '{operation.Keyspace}' (shard {_shard}) may have taken effect or not: {message}. Read the entry before repeating it.",
        fault)
    {
        Shard = _shard,
        Keyspace = operation.Keyspace,
    };

    private GridUnavailableException Unrepeatable(PendingOperation operation) => new(
        $"The answer to a {operation.Kind} on keyspace '{operation.Keyspace}' (shard {_shard}) was lost ({_trouble?.Message ?? "the shard's primary changed"}), and a later " +
        "operation of this client on the same key was answered, so that it cannot be asked again in its place. Read again.",
        _trouble?.Fault)
    {
        Shard = _shard,
        Keyspace = operation.Keyspace,
    };
}
