using Microsoft.Extensions.Options;

namespace Grid.Silo.Hosting;

/// <summary>Checks <see cref="GridOptions"/> when the silo starts, and names every setting that is wrong.</summary>
internal sealed class GridOptionsValidator : IValidateOptions<GridOptions>
{
    public ValidateOptionsResult Validate(string? name, GridOptions options)
    {
        List<string> faults = [];
        Check(faults, nameof(options.ShardCount), options.ShardCount, 1, 4096);
        Check(faults, nameof(options.Replicas), options.Replicas, 0, 6);
        Check(faults, nameof(options.MinInSync), options.MinInSync, 0, options.Replicas, $" (not more than {nameof(options.Replicas)})");
        Check(faults, nameof(options.BootstrapSilos), options.BootstrapSilos, 1, 1000);
        Check(faults, nameof(options.SyncWindowMs), options.SyncWindowMs, 0, 60_000);
        Check(faults, nameof(options.MaxCohort), options.MaxCohort, 0, 1000);
        Check(faults, nameof(options.SavedSnapshotMs), options.SavedSnapshotMs, 0, 600_000);
        Check(faults, nameof(options.SyncPinBytes), options.SyncPinBytes, 1 << 20, 64L << 30);
        Check(faults, nameof(options.SyncPinBytesMax), options.SyncPinBytesMax, options.SyncPinBytes, 64L << 30, $" (not less than {nameof(options.SyncPinBytes)})");
        CheckUnlessZero(faults, nameof(options.SyncBytesPerSecondMax), options.SyncBytesPerSecondMax, 1 << 20, long.MaxValue);
        CheckUnlessZero(faults, nameof(options.BacklogMsMax), options.BacklogMsMax, 1000, long.MaxValue);
        Check(faults, nameof(options.SnapshotsPerSiloMax), options.SnapshotsPerSiloMax, 1, 64);
        Check(faults, nameof(options.SnapshotChunkBytes), options.SnapshotChunkBytes, 128 << 10, 4 << 20);
        Check(faults, nameof(options.BacklogBytesMax), options.BacklogBytesMax, 64 << 10, 16L << 30);
        Check(faults, nameof(options.UncommittedBytesMax), options.UncommittedBytesMax, 1 << 20, 16L << 30);
        Check(faults, nameof(options.KeptBytesMax), options.KeptBytesMax, 1 << 20, 16L << 30);
        Check(faults, nameof(options.SnapshotKeptBytesMax), options.SnapshotKeptBytesMax, 1 << 20, 64L << 30);
        Check(faults, nameof(options.ReplicaTimeoutMs), options.ReplicaTimeoutMs, 200, 60_000);
        Check(faults, nameof(options.LeaseMs), options.LeaseMs, 200, 30_000);
        Check(faults, nameof(options.PollTimeoutMs), options.PollTimeoutMs, 50, 10_000);
        Check(faults, nameof(options.Weight), options.Weight, 1, 10_000);
        Check(faults, nameof(options.RebalanceDelayMs), options.RebalanceDelayMs, 0, 3_600_000);
        Check(faults, nameof(options.MovesMax), options.MovesMax, 1, 256);
        Check(faults, nameof(options.DrainMs), options.DrainMs, 0, 3_600_000);
        CheckName(faults, nameof(options.Compression), options.Compression);
        CheckName(faults, nameof(options.MixedCohort), options.MixedCohort);
        CheckName(faults, nameof(options.SyncTransport), options.SyncTransport);
        CheckName(faults, nameof(options.LoadMode), options.LoadMode);
        if (string.IsNullOrWhiteSpace(options.RecordStorage))
            faults.Add($"{GridConstants.ConfigurationSection}:{nameof(options.RecordStorage)} is empty; name a grain storage.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void CheckName<T>(List<string> faults, string key, T value)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            faults.Add($"{GridConstants.ConfigurationSection}:{key} is {value:d}; it can be {string.Join(" or ", Enum.GetNames<T>())}.");
    }

    private static void CheckUnlessZero(List<string> faults, string key, long value, long least, long most)
    {
        if (value != 0)
            Check(faults, key, value, least, most, " (or 0 for no bound)");
    }

    private static void Check(List<string> faults, string key, long value, long least, long most, string hint = "")
    {
        if (value < least || value > most)
            faults.Add($"{GridConstants.ConfigurationSection}:{key} is {value}; it must be {least} to {most}{hint}.");
    }
}
