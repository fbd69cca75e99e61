using Grid.Client.Contracts;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Silo.Fronts;
using Grid.Silo.Grains;
using Grid.Tests.Client;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>When a front answers a bundle, and with what.</summary>
public sealed class FrontCallTests : IDisposable
{
    private readonly VirtualTime _time = new();
    private readonly FrontCalls _calls;

    public FrontCallTests() => _calls = new FrontCalls(_time);

    public void Dispose() => _calls.Dispose();

    [Fact]
    public void All_replies_answer_at_once()
    {
        (Task<BatchBundle> answer, ReplyToken[] tokens) = Open(3);
        for (int i = 2; i >= 0; i--)
        {
            Assert.False(answer.IsCompleted);
            tokens[i].Complete(Reply());
        }

        Assert.Equal([2, 1, 0], Places(answer, out long ticket));
        Assert.Equal(0, ticket);
        Assert.Equal(0, _calls.Count);
    }

    [Fact]
    public void Reads_do_not_wait_for_the_writes_of_their_bundle_that_wait_for_a_commit()
    {
        (Task<BatchBundle> answer, ReplyToken[] tokens) = Open(2);
        tokens[0].OnExecuted();
        tokens[1].Complete(Reply());
        Assert.False(answer.IsCompleted);
        tokens[1].OnExecuted();
        Assert.Equal([1], Places(answer, out long ticket));

        Task<BatchBundle> rest = Collect(ticket);
        Assert.False(rest.IsCompleted);
        tokens[0].Complete(Reply());
        Assert.Equal([0], Places(rest, out long end));
        Assert.Equal(0, end);
    }

    /// <summary>A host that ends waits for its calls, and no time passes for them any more.</summary>
    [Fact]
    public void When_the_silo_ends_who_waits_gets_what_is_there_and_nobody_comes_in_any_more()
    {
        (Task<BatchBundle> waiting, ReplyToken[] tokens) = Open(2);
        (Task<BatchBundle> uncollected, ReplyToken[] later) = Open(2);
        later[0].OnExecuted();
        later[1].Complete(Reply());
        later[1].OnExecuted();
        Assert.True(uncollected.IsCompleted);
        tokens[1].Complete(Reply());
        Assert.False(waiting.IsCompleted);

        _calls.Dispose();

        Assert.Equal([1], Places(waiting, out _));
        Assert.Null(_calls.TryOpen(1));
        tokens[0].Complete(Reply());
        later[0].Complete(Reply());
        Assert.Equal(0, _calls.Count);
    }

    [Fact]
    public void The_first_answer_comes_soon_be_it_empty_and_the_next_waits_for_something()
    {
        (Task<BatchBundle> answer, ReplyToken[] tokens) = Open(3);
        Pass(FrontCall.PartialMs * 2);
        Assert.Empty(Places(answer, out long ticket));

        Task<BatchBundle> rest = Collect(ticket);
        Pass(FrontCall.PartialMs * 4);
        Assert.False(rest.IsCompleted);
        tokens[1].Complete(Reply());
        Pass(FrontCall.PartialMs);
        Assert.Equal([1], Places(rest, out ticket));

        rest = Collect(ticket);
        Pass(FrontCall.EmptyMs + FrontCall.PartialMs);
        Assert.Empty(Places(rest, out ticket));
        Assert.NotEqual(0, ticket);
    }

    [Fact]
    public void Replies_that_came_between_two_calls_are_given_to_the_next()
    {
        (Task<BatchBundle> answer, ReplyToken[] tokens) = Open(2);
        Pass(FrontCall.PartialMs * 2);
        Places(answer, out long ticket);
        tokens[0].Complete(Reply());
        tokens[1].Complete(Reply());
        Assert.Equal([0, 1], Places(Collect(ticket), out ticket));
        Assert.Equal(0, ticket);
    }

    [Fact]
    public void A_ticket_is_good_for_one_call()
    {
        (Task<BatchBundle> answer, _) = Open(1);
        Pass(FrontCall.PartialMs * 2);
        Places(answer, out long ticket);
        Task<BatchBundle> rest = Collect(ticket);
        Assert.Throws<InvalidOperationException>(() => { _ = Collect(ticket); });
        Pass(FrontCall.EmptyMs + FrontCall.PartialMs);
        Places(rest, out long next);
        Assert.NotEqual(ticket, next);
        Assert.Throws<InvalidOperationException>(() => { _ = Collect(ticket); });
        Assert.Throws<InvalidOperationException>(() => { _ = Collect(ticket + (1L << 40)); });
    }

    [Fact]
    public void What_nobody_collects_is_dropped_and_its_buffers_with_it()
    {
        (Task<BatchBundle> answer, ReplyToken[] tokens) = Open(2);
        Pass(FrontCall.PartialMs * 2);
        Places(answer, out long ticket);
        PooledBuffer early = Reply();
        PooledBuffer late = Reply();
        tokens[0].Complete(early);
        Pass(FrontCall.ForgottenMs + 100);
        Assert.Equal(0, _calls.Count);
        Assert.Throws<InvalidOperationException>(() => { _ = Collect(ticket); });
        tokens[1].Complete(late);
        Assert.Throws<ObjectDisposedException>(() => early.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => late.Span.Length);
    }

    [Fact]
    public void A_second_reply_to_a_batch_is_dropped()
    {
        (Task<BatchBundle> answer, ReplyToken[] tokens) = Open(1);
        PooledBuffer second = Reply();
        tokens[0].Complete(Reply());
        tokens[0].Complete(second);
        Assert.Equal([0], Places(answer, out _));
        Assert.Throws<ObjectDisposedException>(() => second.Span.Length);
    }

    private (Task<BatchBundle> Answer, ReplyToken[] Tokens) Open(int count)
    {
        FrontCall call = _calls.TryOpen(count)!;
        return (call.Task.AsTask(), [.. Enumerable.Range(0, count).Select(call.At)]);
    }

    private Task<BatchBundle> Collect(long ticket) => _calls.Collect(ticket).AsTask();

    private void Pass(long ms) => _time.AdvanceTo(_time.NowMs + ms);

    private static int[] Places(Task<BatchBundle> answer, out long ticket)
    {
        Assert.True(answer.IsCompletedSuccessfully, "it is not answered yet");
        BatchBundle replies = answer.GetAwaiter().GetResult();
        ticket = replies.Ticket;
        int[] places = [.. Enumerable.Range(0, replies.Count).Select(i => replies[i].Place)];
        replies.ReleaseReceived();
        return places;
    }

    private static PooledBuffer Reply() => ReplyHeader.Refusal(BatchStatus.Overloaded, 1, "a reply");
}
