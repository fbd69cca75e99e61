using System.CommandLine;
using System.Diagnostics;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Terminals;
using Spectre.Console;

namespace Grid.Server.Status;

/// <summary><c>grid status</c>: silos, shards and every copy of them.</summary>
internal static class StatusVerb
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RateTime = TimeSpan.FromMilliseconds(500);

    public static Command Create()
    {
        Option<bool> watch = new("--watch", "-w") { Description = "Show it anew every second until Ctrl-C." };
        Option<bool> json = new("--json") { Description = "Answer as JSON; with --watch an object a line." };
        Option<bool> all = new("--all") { Description = "Show a line for every shard also when they are many and well." };
        ConnectOptions connect = new();
        Command status = new("status", "Shows silos, shards, roles, epochs, offsets, lag and running syncs. Exit code 1 if a shard has no primary.") { watch, json, all };
        connect.AddTo(status);
        status.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            StatusView view = new(parsed.GetValue(all));
            if (!parsed.GetValue(watch))
                return await ShowOnceAsync(cluster.Operator, view, parsed.GetValue(json), cancellation);
            await WatchAsync(cluster.Operator, view, parsed.GetValue(json), cancellation);
            return ExitCode.Done;
        });
        return status;
    }

    private static async Task<int> ShowOnceAsync(IGridOperatorGrain grid, StatusView view, bool json, CancellationToken cancellation)
    {
        ClusterStatus status = await grid.AskStatusAsync(cancellation);
        if (json)
        {
            Terminal.WriteJson(status);
        }
        else
        {
            view.Observe(status, Stopwatch.GetTimestamp());
            if (StatusView.IsSyncing(status))
            {
                // A second look, so that running syncs have a rate.
                await Task.Delay(RateTime, cancellation);
                status = await grid.AskStatusAsync(cancellation);
                view.Observe(status, Stopwatch.GetTimestamp());
            }

            Terminal.Out.Write(view.Render(status));
        }

        return status.Shards.Any(shard => shard.Primary is null) ? ExitCode.Failed : ExitCode.Done;
    }

    private static async Task WatchAsync(IGridOperatorGrain grid, StatusView view, bool json, CancellationToken cancellation)
    {
        using PeriodicTimer timer = new(Period);
        if (json || Console.IsOutputRedirected)
        {
            do
            {
                ClusterStatus status = await grid.AskStatusAsync(cancellation);
                view.Observe(status, Stopwatch.GetTimestamp());
                if (json)
                    Terminal.WriteJson(status, oneLine: true);
                else
                    Terminal.Out.Write(view.Render(status));
            }
            while (await TickAsync(timer, cancellation));
            return;
        }

        await Terminal.Out.Live(new Text("")).AutoClear(false).Overflow(VerticalOverflow.Ellipsis).StartAsync(async live =>
        {
            do
            {
                ClusterStatus status = await grid.AskStatusAsync(cancellation);
                view.Observe(status, Stopwatch.GetTimestamp());
                live.UpdateTarget(view.Render(status));
            }
            while (await TickAsync(timer, cancellation));
        });
    }

    /// <summary>False when the user has seen enough, which is how watching ends.</summary>
    internal static async Task<bool> TickAsync(PeriodicTimer timer, CancellationToken cancellation)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
