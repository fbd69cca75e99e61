using System.CommandLine;
using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Status;
using Grid.Server.Terminals;
using Spectre.Console;

namespace Grid.Server.Top;

/// <summary><c>grid top</c>: what the cluster does now, in a terminal.</summary>
internal static class TopVerb
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SamplesTime = TimeSpan.FromMinutes(1);

    public static Command Create()
    {
        Option<bool> once = new("--once") { Description = "Show a single picture; so it is where the output is no terminal." };
        ConnectOptions connect = new();
        Command top = new("top", "Shows live what silos do: operations, latency, memory, lag, running syncs, recent events. Ctrl-C ends it.") { once };
        connect.AddTo(top);
        top.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            TopView view = new();
            if (parsed.GetValue(once) || Console.IsOutputRedirected)
            {
                TopPicture first = await LookAsync(cluster.Operator);
                view.Observe(first);
                if (StatusView.IsSyncing(first.Status))
                {
                    // A second look, so that running syncs have a rate.
                    await Task.Delay(Period, cancellation);
                    first = await LookAsync(cluster.Operator);
                    view.Observe(first);
                }

                Terminal.Out.Write(view.Render(first, eventsMax: 10));
                return ExitCode.Done;
            }

            await WatchAsync(cluster.Operator, view, cancellation);
            return ExitCode.Done;
        });
        return top;
    }

    private static async Task WatchAsync(IGridOperatorGrain grid, TopView view, CancellationToken cancellation)
    {
        using PeriodicTimer timer = new(Period);
        await Terminal.Out.Live(new Text("")).AutoClear(true).Overflow(VerticalOverflow.Crop).Cropping(VerticalOverflowCropping.Bottom).StartAsync(async live =>
        {
            do
            {
                TopPicture now = await LookAsync(grid);
                view.Observe(now);
                live.UpdateTarget(view.Render(now, Math.Clamp(Terminal.Out.Profile.Height - now.Status.Silos.Count - 14, 3, 30)));
            }
            while (await StatusVerb.TickAsync(timer, cancellation));
        });
    }

    private static async Task<TopPicture> LookAsync(IGridOperatorGrain grid)
    {
        Task<IReadOnlyList<SiloSamples>> samples = grid.GetSamplesAsync(DateTimeOffset.UtcNow - SamplesTime);
        Task<EventPage> events = grid.GetEventsAsync(new EventQuery { Most = 30 });
        ClusterStatus status = await grid.GetStatusAsync();
        return new TopPicture(status, await samples, await events, Stopwatch.GetTimestamp());
    }
}

/// <summary>What one look saw.</summary>
internal sealed record TopPicture(ClusterStatus Status, IReadOnlyList<SiloSamples> Samples, EventPage Events, long Timestamp);
