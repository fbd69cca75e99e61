using Grid.Client.Operations;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Client.Pipelines;

/// <summary>One operation's place in a batch.</summary>
/// <param name="Operation">The call; null once it was told of its deadline.</param>
/// <param name="Index">Which of the call's operations it is.</param>
internal readonly record struct BatchEntry(PendingOperation? Operation, int Index);

/// <summary>
/// Operations of one shard that travel together: the request blob, written as they come, and who waits for each result.
/// Everything in it is guarded by its pipeline's lock, but for the entries of a batch that is done: they belong to the
/// thread that has the answer.
/// </summary>
internal sealed class Batch
{
    private OperationWriter _writer;

    /// <summary>The request blob. One reference is the batch's.</summary>
    public PooledBuffer Request { get; private set; } = null!;

    /// <summary>Who waits, in the order of the blob; <see cref="Count"/> of them.</summary>
    public BatchEntry[] Entries { get; private set; } = new BatchEntry[16];

    /// <summary>Operations in the blob.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of keys and values in it.</summary>
    public long Bytes { get; private set; }

    /// <summary>What all of its operations ask for.</summary>
    public CallSettings Settings { get; private set; }

    /// <summary>The next batch in the queue of what was not sent.</summary>
    public Batch? Next { get; set; }

    /// <summary>True when nothing may be added any more.</summary>
    public bool IsSealed { get; set; }

    /// <summary>Its place in the client's order for (shard, epoch); 0 before it has one.</summary>
    public long Number { get; set; }

    /// <summary>The lowest number of its operations in the client's count for the shard.</summary>
    public long FirstOperation { get; private set; }

    /// <summary>True when its operations were sent before: the shard looks each up before it does it.</summary>
    public bool Repeats { get; set; }

    /// <summary>True when its operations may have been applied under another number.</summary>
    public bool MayBeApplied { get; set; }

    /// <summary>True when its answer has come.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>True when it must be sent, or sent again.</summary>
    public bool NeedsSend { get; set; }

    /// <summary>Calls that carry it and have not come back.</summary>
    public int AttemptsOut { get; set; }

    /// <summary>Calls that carry the very blob of <see cref="Request"/> and were not answered: its bytes may still be read.</summary>
    public int Lent { get; set; }

    /// <summary>Times it was sent under its number.</summary>
    public int Sends { get; set; }

    /// <summary>When it was last sent.</summary>
    public long LastSentMs { get; set; }

    /// <summary>True when a call that carried it under its number ended without telling whether it was applied.</summary>
    public bool IsUnknown { get; set; }

    /// <summary>True when its operations were answered or given up.</summary>
    public bool IsDone { get; set; }

    /// <summary>The window, calls under way and a delivery that hold it; at 0 it goes back to the pool.</summary>
    public int Users { get; set; }

    /// <summary>The earliest deadline in it.</summary>
    public long EarliestDeadlineMs { get; private set; }

    /// <summary>The latest deadline in it.</summary>
    public long LatestDeadlineMs { get; private set; }

    /// <summary>The dispatcher's count of abandoned calls up to which this batch has none.</summary>
    public int CleanOfAbandoned { get; set; }

    /// <summary>Ticks that it spent at the head of the queue.</summary>
    public int TicksWaited { get; set; }

    /// <summary>True when a call of it has a span.</summary>
    public bool IsTraced { get; private set; }

    /// <summary>Makes it an empty batch with a blob of its own.</summary>
    public void Open(int shard, ulong client, in CallSettings settings, int capacity, int abandonedStamp)
    {
        Settings = settings;
        Users = 1;
        CleanOfAbandoned = abandonedStamp;
        Begin(shard, client, capacity);
    }

    /// <summary>Appends an operation.</summary>
    public void Add(PendingOperation operation, int index, in Operation data)
    {
        if (Count == Entries.Length)
        {
            BatchEntry[] larger = new BatchEntry[Count * 2];
            Entries.CopyTo(larger, 0);
            Entries = larger;
        }

        _writer.Write(operation.Keyspace, data);
        if (Count == 0)
            FirstOperation = data.Number;
        Entries[Count++] = new BatchEntry(operation, index);
        Bytes += SizeOf(data);
        IsTraced |= operation.Span is not null;
        EarliestDeadlineMs = Math.Min(EarliestDeadlineMs, operation.DeadlineMs);
        LatestDeadlineMs = Math.Max(LatestDeadlineMs, operation.DeadlineMs);
    }

    /// <summary>Gives the only operation its number, when that becomes known after the operation was written.</summary>
    public void NumberOnly(long number)
    {
        FirstOperation = number;
        RequestHeader.PatchFirstOperation(Request, number);
    }

    /// <summary>What an operation counts against the bounds on bytes.</summary>
    public static int SizeOf(in Operation data) => data.Key.Length + data.Value.Length + 32;

    /// <summary>Looks at every deadline anew, after some entries were told of theirs; false if nobody waits any more.</summary>
    public bool RefreshDeadlines()
    {
        EarliestDeadlineMs = long.MaxValue;
        LatestDeadlineMs = 0;
        bool anybody = false;
        foreach (ref readonly BatchEntry entry in Entries.AsSpan(0, Count))
        {
            if (entry.Operation is not { IsOver: false } operation)
                continue;
            anybody = true;
            EarliestDeadlineMs = Math.Min(EarliestDeadlineMs, operation.DeadlineMs);
            LatestDeadlineMs = Math.Max(LatestDeadlineMs, operation.DeadlineMs);
        }

        return anybody;
    }

    /// <summary>Takes the operations out for which nobody waits any more; only for a batch that is known not to have been applied.</summary>
    /// <returns>The operations and bytes that went.</returns>
    public (int Operations, long Bytes) DropAbandoned(int shard, ulong client)
    {
        (int count, long bytes) = (Count, Bytes);
        PooledBuffer old = Request;
        Begin(shard, client, old.Length);
        OperationReader reader = new(old.Span, count);
        for (int i = 0; reader.TryRead(out Operation data); i++)
        {
            if (Entries[i].Operation is { IsOver: false } operation)
                Add(operation, Entries[i].Index, data);
        }

        Array.Clear(Entries, Count, count - Count);
        old.Release();
        return (count - Count, bytes - Bytes);
    }

    /// <summary>Writes numbers, reign and deadline into the blob, which becomes a copy if the old one may still be read.</summary>
    public void Address(long epoch, long acknowledgedBelow, long settledBelow, int timeoutMs)
    {
        if (Lent > 0)
        {
            PooledBuffer old = Request;
            Request = PooledBuffer.Rent(old.Length);
            Request.Write(old.Span);
            Lent = 0;
            old.Release();
        }

        RequestHeader.PatchCount(Request, Count);
        RequestHeader.PatchOrder(Request, Number, epoch, acknowledgedBelow, timeoutMs);
        RequestHeader.PatchSession(Request, settledBelow, Repeats);
    }

    /// <summary>Ends the batch's reference to its blob and makes it fit for another use.</summary>
    public void Close()
    {
        Request.Release();
        Request = null!;
        _writer = default;
        Array.Clear(Entries, 0, Count);
        Next = null;
        Number = 0;
        Count = Sends = Lent = AttemptsOut = TicksWaited = 0;
        IsSealed = IsUnknown = IsDone = IsAnswered = NeedsSend = Repeats = MayBeApplied = false;
    }

    private void Begin(int shard, ulong client, int capacity)
    {
        Request = PooledBuffer.Rent(Math.Max(capacity, RequestHeader.Length));
        new RequestHeader(shard, client, 0, 0, 0, 1, Settings.WireDurability, Settings.Committed).Write(Request);
        _writer = new OperationWriter(Request);
        Count = 0;
        Bytes = 0;
        IsTraced = false;
        EarliestDeadlineMs = long.MaxValue;
        LatestDeadlineMs = 0;
    }
}
