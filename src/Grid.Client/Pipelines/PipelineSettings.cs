namespace Grid.Client.Pipelines;

/// <summary>The part of <see cref="GridClientOptions"/> that pipelines work by, frozen.</summary>
internal sealed record PipelineSettings(
    int BatchesInFlightMax,
    int BatchOperationsMin,
    int BatchOperationsMax,
    int BatchBytesMax,
    int LargeOperationBytes,
    int RetryDelayMinMs,
    int RetryDelayMaxMs,
    int ResendAfterMs)
{
    /// <summary>How often deadlines, pauses and silences are looked at.</summary>
    public const int TickMs = 15;

    /// <summary>How long the answers of a reign that is over are waited for, in milliseconds.</summary>
    public const int SettleMs = 45;

    public static PipelineSettings From(GridClientOptions options) => new(
        options.BatchesInFlightMax,
        options.BatchOperationsMin,
        options.BatchOperationsMax,
        options.BatchBytesMax,
        options.LargeOperationBytes,
        (int)options.RetryDelayMin.TotalMilliseconds,
        (int)options.RetryDelayMax.TotalMilliseconds,
        (int)options.ResendAfter.TotalMilliseconds);
}
