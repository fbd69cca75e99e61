using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Primary;
using Grid.Silo;
using Grid.Silo.Snapshots;
using Grid.Tests.Client;
using Microsoft.Extensions.Options;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>A cohort of members that take pieces at their own speeds, in virtual time.</summary>
public sealed class CohortSenderTests
{
    private const int StallMs = 2000;
    private const int ChunkBytes = 256 << 10;

    private readonly VirtualTime _time = new();
    private readonly List<(string Silo, string Problem)> _leftBehind = [];

    [Fact]
    public async Task All_members_get_the_same_pieces_in_order_and_then_the_end()
    {
        Taker[] takers = [new("a", _time, 5), new("b", _time, 9)];
        await SendAsync(takers, chunks: 20);
        Assert.Empty(_leftBehind);
        Assert.All(takers, taker => Assert.Equal(Enumerable.Range(1, 21).Select(sequence => (long)sequence), taker.Sequences));
        Assert.All(takers, taker => Assert.Equal(LinkItemKind.SnapshotEnd, taker.Kinds[^1]));
    }

    [Fact]
    public async Task Members_are_waited_for_side_by_side_and_not_one_after_the_other()
    {
        Taker[] takers = [new("a", _time, 50), new("b", _time, 50), new("c", _time, 50)];
        long began = _time.NowMs;
        await SendAsync(takers, chunks: 10);
        Assert.InRange(_time.NowMs - began, 500, 700);
    }

    [Fact]
    public async Task What_is_under_way_to_a_member_is_bounded_by_its_speed()
    {
        Taker slow = new("a", _time, 100);
        await SendAsync([slow], chunks: 30);
        Assert.InRange(slow.HeldMax, 1, 3 * ChunkBytes);
    }

    [Fact]
    public async Task Who_stalls_is_left_behind_after_the_stall_time_and_the_others_lose_no_more_than_that()
    {
        Taker stalls = new("b", _time, 5) { StallsAfter = 3 };
        Taker survivor = new("a", _time, 5);
        long began = _time.NowMs;
        await SendAsync([survivor, stalls], chunks: 40);
        Assert.Equal("b", Assert.Single(_leftBehind).Silo);
        Assert.StartsWith("it took nothing of the snapshot for 2", _leftBehind[0].Problem, StringComparison.Ordinal);
        Assert.Equal(LinkItemKind.SnapshotEnd, survivor.Kinds[^1]);
        Assert.InRange(_time.NowMs - began, StallMs, StallMs + 1000);
    }

    [Fact]
    public async Task While_the_others_wait_for_who_stalls_they_hear_that_the_primary_lives()
    {
        Taker survivor = new("a", _time, 5);
        await SendAsync([survivor, new("b", _time, 5) { StallsAfter = 3 }], chunks: 40);
        Assert.InRange(survivor.LongestSilenceMs, 0, StallMs / 2);
    }

    [Fact]
    public async Task Who_takes_some_but_makes_the_others_wait_for_most_of_the_time_is_left_behind_too()
    {
        Taker fast = new("a", _time, 10);
        Taker slow = new("b", _time, 400);
        long began = _time.NowMs;
        await SendAsync([fast, slow], chunks: 100);
        Assert.Equal("b", Assert.Single(_leftBehind).Silo);
        Assert.Contains("stood idle for 2", _leftBehind[0].Problem, StringComparison.Ordinal);
        Assert.Equal(101, fast.Sequences.Count - fast.Signs);
        Assert.InRange(_time.NowMs - began, 3000, 5000);
    }

    [Fact]
    public async Task Who_is_a_little_slower_sets_the_pace_however_long_it_takes()
    {
        Taker[] takers = [new("a", _time, 60), new("b", _time, 100)];
        await SendAsync(takers, chunks: 400);
        Assert.Empty(_leftBehind);
        Assert.All(takers, taker => Assert.Equal(LinkItemKind.SnapshotEnd, taker.Kinds[^1]));
    }

    [Fact]
    public async Task Two_that_are_equally_slow_hold_up_nobody()
    {
        await SendAsync([new("a", _time, 600), new("b", _time, 600)], chunks: 30);
        Assert.Empty(_leftBehind);
    }

    [Fact]
    public async Task A_lone_member_may_be_as_slow_as_it_likes_as_long_as_it_takes_something()
    {
        await SendAsync([new("a", _time, StallMs - 100)], chunks: 10);
        Assert.Empty(_leftBehind);
    }

    [Fact]
    public async Task A_member_whose_stream_fails_is_left_behind_at_once_and_told_of_with_the_reason()
    {
        Taker survivor = new("a", _time, 5);
        await SendAsync([survivor, new("b", _time, 5) { FailsAfter = 4 }], chunks: 20);
        Assert.Equal(("b", "the stream broke"), Assert.Single(_leftBehind));
        Assert.Equal(Enumerable.Range(1, 21).Select(sequence => (long)sequence), survivor.Sequences);
    }

    [Fact]
    public async Task Who_has_left_gets_nothing_more_and_is_not_told_of()
    {
        Taker leaver = new("b", _time, 5) { LeavesAfter = 4 };
        Taker survivor = new("a", _time, 5);
        await SendAsync([survivor, leaver], chunks: 20);
        Assert.Empty(_leftBehind);
        Assert.Equal(4, leaver.Sequences.Count);
        Assert.Equal(21, survivor.Sequences.Count);
    }

    [Fact]
    public async Task While_the_next_piece_is_being_made_the_members_hear_that_the_primary_lives()
    {
        Taker taker = new("a", _time, 5);
        CohortSender sender = NewSender([taker]);
        int made = 0;
        await RunAsync(async () => made = await sender.WhileMakingAsync(MakeAsync()));
        Assert.Equal(7, made);
        Assert.Equal(9, taker.Signs);
        Assert.InRange(taker.LongestSilenceMs, 1, StallMs / 2);

        async ValueTask<int> MakeAsync()
        {
            await Task.Delay(TimeSpan.FromMilliseconds(4900), _time);
            return 7;
        }
    }

    private Task SendAsync(Taker[] takers, int chunks) => RunAsync(async () =>
    {
        CohortSender sender = NewSender(takers);
        for (int i = 0; i < chunks; i++)
            await sender.SendAsync(Chunk(), TestContext.Current.CancellationToken);
        await sender.EndAsync(0, TestContext.Current.CancellationToken);
    });

    private CohortSender NewSender(Taker[] takers)
    {
        SyncPace pace = new(new GridSettings(Options.Create(new GridOptions())), _time);
        return new CohortSender([.. takers.Select(static taker => taker.Member)], new SnapshotItems(7, epoch: 1), pace, TimeSpan.FromMilliseconds(StallMs), LeftBehind, _time);
    }

    private Task LeftBehind(SyncMember member, string problem)
    {
        _leftBehind.Add((member.Identity.Silo, problem));
        return Task.CompletedTask;
    }

    private static PooledBuffer Chunk()
    {
        PooledBuffer chunk = PooledBuffer.Rent(ChunkBytes);
        chunk.Advance(ChunkBytes);
        return chunk;
    }

    /// <summary>Runs something on this thread; time goes on when nothing else is left to do.</summary>
    private async Task RunAsync(Func<Task> work)
    {
        Turns turns = new();
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(turns);
        Task running;
        try
        {
            running = work();
            while (!running.IsCompleted)
            {
                if (turns.TryRun())
                    continue;
                Assert.True(_time.NextMs is not null, "Nothing is left to wait for.");
                _time.AdvanceTo(_time.NextMs.Value);
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        await running;
    }

    private sealed class Turns : SynchronizationContext
    {
        private readonly Queue<(SendOrPostCallback Turn, object? State)> _turns = new();

        public override void Post(SendOrPostCallback d, object? state) => _turns.Enqueue((d, state));

        public bool TryRun()
        {
            if (!_turns.TryDequeue(out (SendOrPostCallback Turn, object? State) next))
                return false;
            next.Turn(next.State);
            return true;
        }
    }

    /// <summary>A member that takes one item after the other, a chunk in the given time.</summary>
    private sealed class Taker
    {
        private readonly VirtualTime _time;
        private readonly int _chunkMs;
        private readonly Queue<int> _waiting = new();
        private readonly List<(long Bytes, TaskCompletionSource Reached)> _watchers = [];
        private readonly ITimer _timer;
        private long _held;
        private long _takenAtMs;
        private bool _isBroken;

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

        public int FailsAfter { get; init; } = int.MaxValue;

        public int LeavesAfter { get; init; } = int.MaxValue;

        public List<long> Sequences { get; } = [];

        public List<LinkItemKind> Kinds { get; } = [];

        /// <summary>Pieces without content.</summary>
        public int Signs { get; private set; }

        public long HeldMax { get; private set; }

        public long LongestSilenceMs { get; private set; }

        private Task Send(PooledBuffer item)
        {
            if (_isBroken)
            {
                item.Release();
                return Task.FromException(new IOException("the stream broke"));
            }

            LinkItem head = LinkItem.Read(item.Span, out ReadOnlySpan<byte> body);
            Sequences.Add(head.Sequence);
            Kinds.Add(head.Kind);
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

        private Task WhenHeldAtMost(long bytes)
        {
            if (_held <= bytes)
                return Task.CompletedTask;
            TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((bytes, reached));
            return reached.Task;
        }

        private void Next()
        {
            if (_waiting.Count > 0 && Sequences.Count < StallsAfter)
                _timer.Change(TimeSpan.FromMilliseconds((long)_chunkMs * _waiting.Peek() / ChunkBytes), Timeout.InfiniteTimeSpan);
        }

        private void Take()
        {
            _held -= _waiting.Dequeue();
            _isBroken = Sequences.Count >= FailsAfter;
            foreach ((long bytes, TaskCompletionSource reached) in _watchers.ToArray())
            {
                if (_held > bytes)
                    continue;
                _watchers.Remove((bytes, reached));
                reached.SetResult();
            }

            Next();
        }
    }
}
