using Grid.Client.Contracts;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Fronts;

/// <summary>
/// Where the primaries are, as their silos say: asked twice a second, and when the cluster changes. A guess that saves a hop; a
/// batch that goes to the wrong silo is passed on by it.
/// </summary>
internal sealed partial class ReignMap(
    LocalShards shards,
    SiloTransport transport,
    IGridSiloServiceClient silos,
    SiloMembership membership,
    IOptions<GridOptions> options,
    ILogger<ReignMap> logger) : SiloLoop
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(500);

    private readonly Dictionary<string, int[]> _reigns = [];
    private string?[] _siloOfShard = [];

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    /// <summary>The silo of the primary of a shard, or null if it is not known.</summary>
    public string? SiloOf(int shard)
    {
        if (shards.Find(shard) is not null)
            return membership.Local;
        string?[] map = Volatile.Read(ref _siloOfShard);
        return (uint)shard < (uint)map.Length ? map[shard] : null;
    }

    /// <summary>What clients are told.</summary>
    public FrontInfo Describe()
    {
        string[] active = [.. membership.Current.Active];
        int[] map = [.. Enumerable.Range(0, options.Value.ShardCount).Select(shard => Array.IndexOf(active, SiloOf(shard)))];
        return new FrontInfo(membership.Local, active, map);
    }

    protected override Task RunAsync(CancellationToken stopping) => SideBySideAsync(stopping, KeepAsync, WatchAsync);

    private async Task KeepAsync(CancellationToken stopping)
    {
        using PeriodicTimer timer = new(LookPeriod);
        do
        {
            await Task.WhenAll(membership.Current.Active.Where(silo => silo != membership.Local).Select(AskAsync));
            Update();
        }
        while (await timer.WaitForNextTickAsync(stopping));
    }

    /// <summary>Nothing more goes to a silo that is dead: until its shards are heard of elsewhere, plain calls find them.</summary>
    private async Task WatchAsync(CancellationToken stopping)
    {
        await foreach (ClusterMembershipSnapshot _ in membership.Updates.WithCancellation(stopping))
            Update();
    }

    private async Task AskAsync(string silo)
    {
        int[] reigns = [];
        try
        {
            reigns = await silos.At(SiloAddress.FromParsableString(silo)).GetReignsAsync().AsTask().WaitAsync(LookPeriod);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogSilent(silo, failure.Message);
        }

        lock (_reigns)
            _reigns[silo] = reigns;
    }

    private void Update()
    {
        lock (_reigns)
        {
            IReadOnlyList<string> active = membership.Current.Active;
            string?[] map = new string?[options.Value.ShardCount];
            foreach (string gone in _reigns.Keys.Where(silo => !active.Contains(silo)).ToArray())
                _reigns.Remove(gone);
            foreach ((string silo, int[] reigns) in _reigns)
            {
                foreach (int shard in reigns.Where(shard => shard < map.Length))
                    map[shard] = silo;
            }

            Volatile.Write(ref _siloOfShard, map);
            transport.SetSilos(map);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Silo {Silo} does not say where its primaries are: {Reason}")]
    private partial void LogSilent(string silo, string reason);
}
