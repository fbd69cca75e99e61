using Grid.Client.Operations;
using Grid.Client.Telemetry;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>What comes back.</summary>
internal partial class ShardPipeline
{
    /// <summary>Bytes of a reply from which it may have left operations out.</summary>
    private const int LongReplyBytes = 32 * 1024 * 1024;

    /// <summary>When a batch was sent whose older calls are not waited for.</summary>
    private const long LongAgo = long.MinValue / 2;

    /// <summary>Takes the answer to a call.</summary>
    /// <param name="attempt">The call.</param>
    /// <param name="reply">The reply blob, the receiver's reference with it.</param>
    /// <param name="onPump">True on the pump's own stack, where callers' code must not run.</param>
    public void OnReply(Attempt attempt, PooledBuffer reply, bool onPump)
    {
        Batch? deliver = null;
        CompletionRun? over = null;
        ReplyHeader header = default;
        bool pump;
        lock (_gate)
        {
            Batch batch = attempt.Batch;
            bool current = EndAttempt(attempt, answered: true, ErrorOf(attempt, reply));
            if (current)
            {
                string message = "";
                try
                {
                    header = ReplyHeader.Read(reply.Span);
                    if (header.Status != BatchStatus.Ok)
                        message = ReplyHeader.ReadMessage(reply.Span);
                    else if (header.Count != batch.Count)
                        throw new MalformedException($"A reply with {header.Count} results to {batch.Count} operations.");
                    else if (reply.Length >= LongReplyBytes && batch.Count > 1)
                        SendUnansweredAgain(batch, reply);
                }
                catch (MalformedException e)
                {
                    header = new ReplyHeader(BatchStatus.Malformed, 0, 0, 0);
                    message = e.Message;
                    batch.IsUnknown = true;
                }

                if (header.Status == BatchStatus.Ok)
                    deliver = Answered(batch);
                else
                    Refused(batch, header, message, ref over);
            }

            EndUse(batch);
            if (_epochToCome != 0)
                TryNumberAnew(_dispatcher.Clock.NowMs, ref over);
            pump = WantsPump();
        }

        if (pump)
            _dispatcher.Work.Queue(this);
        if (deliver is not null)
            Deliver(deliver, reply, onPump);
        reply.ReleaseReceived();
        over?.StartElsewhere();
    }

    /// <summary>Takes the end of a call without an answer.</summary>
    /// <param name="attempt">The call.</param>
    /// <param name="fault">Why.</param>
    /// <param name="handedOver">False if the request cannot have left.</param>
    public void OnFault(Attempt attempt, Exception fault, bool handedOver)
    {
        CompletionRun? over = null;
        bool pump;
        lock (_gate)
        {
            Batch batch = attempt.Batch;
            bool applicable = attempt.Epoch != 0 && handedOver;
            if (EndAttempt(attempt, answered: !handedOver, "not_answered"))
            {
                batch.IsUnknown |= applicable;
                _trouble = new Trouble(null, fault.Message, fault);
                batch.NeedsSend = batch.AttemptsOut == 0;
                Stop();
            }

            EndUse(batch);
            if (_epochToCome != 0)
                TryNumberAnew(_dispatcher.Clock.NowMs, ref over);
            pump = WantsPump();
        }

        if (pump)
            _dispatcher.Work.Queue(this);
        over?.StartElsewhere();
    }

    /// <summary>Books a call as come back; false if its batch waits for nothing under that number any more.</summary>
    private bool EndAttempt(Attempt attempt, bool answered, string? error)
    {
        Batch batch = attempt.Batch;
        bool current = !batch.IsDone && attempt.Epoch == _epoch && batch.Number != 0;
        batch.AttemptsOut--;
        if (answered)
        {
            // Without an answer the reference is never ended: nothing tells when the bytes have left.
            if (ReferenceEquals(attempt.Request, batch.Request))
                batch.Lent--;
            attempt.Request.Release();
        }

        attempt.Clear(error);
        _freeAttempts.Push(attempt);
        return current;
    }

    /// <summary>What the span of a call ends with; null where there is none, or nothing went wrong.</summary>
    private static string? ErrorOf(Attempt attempt, PooledBuffer reply) =>
        attempt.Span is not null && ReplyHeader.ReadStatus(reply.Span) is not BatchStatus.Ok and var status ? GridAttributes.NameOf(status) : null;

    private Batch Answered(Batch batch)
    {
        batch.Users++;
        batch.IsAnswered = true;
        MarkDone(batch);
        _refusals = 0;
        _trouble = null;
        if (_probing)
        {
            _probing = false;
            _resending = _unanswered > 0;
        }

        return batch;
    }

    /// <summary>Hands each result to whoever waits for it. Outside of the lock: the entries are this thread's now.</summary>
    private void Deliver(Batch batch, PooledBuffer reply, bool onPump)
    {
        CompletionRun over = CompletionRun.Rent(_dispatcher.Work);
        int i = 0;
        try
        {
            SpanReader reader = new(reply.Span);
            reader.Read(ReplyHeader.Length);
            for (; i < batch.Count; i++)
            {
                OperationResult result = OperationResult.Read(ref reader);
                BatchEntry entry = batch.Entries[i];
                if (entry.Operation is { } operation && operation.Accept(entry.Index, _shard, result))
                    over.Add(operation);
            }
        }
        catch (MalformedException e)
        {
            for (; i < batch.Count; i++)
            {
                BatchEntry entry = batch.Entries[i];
                if (entry.Operation is { } operation && operation.Fail(entry.Index, Undecidable(operation, e.Message, e)))
                    over.Add(operation);
            }
        }

        _dispatcher.Release(batch.Count, batch.Bytes);
        lock (_gate)
            EndUse(batch);
        if (onPump)
            over.StartElsewhere();
        else
            over.Start();
    }

    private void Refused(Batch batch, in ReplyHeader header, string message, ref CompletionRun? over)
    {
        switch (header.Status)
        {
            case BatchStatus.EpochChanged when header.Epoch > _epoch:
                batch.NeedsSend = true;
                if (_epochToCome <= _epoch)
                    _epochHeardAtMs = _dispatcher.Clock.NowMs;
                _epochToCome = Math.Max(_epochToCome, header.Epoch);
                break;
            case BatchStatus.NotPrimary when batch.Sends == 1 && _resumeAtMs == 0:
                // The shard has just changed hands: the first try elsewhere costs no pause. Only the oldest batch is sent until it is answered.
                batch.NeedsSend = true;
                _trouble = new Trouble(header.Status, message, null);
                _probing = true;
                _resending = true;
                break;
            case BatchStatus.EpochChanged or BatchStatus.NotPrimary or BatchStatus.Unavailable or BatchStatus.Overloaded:
                batch.NeedsSend = true;
                _trouble = new Trouble(header.Status, message, null);
                Stop();
                break;
            case BatchStatus.ResendFrom when header.Argument >= 1 && header.Argument <= batch.Number:
                ResendFrom(header.Argument, batch);
                break;
            case BatchStatus.ResendFrom or BatchStatus.Indeterminate:
                // The shard is past this number, or cannot vouch for what it did: under another number it looks the operations up.
                batch.IsUnknown = true;
                batch.LastSentMs = LongAgo;
                _trouble = new Trouble(header.Status, message, null);
                _epochToCome = Math.Max(_epochToCome, _epoch);
                Stop();
                break;
            default:
                FailAll(batch, header.Status, message, ref over);
                break;
        }
    }

    /// <summary>The shard misses <paramref name="number"/> and what follows, and has dropped <paramref name="refused"/>.</summary>
    private void ResendFrom(long number, Batch refused)
    {
        refused.NeedsSend = true;
        long now = _dispatcher.Clock.NowMs;
        for (long n = Math.Max(number, _low); n < refused.Number; n++)
        {
            Batch batch = _window[n % _window.Length]!;
            batch.NeedsSend |= !batch.IsDone && (batch.AttemptsOut == 0 || now - batch.LastSentMs >= 4 * PipelineSettings.TickMs);
        }

        _trouble = new Trouble(BatchStatus.ResendFrom, "batches are lost on the way", null);
        Stop();
    }

    /// <summary>
    /// The shard answers what lies behind a reply of many megabytes as overloaded, nothing done. That is sent again, in
    /// smaller batches, where nothing on its key follows; the rest is told so.
    /// </summary>
    private void SendUnansweredAgain(Batch batch, PooledBuffer reply)
    {
        Batch? kept = null;
        LaterEffects later = new();
        for (long n = batch.Number; n < _next; n++)
            later.Add(_window[n % _window.Length]!);
        SpanReader results = new(reply.Span);
        results.Read(ReplyHeader.Length);
        OperationReader operations = new(batch.Request.Span, batch.Count);
        for (int i = 0; operations.TryRead(out Operation data); i++)
        {
            if (OperationResult.Read(ref results).Status != OperationStatus.Overloaded || i == 0)
                continue;
            if (batch.Entries[i] is not ({ IsOver: false } operation, int index) || later.Follow(batch.Number, i, data))
                continue;
            Keep(ref kept, operation, index, data);
            batch.Entries[i] = default;
        }

        if (Seal(kept) is null)
            return;
        kept!.Repeats = batch.Repeats;
        kept.MayBeApplied = batch.MayBeApplied;
        PutBack(kept, kept);
    }

    private void FailAll(Batch batch, BatchStatus status, string message, ref CompletionRun? over)
    {
        bool unknown = IsOutcomeUnknown(batch);
        foreach (ref readonly BatchEntry entry in batch.Entries.AsSpan(0, batch.Count))
        {
            if (entry.Operation is not { IsOver: false } operation)
                continue;
            GridException error = unknown && operation.IsWrite
                ? Undecidable(operation, message, null)
                : new GridException(
                    $"Shard {_shard} could not read a request, or this client its answer ({status}): {message} " +
                    "Silo and client are probably of different versions; nothing was changed.")
                { Shard = _shard, Keyspace = operation.Keyspace };
            Fail(operation, entry.Index, error, ref over);
        }

        GiveUp(batch);
    }

    private void Fail(PendingOperation operation, int index, Exception error, ref CompletionRun? over)
    {
        if (!operation.Fail(index, error))
            return;
        over ??= CompletionRun.Rent(_dispatcher.Work);
        over.Add(operation);
    }

    /// <summary>Stops sending for a pause; already stopped, the pause stays as it is.</summary>
    private void Stop()
    {
        _probing = true;
        if (_resumeAtMs != 0)
            return;
        int doublings = Math.Min(_refusals++, 20);
        long pause = Math.Min((long)_settings.RetryDelayMinMs << doublings, _settings.RetryDelayMaxMs);
        pause = (pause / 2) + (long)(_dispatcher.NextJitter() * ((pause / 2) + 1));
        _resumeAtMs = _dispatcher.Clock.NowMs + Math.Max(pause, 1);
    }
}
