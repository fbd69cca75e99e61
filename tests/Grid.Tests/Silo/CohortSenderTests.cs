using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Silo;
using Grid.Silo.Snapshots;
using Grid.Tests.Client;
using Grid.Tests.Streams;
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
    public async Task Who_stalls_with_nothing_but_the_end_left_is_left_behind_and_the_others_have_got_all_of_it()
    {
        Taker stalls = new("b", _time, 5) { StallsAtEnd = true };
        Taker survivor = new("a", _time, 5);
        long began = _time.NowMs;
        await SendAsync([survivor, stalls], chunks: 20);
        Assert.Equal("b", Assert.Single(_leftBehind).Silo);
        Assert.StartsWith("it took nothing of the snapshot for 2", _leftBehind[0].Problem, StringComparison.Ordinal);
        Assert.True(survivor.HasAll);
        Assert.InRange(_time.NowMs - began, StallMs, StallMs + 1000);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelled_while_a_member_is_late_it_ends_at_once_and_nobody_is_left_behind(bool atTheEnd)
    {
        using CancellationTokenSource cancel = new();
        Taker stalls = new("b", _time, 5) { StallsAtEnd = atTheEnd, StallsAfter = atTheEnd ? int.MaxValue : 3 };
        long began = _time.NowMs;
        await _time.RunAsync(async () =>
        {
            CohortSender sender = NewSender([new("a", _time, 5), stalls]);
            Task sending = SendAllAsync(sender, 20, cancel.Token);
            await Task.Delay(TimeSpan.FromMilliseconds(StallMs / 2), _time);
            Assert.False(sending.IsCompleted);
            Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        });
        Assert.Empty(_leftBehind);
        Assert.Equal(StallMs / 2, _time.NowMs - began);

        // On this thread: the other way there is goes to the pool, of which virtual time knows nothing.
        void Cancel() => cancel.Cancel();
    }

    [Fact]
    public async Task Under_a_pace_two_members_take_as_long_as_the_bytes_of_both_do()
    {
        const int ChunksPerSecond = 10, Chunks = 20;
        Taker[] takers = [new("a", _time, 5), new("b", _time, 5)];
        long began = _time.NowMs;
        await _time.RunAsync(() => SendAllAsync(NewSender(takers, ChunksPerSecond * ChunkBytes), Chunks, TestContext.Current.CancellationToken));
        Assert.Empty(_leftBehind);
        Assert.All(takers, static taker => Assert.True(taker.HasAll));

        // The first chunk goes at once.
        Assert.InRange(_time.NowMs - began, (Chunks - 1) * 2 * 1000 / ChunksPerSecond, (Chunks * 2 * 1000 / ChunksPerSecond) + 100);
    }

    [Fact]
    public async Task Under_a_slow_pace_the_members_hear_that_the_primary_lives()
    {
        Taker[] takers = [new("a", _time, 5), new("b", _time, 5)];
        await _time.RunAsync(() => SendAllAsync(NewSender(takers, ChunkBytes / 4), 3, TestContext.Current.CancellationToken));
        Assert.Empty(_leftBehind);
        Assert.All(takers, static taker => Assert.InRange(taker.LongestSilenceMs, 1, StallMs / 2));
    }

    [Fact]
    public async Task A_chunk_that_waits_for_its_time_when_all_is_cancelled_is_not_sent_and_its_buffer_is_given_back()
    {
        using CancellationTokenSource cancel = new();
        Taker taker = new("a", _time, 5);
        PooledBuffer late = Chunk(ChunkBytes);
        await _time.RunAsync(async () =>
        {
            CohortSender sender = NewSender([taker], ChunkBytes);
            await sender.SendAsync(Chunk(ChunkBytes), TestContext.Current.CancellationToken);
            Task sending = sender.SendAsync(late, cancel.Token).AsTask();
            Assert.False(QueueBench.IsReturned(late));
            Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        });
        Assert.True(QueueBench.IsReturned(late));
        Assert.Single(taker.Sequences);

        void Cancel() => cancel.Cancel();
    }

    /// <summary>A chunk travels while the next one is sent; more would stand before the command streams' items, less would leave the connection idle.</summary>
    [Theory]
    [InlineData(128 << 10)]
    [InlineData(256 << 10)]
    [InlineData(1 << 20)]
    [InlineData(4 << 20)]
    public async Task Two_chunks_are_under_way_whatever_their_size(int chunkBytes)
    {
        Taker slow = new("a", _time, 100);
        await _time.RunAsync(() => SendAllAsync(NewSender([slow]), 10, TestContext.Current.CancellationToken, chunkBytes));
        Assert.Empty(_leftBehind);
        Assert.InRange(slow.HeldMax, 2 * chunkBytes, (2 * chunkBytes) + (32 << 10));
    }

    [Fact]
    public async Task While_the_next_piece_is_being_made_the_members_hear_that_the_primary_lives()
    {
        Taker taker = new("a", _time, 5);
        CohortSender sender = NewSender([taker]);
        int made = 0;
        await _time.RunAsync(async () => made = await sender.WhileMakingAsync(MakeAsync()));
        Assert.Equal(7, made);
        Assert.Equal(9, taker.Signs);
        Assert.InRange(taker.LongestSilenceMs, 1, StallMs / 2);

        async ValueTask<int> MakeAsync()
        {
            await Task.Delay(TimeSpan.FromMilliseconds(4900), _time);
            return 7;
        }
    }

    private Task SendAsync(Taker[] takers, int chunks) =>
        _time.RunAsync(() => SendAllAsync(NewSender(takers), chunks, TestContext.Current.CancellationToken));

    private static async Task SendAllAsync(CohortSender sender, int chunks, CancellationToken cancellation, int chunkBytes = ChunkBytes)
    {
        for (int i = 0; i < chunks; i++)
            await sender.SendAsync(Chunk(chunkBytes), cancellation);
        await sender.EndAsync(0, cancellation);
    }

    private CohortSender NewSender(Taker[] takers, int bytesPerSecond = 0)
    {
        SyncPace pace = new(new GridSettings(Options.Create(new GridOptions { SyncBytesPerSecondMax = bytesPerSecond })), _time);
        return new CohortSender([.. takers.Select(static taker => taker.Member)], new SnapshotItems(7, epoch: 1), pace, TimeSpan.FromMilliseconds(StallMs), LeftBehind, _time);
    }

    private Task LeftBehind(SyncMember member, string problem)
    {
        _leftBehind.Add((member.Identity.Silo, problem));
        return Task.CompletedTask;
    }

    private static PooledBuffer Chunk(int bytes)
    {
        PooledBuffer chunk = PooledBuffer.Rent(bytes);
        chunk.Advance(bytes);
        return chunk;
    }
}
