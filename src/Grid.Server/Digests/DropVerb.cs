using System.CommandLine;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Terminals;

namespace Grid.Server.Digests;

/// <summary><c>grid drop</c>: drops a replica, which comes back by full sync.</summary>
internal static class DropVerb
{
    public static Command Create()
    {
        Argument<string> shard = new("SHARD") { Description = "The shard's number, or all." };
        Argument<string> silo = new("SILO") { Description = "The silo, by name or address, whose replica is dropped." };
        ConnectOptions connect = new();
        Command drop = new("drop", "Drops the replica of a shard on a silo; it comes back by full sync. For repairs, and to see a full sync happen.") { shard, silo };
        connect.AddTo(drop);
        drop.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            ClusterStatus status = await cluster.Operator.AskStatusAsync(cancellation);
            string address = SiloNames.Find(status, parsed.GetValue(silo)!);
            int[] shards = Shards(status, parsed.GetValue(shard)!, address);
            int failed = 0;
            foreach (int number in shards)
            {
                if (await cluster.Operator.DropReplicaAsync(number, address) is { } problem)
                {
                    Terminal.Note($"{problem}.");
                    failed++;
                }
            }

            await Console.Out.WriteLineAsync($"{shards.Length - failed} of {shards.Length} replicas dropped; 'grid status --watch' shows them come back.");
            return failed == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return drop;
    }

    private static int[] Shards(ClusterStatus status, string shard, string address)
    {
        if (shard.Equals("all", StringComparison.OrdinalIgnoreCase))
            return [.. status.Shards.Where(known => known.Copies.Any(copy => copy.Silo == address && !copy.IsPrimary)).Select(known => known.Shard)];
        return int.TryParse(shard, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < status.Shards.Count
            ? [number]
            : throw new CommandException(ExitCode.Usage, $"'{shard}' is no shard: 0 to {status.Shards.Count - 1}, or all.");
    }
}
