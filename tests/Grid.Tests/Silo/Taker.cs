using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Primary;
using Grid.Silo.Snapshots;
using Grid.Tests.Client;

namespace Grid.Tests.Silo;

/// <summary>A member of a cohort that takes one item after the other, a chunk of 256 KiB in the given time.</summary>
internal sealed class Taker
{
    private const int ChunkBytes = 256 << 10;

    private readonly VirtualTime _time;
    private readonly int _chunkMs;
    private readonly Queue<int> _waiting = new();
    private readonly List<(long Taken, TaskCompletionSource Reached)> _watchers = [];
    private readonly ITimer _timer;
    private long _held;
    private long _taken;
    private long _takenAtMs;
    private bool _isBroken;
    private bool _hasEnd;

    public Taker(string silo, VirtualTime time, int chunkMs)
    {
        _time = time;
        _chunkMs = chunkMs;
        _takenAtMs = time.NowMs;
        _timer = time.CreateTimer(_ => Take(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Member = new SyncMember(new SnapshotMember(silo, 1, DualChannel: true), Send, WhenHeldAtMost);
    }

    public SyncMember Member { get; }

    public int StallsAfter { get; init; } = int.MaxValue;

    /// <summary>Takes everything but the end.</summary>
    public bool StallsAtEnd { get; init; }

    /// <summary>True once it has taken everything, the end as well.</summary>
    public bool HasAll => _hasEnd && _waiting.Count == 0;

    public int FailsAfter { get; init; } = int.MaxValue;

    public int LeavesAfter { get; init; } = int.MaxValue;

    public List<long> Sequences { get; } = [];

    public List<LinkItemKind> Kinds { get; } = [];

    /// <summary>Pieces without content.</summary>
    public int Signs { get; private set; }

    public long HeldMax { get; private set; }

    public long LongestSilenceMs { get; private set; }

    public Task Send(PooledBuffer item)
    {
        if (_isBroken)
        {
            item.Release();
            return Task.FromException(new IOException("the stream broke"));
        }

        LinkItem head = LinkItem.Read(item.Span, out ReadOnlySpan<byte> body);
        Sequences.Add(head.Sequence);
        Kinds.Add(head.Kind);
        _hasEnd |= head.Kind == LinkItemKind.SnapshotEnd;
        Signs += head.Kind == LinkItemKind.SnapshotChunk && body.IsEmpty ? 1 : 0;
        LongestSilenceMs = Math.Max(LongestSilenceMs, _time.NowMs - _takenAtMs);
        _takenAtMs = _time.NowMs;
        _held += item.Length;
        HeldMax = Math.Max(HeldMax, _held);
        _waiting.Enqueue(item.Length);
        item.Release();
        if (_waiting.Count == 1)
            Next();
        if (Sequences.Count >= LeavesAfter)
            Member.Leave();
        return Task.CompletedTask;
    }

    public Task WhenHeldAtMost(long bytes)
    {
        if (_held <= bytes)
            return Task.CompletedTask;
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _watchers.Add((_taken + _held - bytes, reached));
        return reached.Task;
    }

    private void Next()
    {
        bool stalls = Sequences.Count >= StallsAfter || (StallsAtEnd && _hasEnd && _waiting.Count == 1);
        if (_waiting.Count > 0 && !stalls)
            _timer.Change(TimeSpan.FromMilliseconds((long)_chunkMs * _waiting.Peek() / ChunkBytes), Timeout.InfiniteTimeSpan);
    }

    private void Take()
    {
        int bytes = _waiting.Dequeue();
        _held -= bytes;
        _taken += bytes;
        _isBroken = Sequences.Count >= FailsAfter;
        foreach ((long taken, TaskCompletionSource reached) in _watchers.ToArray())
        {
            if (_taken < taken)
                continue;
            _watchers.Remove((taken, reached));
            reached.SetResult();
        }

        Next();
    }
}
