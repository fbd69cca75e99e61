using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Chaos.Load;

namespace Grid.Server.Chaos.Processes;

/// <summary>Looks at the cluster as an operator does, by its status, while faults go on.</summary>
internal sealed class ClusterObserver(ChaosClient client)
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<string, bool> _gone = new(StringComparer.Ordinal);

    /// <summary>What digests and the like are asked of.</summary>
    public IGridOperatorGrain Operator => client.Grains.GetGrain<IGridOperatorGrain>(0);

    /// <summary>The status; null if nobody answers now.</summary>
    public async Task<ClusterStatus?> TryGetStatusAsync()
    {
        try
        {
            return await Operator.GetStatusAsync().WaitAsync(AnswerTime);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            return null;
        }
    }

    /// <summary>From now on the silos that have this name are known to be gone, whatever the status still says of them.</summary>
    public async Task NoteGoneAsync(string name)
    {
        if (await TryGetStatusAsync() is not { } status)
            return;
        foreach (string address in status.Silos.Where(silo => silo.Name == name).Select(static silo => silo.Address))
            _gone[address] = true;
    }

    /// <summary>Waits until every shard has all its wanted copies in sync on the silos that there are.</summary>
    /// <param name="silos">Silos that are to be members.</param>
    /// <param name="limit">How long.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>Null once it is so; otherwise what is missing.</returns>
    public async Task<string?> UntilWholeAsync(int silos, TimeSpan limit, CancellationToken cancellation)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            string? missing = await TryGetStatusAsync() is { } status ? FindMissing(status, silos, _gone.ContainsKey) : "nobody answers with a status";
            if (missing is null || Stopwatch.GetElapsedTime(began) > limit)
                return missing;
            await Task.Delay(Pause, cancellation);
        }
    }

    /// <summary>What keeps the cluster from being whole; null if it is.</summary>
    public static string? FindMissing(ClusterStatus status, int silos, Func<string, bool> isGone)
    {
        string[] active = [.. status.Silos.Where(static silo => silo.State == "Active").Select(static silo => silo.Address)];
        if (active.Any(isGone))
            return "a silo that has ended is still a member";
        if (active.Length != silos || status.Silos.Any(static silo => silo.State is not ("Active" or "Dead")))
            return string.Create(CultureInfo.InvariantCulture, $"{active.Length} of {silos} silos are active ({string.Join(", ", status.Silos.Select(static silo => $"{silo.Name} {silo.State}"))})");
        int copies = Math.Min(status.Replicas + 1, silos);
        ShardStatus[] wanting = [.. status.Shards.Where(shard => !IsWhole(shard, copies, active))];
        return wanting.Length == 0 ? null : string.Join("; ", wanting.Take(3).Select(Describe)) + (wanting.Length > 3 ? string.Create(CultureInfo.InvariantCulture, $"; and {wanting.Length - 3} more") : "");
    }

    private static bool IsWhole(ShardStatus shard, int copies, string[] active) =>
        shard.Primary is not null && active.Contains(shard.Primary) && shard.InSync.Count == copies && shard.InSync.All(active.Contains) && shard.InSync.Distinct().Count() == copies;

    private static string Describe(ShardStatus shard) => string.Create(CultureInfo.InvariantCulture,
        $"shard {shard.Shard}: epoch {shard.Epoch}, primary {shard.Primary ?? $"none ({shard.Problem})"}, in sync {string.Join(' ', shard.InSync)}, copies {string.Join(", ", shard.Copies.Select(static copy => $"{copy.Silo} {copy.State} {copy.Phase} at {copy.LogEnd}"))}");
}
