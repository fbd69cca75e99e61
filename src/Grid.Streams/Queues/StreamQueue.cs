using Grid.Streams.Items;

namespace Grid.Streams.Queues;

/// <summary>
/// One stream at its producer's silo, without its items (<see cref="StreamQueue{T}"/>): the subscriptions' cursors, the
/// bell that wakes the pulling agent, the held-back producers, and the failure that the stream may be in.
/// </summary>
/// <remarks>
/// <para>
/// Sequences. Items are numbered from 0 in the order in which producers handed them over; the queue holds those from
/// <c>_base</c> to before <c>_next</c>, the base being the least that some cursor has not had acknowledged.
/// </para>
/// <para>
/// The bell is rung when there is something to deliver and no agent is at it, at most once until it is heard
/// (<see cref="OnBellHeard"/>). Between a failed <see cref="Take"/> and the bell nothing polls.
/// </para>
/// <para>Thread safe: everything happens under one lock per stream, and nothing waits under it.</para>
/// </remarks>
internal abstract class StreamQueue(StreamId id, StreamSetting setting, IStreamBell bell)
{
    private readonly List<StreamCursor> _cursors = [];
    private long _base;
    private long _progressAt = setting.Time.GetTimestamp();
    private long _usedAt = setting.Time.GetTimestamp();
    private bool _isRung;
    private bool _isClosed;
    private bool _isFailureTold;
    private readonly List<(long Acknowledged, TaskCompletionSource Reached)> _draining = [];
    private TaskCompletionSource? _room;
    private GridStreamFailureReason? _failure;
    private long _deliveredItems;
    private long _deliveredBytes;
    private long _droppedItems;

    /// <summary>The stream.</summary>
    public StreamId Id { get; } = id;

    /// <summary>The lane on which the stream travels.</summary>
    public IStreamBell Bell => bell;

    protected Lock Gate { get; } = new();

    protected StreamSetting Setting => setting;

    /// <summary>Whether the state is about to go, so that another queue must be made for the stream.</summary>
    protected bool IsClosed => _isClosed;

    /// <summary>Items held.</summary>
    protected abstract int Count { get; }

    /// <summary>What the held items count, in bytes.</summary>
    protected long HeldBytes { get; set; }

    /// <summary>What the acknowledged items counted, in bytes.</summary>
    private long AcknowledgedBytes => _deliveredBytes + (_deliveredItems * GridStreamOptions.ItemOverheadBytes);

    /// <summary>Puts the next delivery together, advancing the cursor; null if nothing is left.</summary>
    protected abstract StreamBatch? Collect(StreamCursor cursor, int index);

    /// <summary>Removes the oldest item, ends its reference, and says what it counted.</summary>
    protected abstract int RemoveFirst();

    /// <summary>A cursor at the oldest item not acknowledged.</summary>
    public StreamCursor Open()
    {
        lock (Gate)
        {
            var cursor = new StreamCursor(this) { Position = _base, Held = _base };
            _cursors.Add(cursor);
            return cursor;
        }
    }

    /// <summary>The cursor's last delivery is acknowledged; the next one, or null when there is nothing to deliver.</summary>
    public StreamBatch? Take(StreamCursor cursor)
    {
        StreamBatch? ended;
        StreamBatch? next = null;
        lock (Gate)
        {
            ended = EndFlight(cursor);
            if (_cursors.Contains(cursor))
            {
                cursor.Held = cursor.Position;
                Trim();
                _usedAt = _progressAt = setting.Time.GetTimestamp();
                while (next is null && cursor.Position < _base + Count)
                {
                    next = Collect(cursor, (int)(cursor.Position - _base));
                    if (next is null)
                        cursor.Held = cursor.Position;
                }

                Trim();
                cursor.InFlight = next;
                cursor.IsIdle = next is null;
            }
        }

        ended?.End(acknowledged: true);
        return next;
    }

    /// <summary>The cursor's delivery has failed for good: so has the stream, unless the delivery had been withdrawn.</summary>
    public void OnDeliveryFailed(StreamCursor cursor)
    {
        StreamBatch? ended;
        lock (Gate)
        {
            bool concernsStream = cursor.InFlight is not null && !cursor.IsWithdrawn;
            ended = EndFlight(cursor);
            if (concernsStream)
                FailLocked(GridStreamFailureReason.DeliveryFailed);
        }

        ended?.End(acknowledged: false);
    }

    /// <summary>The subscription is gone; what it has not acknowledged waits for another one.</summary>
    public void Close(StreamCursor cursor)
    {
        StreamBatch? ended;
        lock (Gate)
        {
            ended = EndFlight(cursor);
            if (_cursors.Remove(cursor) && _cursors.Count > 0)
                Trim();
        }

        ended?.End(acknowledged: false);
    }

    /// <summary>The agent has heard the bell and is about to look at the stream.</summary>
    public void OnBellHeard()
    {
        lock (Gate)
        {
            _isRung = false;
        }
    }

    /// <summary>The agent is done with what the bell called it for: items that still have no cursor have no consumer.</summary>
    public void OnAgentIdle()
    {
        lock (Gate)
        {
            if (Count > 0 && _cursors.Count == 0 && !_isRung)
                FailLocked(GridStreamFailureReason.NoConsumer);
        }
    }

    /// <summary>Drops what is queued and refuses further items until <see cref="Abandon"/>. Nothing if it has failed already.</summary>
    public void Fail(GridStreamFailureReason reason)
    {
        lock (Gate)
        {
            FailLocked(reason);
        }
    }

    /// <summary>Drops what is queued and begins anew.</summary>
    public int Abandon()
    {
        lock (Gate)
        {
            int dropped = DropAll();
            EndWait(GridStreamException.For(Id, GridStreamFailureReason.Abandoned));
            _failure = null;
            _isFailureTold = false;
            return dropped;
        }
    }

    /// <summary>
    /// Ends when of what is held now at most <paramref name="bytes"/> are left, however much is added meanwhile; fails as a held producer does.
    /// </summary>
    public Task WhenAtMost(long bytes)
    {
        lock (Gate)
        {
            if (_failure is { } failure)
            {
                _isFailureTold = true;
                return Task.FromException(GridStreamException.For(Id, failure));
            }

            if (HeldBytes <= bytes)
                return Task.CompletedTask;
            TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _draining.Add((AcknowledgedBytes + HeldBytes - bytes, reached));
            return reached.Task;
        }
    }

    /// <summary>
    /// Looks after the stream from time to time: fails it when its consumer acknowledges nothing, has its agent forget it
    /// when it is idle, and, once that is done, closes it.
    /// </summary>
    /// <returns>Whether the stream is closed and its state may go.</returns>
    public bool Sweep()
    {
        lock (Gate)
        {
            if (Count > 0)
            {
                if (setting.Time.GetElapsedTime(_progressAt) > setting.Options.DeliveryTimeMax)
                    FailLocked(GridStreamFailureReason.DeliveryTimeout);
                return false;
            }

            if (setting.Time.GetElapsedTime(_usedAt) <= setting.Options.IdleTimeMax || _isRung)
                return false;
            if (_cursors.Count > 0)
            {
                bell.Nudge();
                return false;
            }

            // A failure that no producer has been told of is kept: forgetting it would lose items in silence.
            _isClosed = _failure is null || _isFailureTold;
            return _isClosed;
        }
    }

    /// <summary>The stream's state.</summary>
    public GridStreamStatistics GetStatistics()
    {
        lock (Gate)
        {
            return new GridStreamStatistics(
                Id,
                HeldBytes,
                Count,
                _room is not null,
                _cursors.Exists(static c => c.InFlight is not null),
                _deliveredItems,
                _deliveredBytes,
                _droppedItems,
                setting.Time.GetElapsedTime(_progressAt),
                _failure);
        }
    }

    /// <summary>Why items may not be added, or null. Counts as telling the producer of a failure.</summary>
    protected GridStreamFailureReason? Refusal()
    {
        if (_failure is { } failure)
        {
            _isFailureTold = true;
            return failure;
        }

        return HeldBytes >= setting.Options.BytesPerStreamHardMax ? GridStreamFailureReason.Full : null;
    }

    /// <summary>Items were added to a queue that held <paramref name="countBefore"/>: rings if needed; the task to hold the producer with.</summary>
    protected Task OnAdded(int countBefore)
    {
        long now = setting.Time.GetTimestamp();
        _usedAt = now;
        if (countBefore == 0)
            _progressAt = now;
        if (!_isRung && (_cursors.Count == 0 || _cursors.Exists(static c => c.IsIdle)))
        {
            _isRung = true;
            bell.Ring();
        }

        if (HeldBytes < setting.Options.BytesPerStreamMax)
            return Task.CompletedTask;
        _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _room.Task;
    }

    private static StreamBatch? EndFlight(StreamCursor cursor)
    {
        StreamBatch? ended = cursor.InFlight;
        cursor.InFlight = null;
        cursor.IsWithdrawn = false;
        return ended;
    }

    private void Trim()
    {
        long least = long.MaxValue;
        foreach (StreamCursor cursor in _cursors)
            least = Math.Min(least, cursor.Held);
        long items = Math.Min(least - _base, Count);
        if (items <= 0)
            return;

        long before = HeldBytes;
        for (long i = 0; i < items; i++)
            HeldBytes -= RemoveFirst();
        _base += items;
        long bytes = before - HeldBytes - items * GridStreamOptions.ItemOverheadBytes;
        _deliveredItems += items;
        _deliveredBytes += bytes;
        setting.Instruments.OnDelivered(items, bytes);
        if (_room is not null && HeldBytes < setting.Options.BytesPerStreamMax)
            EndHold(null);
        for (int i = _draining.Count - 1; i >= 0; i--)
        {
            if (AcknowledgedBytes < _draining[i].Acknowledged)
                continue;
            _draining[i].Reached.TrySetResult();
            _draining.RemoveAt(i);
        }
    }

    private void FailLocked(GridStreamFailureReason reason)
    {
        if (_isClosed || _failure is not null)
            return;
        DropAll();
        _failure = reason;
        _isFailureTold = EndWait(GridStreamException.For(Id, reason));
        setting.OnFailed(Id, reason);
    }

    private int DropAll()
    {
        int dropped = Count;
        for (int i = 0; i < dropped; i++)
            RemoveFirst();
        HeldBytes = 0;
        _base += dropped;
        _droppedItems += dropped;
        foreach (StreamCursor cursor in _cursors)
        {
            cursor.Position = cursor.Held = _base;
            cursor.IsWithdrawn = cursor.InFlight is not null;
            cursor.InFlight?.Withdraw();
        }

        if (dropped > 0)
            setting.Instruments.OnDropped(dropped);
        return dropped;
    }

    /// <summary>Everybody who waits for room is told that there will be none.</summary>
    private bool EndWait(Exception exception)
    {
        bool told = EndHold(exception) || _draining.Count > 0;
        foreach ((_, TaskCompletionSource reached) in _draining)
            reached.TrySetException(exception);
        _draining.Clear();
        return told;
    }

    private bool EndHold(Exception? exception)
    {
        TaskCompletionSource? room = _room;
        _room = null;
        if (exception is null)
            room?.TrySetResult();
        else
            room?.TrySetException(exception);
        return room is not null;
    }
}
