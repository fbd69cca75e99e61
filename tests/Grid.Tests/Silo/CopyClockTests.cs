using Grid.Silo.Copies;
using Grid.Tests.Client;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>What wakes a silo's copies.</summary>
public sealed class CopyClockTests
{
    private static readonly long PeriodMs = (long)CopyClock.Period.TotalMilliseconds;

    private readonly VirtualTime _time = new();
    private readonly FailureLog _log = new();

    [Fact]
    public void Copies_are_woken_together_once_in_each_period_from_their_registration_on()
    {
        using CopyClock clock = new(_time, _log);
        List<long> first = [], second = [];
        using IDisposable one = clock.Wake(new Turns(), () => first.Add(_time.NowMs));
        long began = _time.NowMs;
        _time.AdvanceTo(began + (PeriodMs / 2));
        using IDisposable two = clock.Wake(new Turns(), () => second.Add(_time.NowMs));
        _time.AdvanceTo(began + (4 * PeriodMs));
        Assert.Equal([began + PeriodMs, began + (2 * PeriodMs), began + (3 * PeriodMs), began + (4 * PeriodMs)], first);
        Assert.Equal(first, second);
    }

    [Fact]
    public void A_copy_that_is_gone_is_not_woken_any_more_and_without_copies_no_timer_runs()
    {
        using CopyClock clock = new(_time, _log);
        Turns held = new() { Holds = true };
        int woken = 0;
        IDisposable copy = clock.Wake(held, () => woken++);
        Assert.NotNull(_time.NextMs);
        _time.AdvanceTo(_time.NowMs + PeriodMs);
        copy.Dispose();
        copy.Dispose();
        held.Release();
        Assert.Equal(0, woken);
        Assert.Null(_time.NextMs);
    }

    [Fact]
    public void Of_a_copy_that_gets_no_turn_one_waits_and_no_more()
    {
        using CopyClock clock = new(_time, _log);
        Turns held = new() { Holds = true };
        int woken = 0, others = 0;
        using IDisposable slow = clock.Wake(held, () => woken++);
        using IDisposable other = clock.Wake(new Turns(), () => others++);
        _time.AdvanceTo(_time.NowMs + (5 * PeriodMs));
        Assert.Equal((0, 5), (woken, others));
        held.Release();
        Assert.Equal(1, woken);
        _time.AdvanceTo(_time.NowMs + PeriodMs);
        held.Release();
        Assert.Equal(2, woken);
    }

    [Fact]
    public void Many_copies_are_woken_in_parts_and_each_as_often_as_one_alone()
    {
        using CopyClock clock = new(_time, _log);
        const int many = CopyClock.TogetherMax + 1;
        int[] woken = new int[many];
        Dictionary<long, int> atOnce = [];
        IDisposable[] copies = [.. Enumerable.Range(0, many).Select(i => clock.Wake(new Turns(), () =>
        {
            woken[i]++;
            atOnce[_time.NowMs] = atOnce.GetValueOrDefault(_time.NowMs) + 1;
        }))];
        _time.AdvanceTo(_time.NowMs + (10 * PeriodMs));
        Assert.All(woken, static count => Assert.Equal(10, count));
        Assert.Equal(10 * CopyClock.Parts, atOnce.Count);
        Assert.All(atOnce.Values, static count => Assert.Equal(many / CopyClock.Parts, count));

        // With the last one too many gone, all the others together again.
        copies[0].Dispose();
        atOnce.Clear();
        _time.AdvanceTo(_time.NowMs + (2 * PeriodMs));
        Assert.Equal([many - 1, many - 1], atOnce.Values);
        foreach (IDisposable copy in copies)
            copy.Dispose();
    }

    [Fact]
    public void A_turn_that_fails_is_told_and_the_next_one_comes()
    {
        using CopyClock clock = new(_time, _log);
        int woken = 0;
        using IDisposable copy = clock.Wake(new Turns(), () => throw new InvalidOperationException($"turn {++woken}"));
        _time.AdvanceTo(_time.NowMs + (2 * PeriodMs));
        Assert.Equal(["turn 1", "turn 2"], _log.Failures);
    }

    /// <summary>Turns that are had at once, or when they are released.</summary>
    private sealed class Turns : TaskScheduler
    {
        private readonly Queue<Task> _held = [];

        public bool Holds { get; init; }

        public void Release()
        {
            while (_held.TryDequeue(out Task? task))
                TryExecuteTask(task);
        }

        protected override void QueueTask(Task task)
        {
            if (Holds)
                _held.Enqueue(task);
            else
                TryExecuteTask(task);
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => _held;
    }

    private sealed class FailureLog : ILogger<CopyClock>
    {
        public List<string> Failures { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Failures.Add($"{exception?.Message}");
    }
}
