using Grid.Client.Operations;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>Changes of reign, and what is carried over.</summary>
internal partial class ShardPipeline
{
    /// <summary>
    /// True if the batch may have been applied under its number. Nothing is ever applied under epoch 0, in which a client
    /// asks for the reign.
    /// </summary>
    protected virtual bool IsOutcomeUnknown(Batch batch) => _epoch != 0 && (batch.IsUnknown || batch.AttemptsOut > 0);

    /// <summary>Puts a chain of batches before everything that was not sent.</summary>
    protected virtual void PutFirst(Batch first, Batch last)
    {
        last.Next = _head;
        _head = first;
        _tail ??= last;
    }

    /// <summary>Puts a chain of batches behind everything that was not sent.</summary>
    protected void PutLast(Batch first, Batch last)
    {
        if (_tail is null)
            _head = first;
        else
            _tail.Next = first;
        _tail = last;
    }

    /// <summary>
    /// Goes over to the reign that was announced, once every call of the old one is back, or silent for so long that its
    /// answer is not waited for.
    /// </summary>
    private void TrySwitchEpoch(long now, ref CompletionRun? over)
    {
        for (long n = _low; n < _next; n++)
        {
            Batch batch = _window[n % _window.Length]!;
            if (!batch.IsDone && batch.AttemptsOut > 0 && now - batch.LastSentMs < _settings.ResendAfterMs)
                return;
        }

        LaterEffects later = new();
        for (long n = _low; n < _next; n++)
        {
            Batch batch = _window[n % _window.Length]!;
            if (batch.IsDone || IsOutcomeUnknown(batch))
                later.Add(batch, reads: batch.IsDone);
        }

        Batch? first = null;
        Batch? last = null;
        for (long n = _low; n < _next; n++)
        {
            Batch batch = _window[n % _window.Length]!;
            if (batch.IsDone)
                continue;
            Batch? kept = batch;
            bool unknown = IsOutcomeUnknown(batch);
            if (unknown || later.ReachBeyond(batch.Number))
            {
                kept = Salvage(batch, later, unknown, "the shard's primary changed before it answered", ref over);
                _dispatcher.ReleaseLater(batch.Count, batch.Bytes);
                batch.IsDone = true;
            }

            if (kept is null)
                continue;
            if (last is null)
                first = kept;
            else
                last.Next = kept;
            last = kept;
        }

        LeaveWindow();
        if (first is not null)
            PutFirst(first, last!);
        _epoch = _epochToCome;
        _epochToCome = 0;
        _resumeAtMs = 0;
        _probing = false;
        _resending = false;
    }

    private void LeaveWindow()
    {
        for (long n = _low; n < _next; n++)
        {
            Batch batch = _window[n % _window.Length]!;
            _window[n % _window.Length] = null;
            if (batch.IsDone)
            {
                EndUse(batch);
                continue;
            }

            // Stays whole, with the use that was the window's; it gets another number when it is sent.
            batch.Number = 0;
            batch.Sends = 0;
            batch.NeedsSend = false;
            batch.IsSealed = true;
        }

        _low = _next = 1;
        _unanswered = 0;
    }

    /// <summary>
    /// Makes a new batch of what may be sent again: reads, and writes that are known not to have been applied, where
    /// nothing on their key that may have taken effect follows. The rest ends here.
    /// </summary>
    private Batch? Salvage(Batch batch, LaterEffects later, bool unknown, string message, ref CompletionRun? over)
    {
        Batch? kept = null;
        OperationReader reader = new(batch.Request.Span, batch.Count);
        for (int i = 0; reader.TryRead(out Operation data); i++)
        {
            (PendingOperation? operation, int index) = batch.Entries[i];
            if (operation is not { IsOver: false })
                continue;
            if (unknown && operation.IsWrite)
                Fail(operation, index, Undecidable(operation, message, _trouble?.Fault), ref over);
            else if (later.Follow(batch.Number, i, data))
                Fail(operation, index, Unrepeatable(operation, message), ref over);
            else
                Keep(ref kept, operation, index, data);
        }

        return Seal(kept);
    }

    private void Keep(ref Batch? kept, PendingOperation operation, int index, in Operation data)
    {
        kept ??= NewBatch(operation.Settings, BlobCapacityMin);
        kept.Add(operation, index, data);
    }

    private Batch? Seal(Batch? kept)
    {
        if (kept is null)
            return null;
        kept.IsSealed = true;
        _dispatcher.ReserveMore(kept.Count, kept.Bytes);
        return kept;
    }
}
