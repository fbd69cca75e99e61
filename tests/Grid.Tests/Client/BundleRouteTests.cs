using Grid.Client.Bundles;
using Grid.Client.Contracts;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Xunit;

namespace Grid.Tests.Client;

/// <summary>The way to one silo: what gathers, what is held up, and what happens when the silo does not answer.</summary>
public sealed class BundleRouteTests
{
    private readonly VirtualTime _time = new();
    private readonly StepQueue _work = new();
    private readonly ScriptedCarrier _carrier = new();
    private readonly PlainCalls _plain = new();

    [Fact]
    public void What_comes_while_bundles_are_under_way_goes_out_as_one()
    {
        BundleRoute route = Route(underWayMax: 1);
        Task<PooledBuffer>[] batches = [.. Enumerable.Range(0, 5).Select(shard => Add(route, shard))];
        _work.RunAll();
        Assert.Equal([5], _carrier.Sent);
        Task<PooledBuffer> sixth = Add(route, 6);
        Task<PooledBuffer> seventh = Add(route, 7);
        _work.RunAll();
        Assert.Single(_carrier.Sent);

        _carrier.Answer(0, ticket: 0, 0, 1, 2, 3, 4);
        _work.RunAll();
        Assert.All(batches, static batch => Assert.True(batch.IsCompletedSuccessfully));
        Assert.Equal([5, 2], _carrier.Sent);
        Assert.False(sixth.IsCompleted || seventh.IsCompleted);
    }

    [Fact]
    public void A_slow_shard_holds_up_neither_the_other_replies_nor_the_next_bundle()
    {
        BundleRoute route = Route(underWayMax: 1);
        Task<PooledBuffer> slow = Add(route, 1);
        Task<PooledBuffer> fast = Add(route, 2);
        _work.RunAll();
        Task<PooledBuffer> next = Add(route, 3);

        _carrier.Answer(0, ticket: 77, 1);
        _work.RunAll();
        Assert.True(fast.IsCompletedSuccessfully);
        Assert.False(slow.IsCompleted);
        Assert.Equal([2, 1], _carrier.Sent);
        Assert.Equal([77], _carrier.Collected);

        _carrier.Answer(2, ticket: 0, 0);
        _work.RunAll();
        Assert.True(next.IsCompletedSuccessfully);
        Assert.False(slow.IsCompleted);
        _carrier.Answer(1, ticket: 0, 0);
        _work.RunAll();
        Assert.True(slow.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_fault_ends_what_was_under_way_and_sends_what_waits_by_plain_calls()
    {
        BundleRoute route = Route(underWayMax: 1);
        Task<PooledBuffer> underWay = Add(route, 1);
        _work.RunAll();
        Task<PooledBuffer> waiting = Add(route, 2);
        _carrier.Fail(0);
        _work.RunAll();
        Assert.IsType<TimeoutException>(underWay.Exception?.InnerException);
        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.Equal([2], _plain.Shards);
        Assert.True(route.IsBroken);
        Assert.Null(route.TryAdd(3, Request(3)));
    }

    [Fact]
    public void A_silent_silo_is_not_waited_for()
    {
        BundleRoute route = Route(underWayMax: 1);
        Task<PooledBuffer> underWay = Add(route, 1);
        _work.RunAll();
        Task<PooledBuffer> waiting = Add(route, 2);
        _time.AdvanceTo(_time.NowMs + BundleSettings.SilenceMs + 1);
        Assert.Null(route.TryAdd(3, Request(3)));
        _work.RunAll();
        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.False(underWay.IsCompleted);
    }

    [Fact]
    public void A_batch_without_a_reply_to_the_end_fails_and_the_others_do_not()
    {
        BundleRoute route = Route(underWayMax: 1);
        Task<PooledBuffer> passedOn = Add(route, 1);
        Task<PooledBuffer> forgotten = Add(route, 2);
        Task<PooledBuffer> answered = Add(route, 3);
        _work.RunAll();
        _carrier.AnswerEmpty(0, empty: 0, answered: 2);
        _work.RunAll();
        Assert.IsType<GridBundleException>(passedOn.Exception?.InnerException);
        Assert.IsType<GridBundleException>(forgotten.Exception?.InnerException);
        Assert.True(answered.IsCompletedSuccessfully);
        Assert.False(route.IsBroken);
    }

    [Fact]
    public void Large_batches_and_unknown_shards_go_by_plain_calls()
    {
        BundlingTransport transport = new(_plain) { Routes = [Route(underWayMax: 2), null] };
        PooledBuffer large = PooledBuffer.Rent(BundleSettings.LargeBatchBytes);
        large.Write(new byte[BundleSettings.LargeBatchBytes]);
        Assert.True(transport.ExecuteAsync(0, large).IsCompletedSuccessfully);
        Assert.True(transport.ExecuteAsync(1, Request(1)).IsCompletedSuccessfully);
        Assert.True(transport.ExecuteAsync(9, Request(9)).IsCompletedSuccessfully);
        Assert.False(transport.ExecuteAsync(0, Request(0)).IsCompleted);
        Assert.Equal([0, 1, 9], _plain.Shards);
    }

    [Fact]
    public void A_batch_whose_route_is_broken_goes_through_another_front_if_it_may()
    {
        BundleRoute broken = Route(underWayMax: 1);
        _ = Add(broken, 0);
        _work.RunAll();
        _carrier.Fail(0);
        _work.RunAll();
        BundleRoute other = Route(underWayMax: 1);
        BundlingTransport silo = new(_plain) { Routes = [broken, other] };
        Assert.True(silo.ExecuteAsync(0, Request(0)).IsCompletedSuccessfully);
        Assert.Equal([0], _plain.Shards);

        BundlingTransport client = new(_plain, throughOthers: true) { Routes = [broken, other] };
        Assert.False(client.ExecuteAsync(0, Request(0)).IsCompleted);
        Assert.Equal([0], _plain.Shards);
    }

    private BundleRoute Route(int underWayMax) =>
        new(_carrier, _plain, new BundleSettings(underWayMax), _work, new MonotonicClock(_time));

    private static Task<PooledBuffer> Add(BundleRoute route, int shard) => route.TryAdd(shard, Request(shard))!.Task.AsTask();

    private static PooledBuffer Request(int shard)
    {
        PooledBuffer request = PooledBuffer.Rent(64);
        new RequestHeader(shard, 1, 1, 1, 1, 1000, WriteDurability.Replicated, false).Write(request);
        return request;
    }

    private sealed class StepQueue : IWorkQueue
    {
        private readonly Queue<IThreadPoolWorkItem> _items = new();

        public void Queue(IThreadPoolWorkItem work) => _items.Enqueue(work);

        public void RunAll()
        {
            while (_items.TryDequeue(out IThreadPoolWorkItem? work))
                work.Execute();
        }
    }

    private sealed class ScriptedCarrier : IBundleCarrier
    {
        private readonly List<TaskCompletionSource<BatchBundle>> _calls = [];

        /// <summary>Batches in each bundle.</summary>
        public List<int> Sent { get; } = [];

        public List<long> Collected { get; } = [];

        public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle)
        {
            Sent.Add(bundle.Count);
            return Call();
        }

        public ValueTask<BatchBundle> CollectAsync(long ticket)
        {
            Collected.Add(ticket);
            return Call();
        }

        public void Answer(int call, long ticket, params int[] places)
        {
            BatchBundle replies = new(places.Length, ticket);
            foreach (int place in places)
                replies.Add(place, ReplyHeader.Refusal(BatchStatus.NotPrimary, 1, "answered").HandOver());
            _calls[call].SetResult(replies);
        }

        public void AnswerEmpty(int call, int empty, int answered)
        {
            BatchBundle replies = new(2);
            replies.Add(empty, PooledBuffer.Rent(1).HandOver());
            replies.Add(answered, ReplyHeader.Refusal(BatchStatus.NotPrimary, 1, "answered").HandOver());
            _calls[call].SetResult(replies);
        }

        public void Fail(int call) => _calls[call].SetException(new TimeoutException("no response"));

        private ValueTask<BatchBundle> Call()
        {
            _calls.Add(new TaskCompletionSource<BatchBundle>());
            return new(_calls[^1].Task);
        }
    }

    private sealed class PlainCalls : IShardTransport
    {
        public List<int> Shards { get; } = [];

        public ValueTask<PooledBuffer> ExecuteAsync(int shard, PooledBuffer request)
        {
            Shards.Add(shard);
            return new(ReplyHeader.Refusal(BatchStatus.NotPrimary, 1, "plain").HandOver());
        }
    }
}
