using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Silo.Fronts;
using Grid.Silo.Grains;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>What waits for a primary's next turn.</summary>
public sealed class ShardInboxTests
{
    private int _turns;

    [Fact]
    public void One_turn_is_asked_for_however_much_comes_before_it()
    {
        ShardInbox inbox = Open();
        for (int i = 0; i < 10; i++)
            inbox.Post(default);
        Assert.Equal(1, _turns);
        List<ShardWork> taken = [];
        inbox.Take(taken, 6);
        Assert.Equal(6, taken.Count);
        Assert.Equal(2, _turns);
        taken.Clear();
        inbox.Take(taken, 6);
        Assert.Equal(4, taken.Count);
        Assert.Equal(2, _turns);
        inbox.Post(default);
        Assert.Equal(3, _turns);
    }

    [Fact]
    public void What_waits_and_what_comes_when_it_closes_is_refused_as_not_applied()
    {
        ShardInbox inbox = Open();
        PendingRequest waiting = new(elsewhere: false);
        PendingRequest late = new(elsewhere: false);
        inbox.Post(new ShardWork(waiting, null, default));
        inbox.Close("the reign is over");
        inbox.Post(new ShardWork(late, null, default));
        Assert.Equal(BatchStatus.NotPrimary, StatusOf(waiting));
        Assert.Equal(BatchStatus.NotPrimary, StatusOf(late));
    }

    [Fact]
    public void More_than_it_holds_is_refused_as_overload()
    {
        ShardInbox inbox = Open();
        for (int i = 0; i < ShardInbox.CountMax; i++)
            inbox.Post(default);
        PendingRequest over = new(elsewhere: false);
        inbox.Post(new ShardWork(over, null, default));
        Assert.Equal(BatchStatus.Overloaded, StatusOf(over));
    }

    [Fact]
    public void A_primary_is_found_from_its_first_turn_to_its_last()
    {
        LocalShards shards = new();
        ShardInbox first = Open();
        ShardInbox second = Open();
        Assert.Null(shards.Find(700));
        shards.Add(700, first);
        shards.Add(3, second);
        Assert.Same(first, shards.Find(700));
        Assert.Equal([3, 700], shards.Shards());
        shards.Remove(700, second);
        Assert.Same(first, shards.Find(700));
        shards.Remove(700, first);
        Assert.Null(shards.Find(700));
        Assert.Null(shards.Find(-1));
    }

    private ShardInbox Open()
    {
        ShardInbox inbox = new(_ => _turns++);
        inbox.Open();
        return inbox;
    }

    private static BatchStatus StatusOf(PendingRequest request)
    {
        ValueTask<PooledBuffer> task = request.Task;
        Assert.True(task.IsCompletedSuccessfully);
        PooledBuffer reply = task.AsTask().GetAwaiter().GetResult();
        BatchStatus status = ReplyHeader.Read(reply.Span).Status;
        reply.ReleaseReceived();
        return status;
    }
}
