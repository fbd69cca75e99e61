using System.Net;
using System.Reflection;
using Grid.Cluster.Tests.Server;
using Grid.Server.Health;
using Grid.Silo;
using Grid.Silo.Copies;
using Grid.Silo.Elastic;
using Grid.Silo.Services;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Grid.Cluster.Tests.Health;

/// <summary>A silo in an application of somebody else's, with the grid among its health checks, and the probes of the same silo.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task A_silo_that_drains_or_hangs_says_so_to_health_checks_and_probes()
    {
        SkippingTime time = new();
        Muting calls = new();
        int[] ports = Ports.Free(3);
        using IHost silo = Build(ports, time, calls);
        HealthCheckService checks = silo.Services.GetRequiredService<HealthCheckService>();
        GridHealth health = silo.Services.GetRequiredService<GridHealth>();
        Assert.Contains("has not joined", Assert.Single(health.Obstacles()));
        await silo.StartAsync(TestContext.Current.CancellationToken);
        await using WebApplication probes = await ProbesAsync(ports[2], health);
        using HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{ports[2]}/") };
        await Until.AnswersAsync("the silo is ready", async () => (await CheckAsync(checks)).Status == HealthStatus.Healthy);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.OK), (await ProbeAsync(http, HealthPages.Live), await ProbeAsync(http, HealthPages.Ready), await ProbeAsync(http, HealthPages.Startup)));

        // Not ready is what the application said that it is to be, and the reasons are told.
        silo.Services.GetRequiredService<SiloRole>().DrainsByHand = true;
        HealthReportEntry draining = await CheckAsync(checks);
        Assert.Equal(HealthStatus.Degraded, draining.Status);
        Assert.Contains("drains", Assert.Single(Assert.IsType<IReadOnlyList<string>>(draining.Data["obstacles"], exactMatch: false)));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable), (await ProbeAsync(http, HealthPages.Live), await ProbeAsync(http, HealthPages.Ready)));
        silo.Services.GetRequiredService<SiloRole>().DrainsByHand = false;
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(checks)).Status);

        // The silo gets no answer from itself any more: that is told after a while, not at once.
        Task silent = calls.Mute();
        await Until.OverAsync("the silo asks itself in vain", silent);
        Assert.Equal(HttpStatusCode.OK, await ProbeAsync(http, HealthPages.Live));
        time.Skip(SiloPulse.StallMax);
        HealthReportEntry hung = await CheckAsync(checks);
        Assert.Equal(HealthStatus.Unhealthy, hung.Status);
        Assert.Contains("has not answered itself", hung.Description);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ProbeAsync(http, HealthPages.Live));
        calls.Unmute();
        await Until.AnswersAsync("it is live again", async () => await ProbeAsync(http, HealthPages.Live) == HttpStatusCode.OK);
        await silo.StopAsync(TestContext.Current.CancellationToken);
        Assert.Contains("is about to stop", health.Obstacles()[0]);
        Assert.Null(health.Hang());
    }

    private static IHost Build(int[] ports, SkippingTime time, Muting calls)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        IPEndPoint first = new(IPAddress.Loopback, ports[0]);
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(ports[0], ports[1], first);
            silo.AddGridDevelopmentStorage(first);
            silo.AddGrid(options =>
            {
                options.ShardCount = 2;
                options.Replicas = 0;
                options.DrainMs = 0;
            });
            silo.Services.AddSingleton(sp => new SiloPulse(
                calls.Around(sp.GetRequiredService<IGridSiloServiceClient>()),
                sp.GetRequiredService<CopyHost>(),
                sp.GetRequiredService<FirstFill>(),
                time,
                sp.GetRequiredService<ILogger<SiloPulse>>()));
        });
        builder.Services.AddHealthChecks().AddGrid(notReady: HealthStatus.Degraded);
        return builder.Build();
    }

    private static async Task<WebApplication> ProbesAsync(int port, GridHealth health)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        WebApplication probes = builder.Build();
        probes.UseRouting();
        HealthPages.Map(probes, health);
        await probes.StartAsync(TestContext.Current.CancellationToken);
        return probes;
    }

    private static async Task<HealthReportEntry> CheckAsync(HealthCheckService checks) =>
        (await checks.CheckHealthAsync(TestContext.Current.CancellationToken)).Entries["grid"];

    private static async Task<HttpStatusCode> ProbeAsync(HttpClient http, string path)
    {
        using HttpResponseMessage answer = await http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        return answer.StatusCode;
    }

    /// <summary>The machine's time, and what is skipped.</summary>
    private sealed class SkippingTime : TimeProvider
    {
        private long _skipped;

        public void Skip(TimeSpan by) => Interlocked.Add(ref _skipped, (long)(by.TotalSeconds * TimestampFrequency));

        public override long GetTimestamp() => base.GetTimestamp() + Volatile.Read(ref _skipped);
    }

    /// <summary>The silo's calls to itself, which get no answer while they are mute.</summary>
    private sealed class Muting
    {
        private readonly Lock _gate = new();
        private TaskCompletionSource? _ended;
        private TaskCompletionSource? _asked;

        /// <returns>Over when a call is in vain.</returns>
        public Task Mute()
        {
            lock (_gate)
            {
                _ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return _asked.Task;
            }
        }

        public void Unmute()
        {
            lock (_gate)
            {
                _ended?.TrySetResult();
                _ended = null;
            }
        }

        public IGridSiloServiceClient Around(IGridSiloServiceClient silos) => Proxy<IGridSiloServiceClient>.Of(silos, (method, call) => method.Name == "At" ? Around((IGridSiloService)call()!) : call());

        private IGridSiloService Around(IGridSiloService silo) => Proxy<IGridSiloService>.Of(silo, (_, call) =>
        {
            TaskCompletionSource? ended;
            lock (_gate)
            {
                ended = _ended;
                if (ended is not null)
                    _asked?.TrySetResult();
            }

            return ended is null ? call() : new ValueTask<SiloFacts>(AfterAsync(ended.Task, call));
        });

        private static async Task<SiloFacts> AfterAsync(Task ended, Func<object?> call)
        {
            await ended;
            return await (ValueTask<SiloFacts>)call()!;
        }
    }

    /// <summary>An object of an interface that hands calls on.</summary>
#pragma warning disable CA1852 // Its subtypes are made at run time.
    internal class Proxy<T> : DispatchProxy
        where T : class
#pragma warning restore CA1852
    {
        private T? _inner;
        private Func<MethodInfo, Func<object?>, object?>? _around;

        public static T Of(T inner, Func<MethodInfo, Func<object?>, object?> around)
        {
            T made = Create<T, Proxy<T>>();
            Proxy<T> proxy = (Proxy<T>)(object)made;
            (proxy._inner, proxy._around) = (inner, around);
            return made;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => _around!(targetMethod!, () => targetMethod!.Invoke(_inner, args));
    }
}
