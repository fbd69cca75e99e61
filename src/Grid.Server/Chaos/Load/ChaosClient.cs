using Grid.Client;
using Grid.Server.Chaos.Processes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using StackExchange.Redis;

namespace Grid.Server.Chaos.Load;

/// <summary>A client as an application has it: Grid.Client with its default settings, which finds the silos by the membership's Redis.</summary>
internal sealed class ChaosClient : IAsyncDisposable
{
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly IHost _host;

    private ChaosClient(IHost host) => _host = host;

    /// <summary>The grid.</summary>
    public IGrid Grid => _host.Services.GetRequiredService<IGrid>();

    /// <summary>The way to any grain.</summary>
    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    /// <summary>Connects.</summary>
    /// <param name="log">Gets its warnings.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task<ChaosClient> ConnectAsync(TextWriter log, CancellationToken cancellation)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "grid" });
        builder.Services.Configure<ConsoleLifetimeOptions>(static lifetime => lifetime.SuppressStatusMessages = true);
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddProvider(new WriterLog(log));
        builder.UseOrleansClient(static client =>
        {
            client.Configure<ClusterOptions>(static cluster => cluster.ClusterId = cluster.ServiceId = "grid-chaos");
            client.UseRedisClustering(static options => options.ConfigurationOptions = ConfigurationOptions.Parse(ChaosCluster.StoreConnection));
            client.UseConnectionRetryFilter(static async (_, stopping) =>
            {
                await Task.Delay(Pause, stopping);
                return true;
            });
            client.AddGridClient();
        });
        IHost host = builder.Build();
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(StartTime);
        try
        {
            await host.StartAsync(deadline.Token);
            return new ChaosClient(host);
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested && (failure is not OperationCanceledException || deadline.IsCancellationRequested))
        {
            host.Dispose();
            throw new CommandException(ExitCode.Unreachable, $"the silos did not answer within {StartTime.TotalSeconds} s: {failure.Message}", failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource deadline = new(StopTime);
        await _host.StopAsync(deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _host.Dispose();
    }

    private sealed class WriterLog(TextWriter writer) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new Writer(writer, categoryName);

        public void Dispose()
        {
        }

        private sealed class Writer(TextWriter writer, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                if (!IsEnabled(logLevel))
                    return;
                string line = $"{DateTimeOffset.Now:HH:mm:ss.fff} {logLevel} {category}: {formatter(state, exception)} {exception?.Message}";
                lock (writer)
                    writer.WriteLine(line);
            }
        }
    }
}
