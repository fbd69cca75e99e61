using Microsoft.Extensions.Options;

namespace Grid.Client.Hosting;

/// <summary>Checks <see cref="GridClientOptions"/> when the host starts.</summary>
internal sealed class GridClientOptionsValidator : IValidateOptions<GridClientOptions>
{
    private const long MiB = 1024 * 1024;

    public ValidateOptionsResult Validate(string? name, GridClientOptions options)
    {
        List<string> errors = [];
        Between(options.Timeout, TimeSpan.FromMilliseconds(1), GridLimits.TimeoutMax, nameof(options.Timeout));
        Between((int)options.Durability, 0, (int)Durability.Primary, nameof(options.Durability));
        Between((int)options.ReadMode, 0, (int)ReadMode.Local, nameof(options.ReadMode));
        Between(options.MaxStaleness, TimeSpan.FromMilliseconds(1), GridLimits.TimeoutMax, nameof(options.MaxStaleness));
        Between(options.BatchesInFlightMax, 1, 64, nameof(options.BatchesInFlightMax));
        Between(options.BundlesInFlightMax, 0, 16, nameof(options.BundlesInFlightMax));
        Between(options.BatchOperationsMin, 1, 100_000, nameof(options.BatchOperationsMin));
        Between(options.BatchOperationsMax, 1, 100_000, nameof(options.BatchOperationsMax));
        Between(options.BatchBytesMax, 4096, 32 * MiB, nameof(options.BatchBytesMax));
        Between(options.LargeOperationBytes, 1024, 64 * MiB, nameof(options.LargeOperationBytes));
        Between(options.OperationsOutstandingMax, 1, 4_000_000, nameof(options.OperationsOutstandingMax));
        Between(options.BytesOutstandingMax, MiB, 65_536 * MiB, nameof(options.BytesOutstandingMax));
        Between(options.OperationsWaitingMax, 1, 4_000_000, nameof(options.OperationsWaitingMax));
        Between(options.RetryDelayMin, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(10), nameof(options.RetryDelayMin));
        Between(options.RetryDelayMax, options.RetryDelayMin, TimeSpan.FromMinutes(1), nameof(options.RetryDelayMax));
        Between(options.ResendAfter, TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1), nameof(options.ResendAfter));
        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);

        void Between<T>(T value, T min, T max, string option)
            where T : IComparable<T>
        {
            if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
                errors.Add($"{nameof(GridClientOptions)}.{option} is {value}; it must be {min} to {max}.");
        }
    }
}
