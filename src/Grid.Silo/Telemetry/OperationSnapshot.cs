using Grid.Formats.Operations;

namespace Grid.Silo.Telemetry;

/// <summary>What a silo's primaries have done since it began, as of one look; two looks make rates.</summary>
public readonly struct OperationSnapshot
{
    private readonly long[]? _counts;

    internal OperationSnapshot(long[] counts, DurationCounts durations, long timestamp)
    {
        _counts = counts;
        Durations = durations;
        Timestamp = timestamp;
    }

    /// <summary>When it was taken, by <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/>.</summary>
    public long Timestamp { get; }

    /// <summary>From a batch's arrival at its primary to its reply, counted once for each operation.</summary>
    public DurationCounts Durations { get; }

    /// <summary>All operations.</summary>
    public long Operations => _counts?.Sum() ?? 0;

    /// <summary>Operations that read.</summary>
    public long Reads => Of(OperationKind.Get) + Of(OperationKind.Peek) + Of(OperationKind.Scan) + Of(OperationKind.Statistics);

    /// <summary>Operations that write, or tried to.</summary>
    public long Writes => Operations - Reads;

    /// <summary>Operations that were refused or whose outcome is not known: all but done, not found, and conditions that did not hold.</summary>
    public long Failed => _counts is null
        ? 0
        : _counts.Where(static (_, i) => i % OperationTally.Statuses > (int)OperationStatus.ConditionFailed).Sum();

    /// <summary>Operations of one kind.</summary>
    /// <param name="kind">The kind.</param>
    public long Of(OperationKind kind) => _counts is null ? 0 : _counts.AsSpan((int)kind * OperationTally.Statuses, OperationTally.Statuses).ToArray().Sum();
}
