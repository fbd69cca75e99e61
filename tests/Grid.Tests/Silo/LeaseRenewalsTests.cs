using System.Diagnostics;
using System.Net;
using System.Reflection;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Silo.Copies;
using Grid.Silo.Events;
using Grid.Silo.Services;
using Grid.Storage;
using Grid.Tests.Client;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Grid.Tests.Silo;

/// <summary>Whatever becomes of a call for leases, the next one goes out, and what was not expected is told.</summary>
public sealed class LeaseRenewalsTests : IDisposable
{
    private static readonly SiloAddress Local = SiloAddress.New(IPAddress.Loopback, 1, 1);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly string Other = SiloAddress.New(IPAddress.Loopback, 2, 1).ToParsableString();

    private readonly CopyHost _host = new(new LocalSilo(Local), new PagePool());
    private readonly FakeSilos _silos = new();
    private readonly CountingLog _log = new();
    private readonly EventRing _events = new(Local.ToParsableString(), TimeProvider.System);
    private readonly LeaseRenewals _renewals;

    public LeaseRenewalsTests() => _renewals = new LeaseRenewals(_silos, _host, new Troubles(_events, new VirtualTime()), _log);

    private static CancellationToken Ending => TestContext.Current.CancellationToken;

    public void Dispose() => _host.Dispose();

    public static TheoryData<string, bool> Failures => new()
    {
        { nameof(TimeoutException), false },
        { nameof(OrleansException), false },
        { nameof(InvalidCastException), true },
        { nameof(OperationCanceledException), false },
        { "no such silo", true },
        { "too few answers", true },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task After_a_call_that_failed_in_whatever_way_the_silo_is_asked_again(string failure, bool unexpected)
    {
        _silos.Answer = _ => failure switch
        {
            nameof(TimeoutException) => throw new TimeoutException("slow"),
            nameof(OrleansException) => throw new OrleansException("gone"),
            nameof(InvalidCastException) => throw new InvalidCastException("a defect"),
            nameof(OperationCanceledException) => throw new OperationCanceledException("stopping"),
            "no such silo" => throw new FormatException("no address"),
            _ => [],
        };
        for (int i = 0; i < 3; i++)
        {
            int asked = _silos.Calls;
            Ask(1, _ => Assert.Fail("Nothing was granted."));
            await UntilAsync(() => _silos.Calls > asked);
        }

        _silos.Answer = static calls => Enumerable.Repeat(true, calls).ToArray();
        TaskCompletionSource granted = new();
        await UntilAsync(() =>
        {
            Ask(1, _ => granted.TrySetResult());
            return granted.Task.IsCompleted;
        });
        Assert.Equal(unexpected ? 1 : 0, _log.Errors);

        // That it works again is told behind the grants.
        EventSeverity[] told = unexpected ? [EventSeverity.Error, EventSeverity.Info] : [];
        await UntilAsync(() => Told().Length >= told.Length);
        Assert.Equal(told, Told());

        EventSeverity[] Told() => [.. _events.Get(new EventQuery { Most = 10 }).Select(e => e.Severity)];
    }

    [Fact]
    public async Task A_primary_that_cannot_be_told_keeps_the_grants_from_no_other()
    {
        TaskCompletionSource first = new();
        _silos.Answer = calls =>
        {
            first.Task.Wait(Ending);
            return Enumerable.Repeat(true, calls).ToArray();
        };
        TaskCompletionSource granted = new();
        Ask(1, _ => throw new InvalidOperationException("the activation is gone"));
        Ask(2, _ => throw new InvalidOperationException("the activation is gone"));
        Ask(3, _ => granted.SetResult());
        first.SetResult();
        await granted.Task.WaitAsync(Limit, Ending);
        Assert.Equal(1, _log.Errors);
    }

    private void Ask(int shard, Action<LeaseRequest> granted) => _renewals.Ask(
        new LeaseRequest(shard, 1, 1, 30_000, 1),
        new CopyName(Other, Guid.NewGuid()),
        (request, _) => granted(request));

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (long start = Stopwatch.GetTimestamp(); !condition(); await Task.Delay(1, Ending))
            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"After {Limit.TotalSeconds} s the silo was not asked again.");
    }

    private sealed class LocalSilo(SiloAddress address) : ILocalSiloDetails
    {
        public string Name => "local";

        public string ClusterId => "c";

        public string DnsHostName => "localhost";

        public SiloAddress SiloAddress => address;

        public SiloAddress GatewayAddress => address;
    }

    private sealed class FakeSilos : IGridSiloServiceClient
    {
        private int _calls;

        public Func<int, bool[]> Answer { get; set; } = static _ => [];

        public int Calls => Volatile.Read(ref _calls);

        public IGridSiloService At(SiloAddress silo)
        {
            IGridSiloService service = DispatchProxy.Create<IGridSiloService, LeasesOnly>();
            ((LeasesOnly)(object)service).Grant = calls =>
            {
                Interlocked.Increment(ref _calls);
                return new ValueTask<bool[]>(Answer(((LeaseCall[])calls).Length));
            };
            return service;
        }
    }

    /// <summary>A silo that can be asked for leases only.</summary>
    public class LeasesOnly : DispatchProxy
    {
        /// <summary>Answers the requests.</summary>
        public Func<object, object>? Grant { get; set; }

        /// <inheritdoc/>
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            targetMethod?.Name == nameof(IGridSiloService.GrantAsync) ? Grant!(args![0]!) : throw new NotSupportedException(targetMethod?.Name);
    }

    private sealed class CountingLog : ILogger<LeaseRenewals>
    {
        private int _errors;

        public int Errors => Volatile.Read(ref _errors);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Error)
                Interlocked.Increment(ref _errors);
        }
    }
}
