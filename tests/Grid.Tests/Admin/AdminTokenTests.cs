using System.Net;
using Grid.Server.Web.Admin;
using Xunit;

namespace Grid.Tests.Admin;

public sealed class AdminTokenTests
{
    private const string Secret = "correct-horse-battery";

    [Fact]
    public async Task Only_the_token_itself_as_a_bearer_header_is_right()
    {
        AdminToken token = new(Secret, new ImpatientTime());
        Assert.Equal(TokenVerdict.Right, await CheckAsync(token, $"Bearer {Secret}"));
        Assert.Equal(TokenVerdict.Right, await CheckAsync(token, $"bearer {Secret}"));
        foreach (string? wrong in (string?[])[null, "", Secret, $"Basic {Secret}", $"Bearer {Secret} ", $"Bearer {Secret[..^1]}", $"Bearer {Secret.ToUpperInvariant()}", "Bearer "])
            Assert.Equal(TokenVerdict.Wrong, await CheckAsync(token, wrong));
    }

    [Fact]
    public async Task Without_a_token_there_are_no_actions()
    {
        AdminToken token = new("", TimeProvider.System);
        Assert.False(token.IsSet);
        Assert.Equal(TokenVerdict.Off, await CheckAsync(token, "Bearer "));
    }

    [Fact]
    public async Task Wrong_tokens_wait_each_in_its_place_and_there_are_few()
    {
        HeldTime time = new();
        AdminToken token = new(Secret, time);
        Task<TokenVerdict>[] wrong = [.. Enumerable.Range(0, AdminToken.PlacesMax).Select(i => CheckAsync(token, $"Bearer guess-{i}"))];
        Assert.All(wrong, static check => Assert.False(check.IsCompleted));
        Assert.Equal(TokenVerdict.Busy, await CheckAsync(token, "Bearer one-more"));
        Assert.Equal(TokenVerdict.Busy, await CheckAsync(token, $"Bearer {Secret}"));
        time.Release();
        Assert.All(await Task.WhenAll(wrong), static verdict => Assert.Equal(TokenVerdict.Wrong, verdict));
        Assert.Equal(TokenVerdict.Right, await CheckAsync(token, $"Bearer {Secret}"));
    }

    [Fact]
    public async Task Who_guesses_keeps_nobody_else_from_being_heard()
    {
        HeldTime time = new();
        AdminToken token = new(Secret, time);
        List<Task<TokenVerdict>> wrong = [.. Enumerable.Range(0, AdminToken.PlacesMax).Select(i => CheckAsync(token, $"Bearer guess-{i}", "2001:db8:0:1::1"))];
        Assert.Equal(TokenVerdict.Right, await CheckAsync(token, $"Bearer {Secret}"));
        Assert.Equal(TokenVerdict.Right, await CheckAsync(token, $"Bearer {Secret}", "2001:db8:0:2::1"));
        Assert.Equal(TokenVerdict.Busy, await CheckAsync(token, $"Bearer {Secret}", "2001:db8:0:1::2"));

        // So many at once that nobody else can be given places: as few answers as ever to those who guess.
        wrong.AddRange(Enumerable.Range(1, AdminToken.AddressesMax - 1).Select(i => CheckAsync(token, "Bearer guess", $"192.0.2.{i}")));
        Assert.All(wrong, static check => Assert.False(check.IsCompleted));
        Assert.Equal(TokenVerdict.Busy, await CheckAsync(token, "Bearer guess", "198.51.100.1"));
        Assert.Equal(TokenVerdict.Right, await CheckAsync(token, $"Bearer {Secret}", "192.0.2.1"));
        time.Release();
        Assert.All(await Task.WhenAll(wrong), static verdict => Assert.Equal(TokenVerdict.Wrong, verdict));
        Assert.Equal(TokenVerdict.Right, await CheckAsync(token, $"Bearer {Secret}", "2001:db8:0:1::2"));
    }

    private static Task<TokenVerdict> CheckAsync(AdminToken token, string? authorization, string from = "203.0.113.7") =>
        token.CheckAsync(authorization, IPAddress.Parse(from), TestContext.Current.CancellationToken);

    /// <summary>Timers are due at once.</summary>
    private sealed class ImpatientTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }

    /// <summary>Timers are due when the test says so.</summary>
    private sealed class HeldTime : TimeProvider
    {
        private readonly List<Action> _due = [];

        public void Release()
        {
            foreach (Action due in _due)
                due();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Assert.Equal(AdminToken.WrongTime, dueTime);
            _due.Add(() => callback(state));
            return base.CreateTimer(static _ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
