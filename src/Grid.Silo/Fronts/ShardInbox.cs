using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Silo.Grains;

namespace Grid.Silo.Fronts;

/// <summary>What is brought to a primary from within its silo: a batch with its token, or a replica's acknowledgement.</summary>
internal readonly record struct ShardWork(ReplyToken? Token, PooledBuffer? Request, AcknowledgeCall Acknowledgement)
{
    /// <summary>Ends the request without executing it.</summary>
    public void Refuse(BatchStatus status, string reason)
    {
        Token?.Complete(ReplyHeader.Refusal(status, 0, reason));
        Token?.OnExecuted();
        Request?.ReleaseReceived();
    }
}

/// <summary>
/// What waits for a primary's next turn: put here by other threads of the silo and taken all at once, so that one turn, one flush of
/// the command streams and one look at the committed offset serve all of it.
/// </summary>
/// <remarks>Thread-safe. Open while the activation reigns; what comes when it is closed is refused, known not to have been applied.</remarks>
internal sealed class ShardInbox(Action<ShardInbox> scheduleTurn)
{
    /// <summary>Work that waits; beyond it batches are refused as overload, and acknowledgements, each of which makes good for those before it, dropped.</summary>
    public const int CountMax = 8192;

    private readonly Lock _gate = new();
    private Queue<ShardWork> _queue = new();
    private bool _open;
    private bool _scheduled;

    /// <summary>Begins to take work.</summary>
    public void Open()
    {
        lock (_gate)
            _open = true;
    }

    /// <summary>Refuses what waits and what is still to come.</summary>
    public void Close(string reason)
    {
        Queue<ShardWork> left;
        lock (_gate)
        {
            _open = false;
            left = _queue;
            _queue = new();
        }

        foreach (ShardWork work in left)
            work.Refuse(BatchStatus.NotPrimary, reason);
    }

    /// <summary>Puts work in; it is done, or refused, later.</summary>
    public void Post(in ShardWork work)
    {
        BatchStatus obstacle = BatchStatus.Ok;
        bool schedule = false;
        lock (_gate)
        {
            if (!_open)
            {
                obstacle = BatchStatus.NotPrimary;
            }
            else if (_queue.Count >= CountMax)
            {
                obstacle = BatchStatus.Overloaded;
            }
            else
            {
                _queue.Enqueue(work);
                schedule = !_scheduled;
                _scheduled = true;
            }
        }

        if (schedule)
            scheduleTurn(this);
        else if (obstacle != BatchStatus.Ok)
            work.Refuse(obstacle, obstacle == BatchStatus.NotPrimary ? "The shard's primary has just left this silo." : "The shard has more requests waiting than it may hold; try again.");
    }

    /// <summary>Takes at most <paramref name="most"/> pieces of work into an empty list, for one turn; schedules the next turn if some are left.</summary>
    public void Take(List<ShardWork> taken, int most)
    {
        bool more;
        lock (_gate)
        {
            while (taken.Count < most && _queue.TryDequeue(out ShardWork work))
                taken.Add(work);
            more = _queue.Count > 0;
            _scheduled = more;
        }

        if (more)
            scheduleTurn(this);
    }
}

/// <summary>The primaries on this silo, by shard.</summary>
internal sealed class LocalShards
{
    private ShardInbox?[] _inboxes = new ShardInbox?[64];
    private readonly Lock _gate = new();

    /// <summary>The inbox of the primary of a shard, if it is on this silo.</summary>
    public ShardInbox? Find(int shard)
    {
        ShardInbox?[] inboxes = Volatile.Read(ref _inboxes);
        return (uint)shard < (uint)inboxes.Length ? Volatile.Read(ref inboxes[shard]) : null;
    }

    /// <summary>The shards whose primaries are here.</summary>
    public int[] Shards()
    {
        ShardInbox?[] inboxes = Volatile.Read(ref _inboxes);
        return [.. Enumerable.Range(0, inboxes.Length).Where(shard => inboxes[shard] is not null)];
    }

    /// <summary>A primary began to reign here.</summary>
    public void Add(int shard, ShardInbox inbox)
    {
        lock (_gate)
        {
            ShardInbox?[] inboxes = _inboxes;
            if (shard >= inboxes.Length)
                Array.Resize(ref inboxes, Math.Max(shard + 1, inboxes.Length * 2));
            inboxes[shard] = inbox;
            Volatile.Write(ref _inboxes, inboxes);
        }
    }

    /// <summary>A primary no longer reigns here.</summary>
    public void Remove(int shard, ShardInbox inbox)
    {
        lock (_gate)
        {
            if (shard < _inboxes.Length && _inboxes[shard] == inbox)
                Volatile.Write(ref _inboxes[shard], null);
        }
    }
}
