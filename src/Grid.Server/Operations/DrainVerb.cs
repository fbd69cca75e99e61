using System.CommandLine;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Terminals;

namespace Grid.Server.Operations;

/// <summary><c>grid drain</c>: has a silo hold nothing.</summary>
internal static class DrainVerb
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    public static Command Create()
    {
        Argument<string> silo = new("NODE") { Description = "The silo, by name or address." };
        Option<bool> cancel = new("--cancel") { Description = "Take it back: the silo takes part again." };
        Option<bool> noWait = new("--no-wait") { Description = "Do not wait until it holds nothing." };
        ConnectOptions connect = new();
        Command drain = new("drain", "Has a silo hold nothing: hands its primaries over and moves its copies to others. It goes on in the cluster until it is stopped, or --cancel.") { silo, cancel, noWait };
        connect.AddTo(drain);
        drain.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            ClusterStatus status = await cluster.Operator.AskStatusAsync(cancellation);
            string address = SiloNames.Find(status, parsed.GetValue(silo)!);
            string name = SiloNames.Of(status, address);
            bool draining = !parsed.GetValue(cancel);
            if (await cluster.Operator.SetDrainingAsync(address, draining) is { } problem)
                throw new CommandException(ExitCode.Failed, $"{problem}.");
            if (!draining)
                await Console.Out.WriteLineAsync($"{name} takes part again.");
            else if (parsed.GetValue(noWait))
                await Console.Out.WriteLineAsync($"{name} drains; 'grid status --watch' shows how far it is.");
            else
                return await WaitAsync(cluster.Operator, address, name, cancellation);
            return ExitCode.Done;
        });
        return drain;
    }

    private static async Task<int> WaitAsync(IGridOperatorGrain grid, string address, string name, CancellationToken cancellation)
    {
        ClusterStatus first = await grid.AskStatusAsync(cancellation);
        int total = Held(first, address).Length;
        ClusterStatus last = await Terminal.ProgressAsync($"Draining {name}", total, bytes: false, async report =>
        {
            while (true)
            {
                ClusterStatus status = await grid.AskStatusAsync(cancellation);
                ShardStatus[] held = Held(status, address);
                report(total - held.Length);
                if (held.Length == 0 || Unmovable(status, held, address))
                    return status;
                await Task.Delay(Pause, cancellation);
            }
        });
        ShardStatus[] left = Held(last, address);
        if (left.Length == 0)
        {
            await Console.Out.WriteLineAsync($"{name} holds nothing any more ({total} copies were moved). Stop it, or take it back with 'grid drain {name} --cancel'; when it is started again it takes part again.");
            return ExitCode.Done;
        }

        await Console.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{name} holds {left.Length} copies that have no other place: {Targets(last)} other silo(s) take copies, and {last.Replicas + 1} copies of each shard are wanted. All that those can hold is there."));
        return ExitCode.No;
    }

    private static int Targets(ClusterStatus status) => status.Silos.Count(silo => silo is { State: "Active", Draining: false });

    private static ShardStatus[] Held(ClusterStatus status, string address) => [.. status.Shards.Where(shard => shard.Copies.Any(copy => copy.Silo == address && copy.State != "Empty"))];

    /// <summary>True when there are too few other silos, and each of them is in sync with everything already.</summary>
    private static bool Unmovable(ClusterStatus status, ShardStatus[] held, string address)
    {
        string[] targets = [.. status.Silos.Where(silo => silo is { State: "Active", Draining: false } && silo.Address != address).Select(silo => silo.Address)];
        return targets.Length <= status.Replicas && held.All(shard => targets.All(shard.InSync.Contains) && (targets.Length == 0 || shard.Primary != address));
    }
}
