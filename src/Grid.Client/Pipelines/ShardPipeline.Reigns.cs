using Grid.Client.Operations;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>Changes of reign, and other ends of numbers: what is carried over.</summary>
internal partial class ShardPipeline
{
    /// <summary>
    /// True if operations of the batch may have been applied. Nothing is ever applied under epoch 0, in which a client asks
    /// for the reign.
    /// </summary>
    private bool IsOutcomeUnknown(Batch batch) => batch.MayBeApplied || (_epoch != 0 && (batch.IsUnknown || batch.AttemptsOut > 0));

    /// <summary>True if the shard has to look the batch's operations up before it does them: it was sent before.</summary>
    protected virtual bool IsRepetition(Batch batch) => batch.Repeats || (_epoch != 0 && batch.Sends > 0);

    /// <summary>Puts a chain of batches back among those that were not sent, in the order of their operations.</summary>
    protected virtual void PutBack(Batch first, Batch last)
    {
        Batch? before = null;
        for (Batch? batch = first; batch is not null;)
        {
            Batch? next = ReferenceEquals(batch, last) ? null : batch.Next;
            while ((before is null ? _head : before.Next) is { } there && there.FirstOperation < batch.FirstOperation)
                before = there;
            batch.Next = before is null ? _head : before.Next;
            if (before is null)
                _head = batch;
            else
                before.Next = batch;
            if (batch.Next is null)
                _tail = batch;
            before = batch;
            batch = next;
        }
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
    /// Numbers everything anew that was not answered: in the reign that was announced, or in the same one, when the shard will not hear of a
    /// number any more. Once every call is back, or silent for so long that its answer is not waited for: calls to a reign that is over may be
    /// lost with it, and what they did is looked up when they are repeated, so their answers only spare that and get a moment.
    /// </summary>
    private void TryNumberAnew(long now, ref CompletionRun? over)
    {
        if (_epochToCome == _epoch && _resumeAtMs > now)
            return;
        bool isLate = _epochToCome != _epoch && now - _epochHeardAtMs >= PipelineSettings.SettleMs;
        for (long n = _low; n < _next && !isLate; n++)
        {
            Batch batch = _window[n % _window.Length]!;
            if (!batch.IsDone && batch.AttemptsOut > 0 && now - batch.LastSentMs < _settings.ResendAfterMs)
                return;
        }

        LaterEffects later = new();
        for (long n = _low; n < _next; n++)
        {
            if (_window[n % _window.Length] is { IsAnswered: true } batch)
                later.Add(batch);
        }

        Batch? first = null;
        Batch? last = null;
        for (long n = _low; n < _next; n++)
        {
            Batch batch = _window[n % _window.Length]!;
            if (batch.IsDone || Carry(batch, later, ref over) is not { } kept)
                continue;
            if (last is null)
                first = kept;
            else
                last.Next = kept;
            last = kept;
        }

        LeaveWindow();
        if (first is not null)
            PutBack(first, last!);
        if (_epochToCome != _epoch)
            _low = _next = 1;
        _epoch = _epochToCome;
        _epochToCome = 0;
        _resumeAtMs = 0;
        _probing = false;
        _resending = false;
    }

    /// <summary>The batch as it is to be sent under its next number; null if nobody waits for it.</summary>
    private Batch? Carry(Batch batch, LaterEffects later, ref CompletionRun? over)
    {
        batch.Repeats = IsRepetition(batch);
        if (!IsOutcomeUnknown(batch) && !later.ReachBeyond(batch.Number))
            return batch;
        Batch? kept = Salvage(batch, later, ref over);
        _dispatcher.ReleaseLater(batch.Count, batch.Bytes);
        batch.IsDone = true;
        return kept;
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

        _low = _next;
        _unanswered = 0;
    }

    /// <summary>
    /// Makes a new batch of what is not over, since the old one's calls may still be under way. What comes before an answered operation
    /// on its key is only looked up; a read, of which nothing is remembered, ends here.
    /// </summary>
    private Batch? Salvage(Batch batch, LaterEffects later, ref CompletionRun? over)
    {
        Batch? kept = null;
        OperationReader reader = new(batch.Request.Span, batch.Count);
        for (int i = 0; reader.TryRead(out Operation data); i++)
        {
            (PendingOperation? operation, int index) = batch.Entries[i];
            if (operation is not { IsOver: false })
                continue;
            bool isBehind = later.Follow(batch.Number, i, data);
            if (isBehind && !operation.IsWrite)
            {
                Fail(operation, index, Unrepeatable(operation), ref over);
                continue;
            }

            if (isBehind)
                data.Flags |= OperationFlags.OnlyLookUp;
            Keep(ref kept, operation, index, data);
        }

        if (Seal(kept) is null)
            return null;
        kept!.Repeats = batch.Repeats;
        kept.MayBeApplied = IsOutcomeUnknown(batch);
        return kept;
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
