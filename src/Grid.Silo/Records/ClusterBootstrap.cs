using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Records;
using Grid.Silo.Events;
using Grid.Silo.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace Grid.Silo.Records;

/// <summary>What is fixed for a cluster's life. Persisted: never reuse an id, never change a meaning.</summary>
[GenerateSerializer, Alias("Grid.ClusterState")]
public sealed class ClusterState
{
    /// <summary>Shards of the key hash space; 0 in storage means that there is no cluster.</summary>
    [Id(0)] public int ShardCount { get; set; }

    /// <summary>True once every shard has its record: from then on a missing one is a loss.</summary>
    [Id(1)] public bool Bootstrapped { get; set; }
}

/// <summary>
/// Makes a new cluster's records, once. Any number of silos may do it at the same time: every step is a
/// compare-and-set, and the last one closes the door.
/// </summary>
internal sealed partial class ClusterBootstrap(
    IServiceProvider services,
    ShardRecordStore records,
    SiloMembership membership,
    IOptions<GridOptions> options,
    EventRing events,
    ILogger<ClusterBootstrap> logger)
{
    private const string StateName = "cluster";
    private static readonly GrainId Id = GrainId.Create("grid-cluster", "0");
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly IGrainStorage _storage = services.GetRequiredKeyedService<IGrainStorage>(options.Value.RecordStorage);
    private int _waitedWith = -1;

    /// <summary>Refuses a silo whose settings do not fit the cluster.</summary>
    /// <exception cref="OrleansConfigurationException">The cluster has another number of shards.</exception>
    public async Task CheckAsync()
    {
        Stored state = await ReadAsync();
        if (state.State.ShardCount != 0 && state.State.ShardCount != options.Value.ShardCount)
        {
            throw new OrleansConfigurationException(
                $"{GridConstants.ConfigurationSection}:{nameof(GridOptions.ShardCount)} is {options.Value.ShardCount}, but this cluster was made with {state.State.ShardCount} shards, which is fixed for its life. Set it to {state.State.ShardCount}.");
        }
    }

    /// <summary>Comes back once the cluster has all its records.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                if (await TryBootstrapAsync())
                    return;
            }
            catch (InconsistentStateException)
            {
                // Another silo is at it; the next look shows what it made.
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                LogFailed(failure);
            }

            await Task.Delay(Pause, stopping);
        }
    }

    /// <summary>Why the cluster's shards have no records yet; null once they were made, so that one that is missing is a loss.</summary>
    public async Task<string?> WhyNotYetAsync()
    {
        if ((await ReadAsync()).State.Bootstrapped)
            return null;
        int wanted = options.Value.BootstrapSilos, active = membership.Current.Active.Count;
        return active < wanted
            ? string.Create(CultureInfo.InvariantCulture, $"the new cluster waits for {wanted} silos ({GridConstants.ConfigurationSection}:{nameof(GridOptions.BootstrapSilos)}), {active} so far")
            : "the new cluster's shards are being made";
    }

    private async Task<bool> TryBootstrapAsync()
    {
        Stored state = await ReadAsync();
        if (state.State.Bootstrapped)
            return true;
        int active = membership.Current.Active.Count;
        if (active < options.Value.BootstrapSilos)
        {
            if (active != _waitedWith)
                LogWaiting(active, options.Value.BootstrapSilos);
            _waitedWith = active;
            return false;
        }

        if (state.State.ShardCount == 0)
        {
            state.State = new ClusterState { ShardCount = options.Value.ShardCount };
            await _storage.WriteStateAsync(StateName, Id, state);
        }

        for (int shard = 0; shard < options.Value.ShardCount; shard++)
            await records.CreateAsync(ShardRecord.Fresh(shard, Guid.NewGuid(), Guid.NewGuid()));
        state.State.Bootstrapped = true;
        await _storage.WriteStateAsync(StateName, Id, state);
        LogBootstrapped(options.Value.ShardCount);
        events.Add(EventKind.ClusterCreated, EventSeverity.Info, $"a new cluster of {options.Value.ShardCount} shards");
        return true;
    }

    private async Task<Stored> ReadAsync()
    {
        Stored state = new();
        await _storage.ReadStateAsync(StateName, Id, state);
        return state;
    }

    /// <summary>The cluster's state on its way from and to storage; a provider may leave null where there is none.</summary>
    private sealed class Stored : IGrainState<ClusterState>
    {
        private ClusterState _state = new();

        [AllowNull]
        public ClusterState State
        {
            get => _state;
            set => _state = value ?? new ClusterState();
        }

        public string? ETag { get; set; }

        public bool RecordExists { get; set; }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "A new cluster: {Shards} shards are made")]
    private partial void LogBootstrapped(int shards);

    [LoggerMessage(Level = LogLevel.Information, Message = "A new cluster: {Active} of the {Wanted} silos are here that it waits for before its shards are made")]
    private partial void LogWaiting(int active, int wanted);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cluster's records could not be made yet; another silo may be at it")]
    private partial void LogFailed(Exception failure);
}
